import HeedAttention
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

/// Generated tokens take a way of their own, between buffers. Who asks for hidden states takes the general
/// one, so both can be compared.
@Suite("Tokens between buffers")
struct TokenPassTests {
  private static let kinds: [(ProductPrecision, BlockType?, ElementType)] = [
    (.float32, nil, .float32), (.float32, nil, .bfloat16), (.bfloat16, nil, .bfloat16),
    (.bfloat16, nil, .float32), (.float32, .q8_0, .bfloat16), (.float32, .q4_0, .int8),
  ]

  @Test(
    "a token has the bits of the general way, alone, in a batch and among sequences",
    arguments: SmallConfig.all, kinds.indices)
  func tokens(config: JSONValue, kind: Int) throws {
    let (precision, quantization, cacheType) = Self.kinds[kind]
    let small = try smallModel(config, precision: precision)
    let model = LanguageModel(
      spec: small.spec, binding: small.binding, parameters: small.parameters,
      precision: precision, quantization: quantization)
    var general = LanguageModel.Options()
    general.keepsBitsInPieces = true
    let plain = general
    general.keepsHiddenStates = true
    let texts = [[3, 1, 4, 1, 5], [6, 5, 3, 5, 8], [2, 7, 1, 8, 2]]
    for rows in [1, 3] {
      var (cache, other) = (
        model.emptyCache(elementType: cacheType), model.emptyCache(elementType: cacheType)
      )
      var sequences = texts[..<rows].map { _ in model.emptyCache(elementType: cacheType) }
      for range in [0..<2, 2..<3, 3..<4, 4..<5] {
        let piece = texts[..<rows].map { Array($0[range]) }
        let want = bits(model.forward(piece, cache: &cache, options: general).logits)
        #expect(bits(model.forward(piece, cache: &other, options: plain).logits) == want)
        let apart = model.forward(piece, sequences: &sequences, options: plain).logits
        #expect(bits(apart) == want)
      }
      #expect(other.map(\.position) == cache.map(\.position))
    }
  }

  @Test("tokens far behind each other have the bits of the general way", arguments: [8, 9, 1030])
  func longCaches(count: Int) throws {
    for config in [SmallConfig.llama, SmallConfig.gpt2] {
      let model = try smallModel(config, precision: .bfloat16)
      guard count < model.spec.contextLength || model.spec.learnedPositionCount == nil else {
        continue
      }
      var options = LanguageModel.Options()
      options.lastCount = 1
      let prompt = (0..<count).map { $0 * 7 % 11 }
      var cache = model.emptyCache(elementType: .bfloat16)
      _ = model.forward([prompt], cache: &cache, options: options)
      var other = cache
      let got = bits(model.forward([[5]], cache: &cache, options: options).logits)
      options.keepsHiddenStates = true
      #expect(bits(model.forward([[5]], cache: &other, options: options).logits) == got)
    }
  }

  @Test("a copy of a cache is not changed by a token that goes on behind the other")
  func snapshots() throws {
    let model = try smallModel(SmallConfig.llama)
    var cache = model.emptyCache()
    _ = model.forward([[3, 1, 4]], cache: &cache)
    var copy = cache
    let first = bits(model.forward([[1]], cache: &cache).logits)
    _ = model.forward([[9]], cache: &cache)
    #expect(bits(model.forward([[1]], cache: &copy).logits) == first)
  }

  @Test("a number that is not finite stays with those that see it, as in the general way")
  func notFinite() throws {
    let small = try smallModel(SmallConfig.gpt2)
    var parameters = small.parameters
    for (name, tensor) in parameters where name.hasSuffix("wte.weight") {
      var rows = tensor.converted(to: .float32).elements(as: Float.self)
      for column in 0..<tensor.shape[1] { rows[2 * tensor.shape[1] + column] = .infinity }
      parameters[name] = Tensor(rows, shape: tensor.shape)
    }
    let model = LanguageModel(spec: small.spec, binding: small.binding, parameters: parameters)
    var options = LanguageModel.Options()
    var (cache, other) = (model.emptyCache(), model.emptyCache())
    _ = model.forward([[3, 1]], cache: &cache)
    _ = model.forward([[3, 1]], cache: &other)
    for token in [2, 1] {
      let got = model.forward([[token]], cache: &cache, options: options).logits
      options.keepsHiddenStates = true
      let want = model.forward([[token]], cache: &other, options: options).logits
      options.keepsHiddenStates = false
      let (a, b) = (got.elements(as: Float.self), want.elements(as: Float.self))
      #expect(zip(a, b).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN })
      #expect(a.contains { !$0.isFinite })
    }
  }
}
