import ArgumentParser
import Heed
import HeedAttention
import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor

/// What the weights of a model are in a benchmark.
enum WeightType: String, ExpressibleByArgument, CaseIterable {
  case f32, bf16, q8_0, q4_0

  var precision: ProductPrecision { self == .bf16 ? .bfloat16 : .float32 }
  /// Blocks that matrices of numbers become.
  var quantization: BlockType? { self == .q8_0 ? .q8_0 : self == .q4_0 ? .q4_0 : nil }
  var cacheType: ElementType { self == .f32 ? .float32 : .bfloat16 }

  /// A model that ships or lies at a path, or one of a known size with random weights.
  func model(_ name: String) throws -> LanguageModel {
    guard let (spec, binding, parameters) = try BenchModel.make(name) else {
      return try LanguageModel(
        path: ShippedModel.place(of: name), precision: precision, quantization: quantization)
    }
    return LanguageModel(
      spec: spec, binding: binding, parameters: parameters, precision: precision,
      quantization: quantization)
  }

  /// Bytes of weights that a step must read: all but the rows of tables that it does not use.
  func bytesRead(by network: LanguageModel) -> Int {
    let bits: Int =
      switch self {
      case .f32: 32 * 32
      case .bf16: 16 * 32
      case .q8_0: 34 * 8
      case .q4_0: 18 * 8
      }
    let blocks = network.blockParameters.values.reduce(0) { $0 + $1.bytes.count }
    let numbers = network.parameters.values.reduce(0) {
      $0 + ($1.rank < 2 ? $1.count * 4 : $1.count / 32 * bits / 8)
    }
    // Learned positions, and the embedding where it is no head, are read row by row.
    let tables = network.spec.slots.filter {
      $0.path.hasPrefix("positions") || $0.path.hasPrefix("embedding") && !network.spec.isHeadTied
    }.reduce(0) { $0 + $1.shape.reduce(1, *) / 32 * bits / 8 }
    return blocks + numbers - tables
  }
}

/// `heed bench generate`: reading a prompt, or the steps after it.
struct BenchGenerate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Time the reading of a prompt or the steps after it.")

  /// What is timed.
  enum Phase: String, ExpressibleByArgument, CaseIterable { case prefill, decode }

  @Option(help: "A folder, a .gguf or .bin file, or one of \(BenchModel.names).") var model =
    "gpt2-124m"
  @Option(help: "Tokens of the prompt.") var promptTokens = 128
  @Option(help: "Steps after it.") var newTokens = 32
  @Option(help: "Sequences side by side.") var batch = 1
  @Option(
    help: "What the weights are: f32, bf16, q8_0 or q4_0. Blocks of a file stay what they are.")
  var dtype = WeightType.f32
  @Option(help: "How keys and values are kept (default: f32 for f32 weights, else bf16).")
  var cacheType: CacheType?
  @Option(help: "prefill or decode.") var phase = Phase.decode
  @Flag(
    help: """
      Ask memory between the samples of a decode what it gives: of_limit is then the middle of the shares \
      of single samples. rss_mb has the 128 MB for each thread that it takes.
      """)
  var inTurn = false
  @Option(help: "Samples, after one to warm up.") var samples = 5
  @OptionGroup var options: BenchOptions

  func run() throws {
    guard promptTokens > 0, newTokens > 0 || phase == .prefill, batch > 0, samples > 0 else {
      throw ValidationError("token counts, --batch and --samples must be positive")
    }
    let network = try dtype.model(model)
    let vocabulary = network.spec.vocabularySize
    options.withThreads {
      let prompt = (0..<batch).map { row in
        (0..<promptTokens).map { ($0 * 7919 + row * 104_729 + 1) % vocabulary }
      }
      var last = LanguageModel.Options()
      last.lastCount = 1
      let lastOnly = last
      var seconds: [Double] = []
      var cacheBytes = 0
      var readings: [Double] = []
      for _ in 0..<samples + 1 {
        var cache = network.emptyCache(elementType: cacheType?.elementType ?? dtype.cacheType)
        for layer in cache.indices { cache[layer].expect(promptTokens + newTokens) }
        var start = steadySeconds()
        var logits = network.forward(prompt, cache: &cache, options: lastOnly).logits
        if phase == .prefill {
          seconds.append(steadySeconds() - start)
          continue
        }
        let before = Self.byteCount(of: cache)
        start = steadySeconds()
        for _ in 0..<newTokens {
          let best: [Int64] = logits.reshaped(to: [batch, vocabulary]).argmax().elements()
          logits =
            network.forward(
              best.map { [Int($0)] }, cache: &cache, options: lastOnly
            ).logits
        }
        seconds.append(steadySeconds() - start)
        if inTurn { readings.append(MachineLimits.measureReading(rounds: 2, now: steadySeconds)) }
        // Each step reads all keys and values so far.
        cacheBytes = (before + Self.byteCount(of: cache)) / 2
      }
      let bytes = dtype.bytesRead(by: network)
      let steps = phase == .prefill ? 1 : newTokens
      let tokens = phase == .prefill ? batch * promptTokens : batch * newTokens
      let products = Self.products(
        network.spec, tokens: tokens, asked: batch * steps)
      let measurement = Measurement(samples: Array(seconds.dropFirst()))
      BenchReport(
        name: "\(phase.rawValue) of \(model)", measurement: measurement,
        operations: 2 * Double(products), type: dtype == .bf16 ? .bf16 : .f32,
        bytes: Double((bytes + cacheBytes) * steps), readings: readings,
        extra: [
          "tokens_per_s": .number(Double(tokens) / measurement.median),
          "weight_mb": .number(Double(bytes) / 1e6),
          "cache_mb": .number(Double(cacheBytes) / 1e6),
        ]
      ).show(options)
    }
  }

  private static func byteCount(of caches: [KeyValueCache]) -> Int {
    caches.reduce(0) { sum, cache in
      cache.tensors.values.reduce(sum) { $0 + $1.count * $1.elementType.byteCount }
    }
  }

  /// Multiply-adds with weights: of `tokens` only those `asked` about meet the head, and what lies behind
  /// the keys and values of the last block.
  private static func products(_ spec: ModelSpec, tokens: Int, asked: Int) -> Int {
    let last = spec.blocks.count - 1
    let head = spec.isHeadTied ? "embedding.weight" : "head.weight"
    return spec.slots.reduce(0) { sum, slot in
      let count = slot.shape.reduce(1, *)
      guard let layer = slot.layer else { return sum + (slot.path == head ? count * asked : 0) }
      guard layer == last else { return sum + count * tokens }
      switch slot.path {
      case "attention.input.weight":  // queries, as wide as the model, keys and values
        let forAll = (slot.shape[0] - slot.shape[1]) * slot.shape[1]
        return sum + forAll * tokens + (count - forAll) * asked
      case "attention.key.weight", "attention.value.weight", "attention.latent.weight",
        "attention.expansion.weight":
        return sum + count * tokens
      default: return sum + count * asked
      }
    }
  }
}
