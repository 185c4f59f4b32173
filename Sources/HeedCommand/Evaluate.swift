import ArgumentParser
import Heed
import HeedFormats
import HeedText
import HeedTraining

/// `heed evaluate`: how well a model predicts a text.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure how well a model predicts a text.",
    discussion: """
      Nats and bits for each token, the perplexity, and bits for each byte, which compare with any \
      other model and with a compressor. With --ngram the text is predicted by counting alone, over \
      the same tokens: an interpolated n-gram model with modified Kneser-Ney smoothing that has seen \
      the texts named. With --against it says how far the model is from another one that has the same \
      tokens, such as the file that it was converted from: the divergence counts every change of a \
      prediction, also where a perplexity says no more than noise. With --cache-type keys and values \
      are rounded as a cache of this type keeps them, as where texts are generated; without it they are \
      read as they are computed. Beside --against it is the model that is rounded, never the other one: \
      a model against itself says what a small cache costs.
      """)

  @Argument(help: "A UTF-8 text file, plain or .gz; - reads standard input.") var file: String
  @OptionGroup(title: "The model") var model: ModelOptions
  @Option(
    parsing: .unconditional,
    help: "Tokens that a window repeats from the one before, to know more at its beginning.")
  var overlap = 0
  @Option(help: "Measure an n-gram model of this text instead; may be given several times.")
  var ngram: [String] = []
  @Option(parsing: .unconditional, help: "The longest n-gram (default: 5).") var order: Int?
  @Option(help: "Measure how far the model is from this one instead.") var against: String?
  @Option(help: "Read keys and values from a cache of this type, as generate does (default: none).")
  var cacheType: CacheType?
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    guard overlap >= 0 else { throw ValidationError("--overlap must be 0 or more") }
    guard (1...32).contains(order ?? 5) else { throw ValidationError("--order must be 1 to 32") }
    guard against == nil || ngram.isEmpty && overlap == 0 else {
      throw ValidationError("--against goes neither with --ngram nor with --overlap")
    }
    guard order == nil || !ngram.isEmpty else { throw ValidationError("--order goes with --ngram") }
    guard ngram.isEmpty || overlap == 0 else {
      throw ValidationError("--overlap does not go with --ngram, which has no windows")
    }
    guard ngram.isEmpty || cacheType == nil else {
      throw ValidationError("--cache-type does not go with --ngram, which has no keys")
    }
  }

  func run() throws { try model.withThreads { try measure() } }

  private func measure() throws {
    if let against { return try showDivergence(from: against) }
    let (name, result) = ngram.isEmpty ? try ofModel() : try ofNGrams()
    if json {
      printJSON([
        "loss": .number(result.loss), "bits_per_token": .number(result.bitsPerToken),
        "bits_per_byte": .number(result.bitsPerByte), "tokens": .count(result.tokens),
        "bytes": .count(result.bytes), "perplexity": .number(result.perplexity),
        "cache": cache,
      ])
    } else {
      print(
        "\(name): \(fixed(result.loss, 4)) nats, \(fixed(result.bitsPerToken, 4)) bits a token, "
          + "over \(result.tokens) tokens")
      print(
        "  perplexity \(fixed(result.perplexity, 4)), \(fixed(result.bitsPerByte, 4)) bits a byte, "
          + "over \(result.bytes) bytes")
    }
  }

  private func showDivergence(from reference: String) throws {
    let loaded = try model.load()
    let (other, text) = (try model.load(reference), try readFile(file))
    let result = try Waiting.forIt("evaluating") {
      try loaded.divergence(from: other, on: text, cacheType: cacheType?.elementType)
    }
    if json {
      printJSON([
        "divergence": .number(result.nats), "divergence_error": .number(result.natsError),
        "loss_change": .number(result.lossChange),
        "loss_change_error": .number(result.lossChangeError),
        "agreement": .number(result.agreement), "tokens": .count(result.tokens),
        "cache": cache,
      ])
    } else {
      print(
        "\(loaded.name) against \(reference): divergence \(fixed(result.nats, 6)) "
          + "+- \(fixed(result.natsError, 6)) nats a token, over \(result.tokens) tokens")
      print(
        "  loss \(fixed(result.lossChange, 6, isSigned: true)) "
          + "+- \(fixed(result.lossChangeError, 6)) nats a token, "
          + "the same likeliest token for \(fixed(result.agreement * 100, 2)) %")
    }
  }

  /// How keys and values were kept, as `heed generate` calls it.
  private var cache: BenchValue { .text(cacheType.map { "\($0.elementType)" } ?? "none") }

  private func ofModel() throws -> (String, Evaluation) {
    let loaded = try model.load()
    let text = try readFile(file)
    var bar = ProgressBar("evaluating")
    defer { bar.end() }
    let result = try loaded.evaluate(
      text, overlap: overlap, cacheType: cacheType?.elementType
    ) { bar.show($0, of: $1) }
    return (loaded.name, result)
  }

  private func ofNGrams() throws -> (String, Evaluation) {
    let (tokenizer, order) = (try model.tokenizer(), order ?? 5)
    let known = try ngram.flatMap { try tokenizer.encode(try TextFile.text(at: $0)) }
    guard !known.isEmpty else {
      throw CommandError("\(ngram.joined(separator: ", ")): there is no text to count")
    }
    let counts = KneserNeyModel(
      of: known, vocabularySize: tokenizer.vocabularySize, order: order)
    let text = try readFile(file)
    let ids = try tokenizer.encode(text)
    guard !ids.isEmpty else { throw CommandError("the text is too short to evaluate") }
    return (
      "Kneser-Ney of order \(order) over \(known.count) tokens",
      Evaluation(bits: counts.bits(of: ids), tokens: ids.count, bytes: text.utf8.count)
    )
  }
}
