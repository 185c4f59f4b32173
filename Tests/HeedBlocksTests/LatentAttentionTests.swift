import HeedAttention
import HeedBlocks
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Latent attention")
struct LatentAttentionTests {
  private let weights: [String: Tensor]
  private let layer: LatentAttention
  private let x: Tensor

  init() {
    var generator = RandomGenerator(seed: 4)
    // 3 heads of 5 + 4 channels, values of 7, latents of 6.
    let shapes = [
      "q_a_proj.weight": [8, 10], "q_a_layernorm.weight": [8], "q_b_proj.weight": [27, 8],
      "kv_a_proj_with_mqa.weight": [10, 10], "kv_a_layernorm.weight": [6],
      "kv_b_proj.weight": [36, 6], "o_proj.weight": [10, 21],
    ]
    weights = shapes.sorted { $0.key < $1.key }
      .reduce(into: [String: Tensor]()) { $0[$1.key] = generator.normal($1.value) }
    layer = Self.layer(weights)
    x = generator.normal([2, 17, 10])
  }

  private static func layer(_ weights: [String: Tensor]) -> LatentAttention {
    LatentAttention(
      headCount: 3, plainWidth: 5, valueWidth: 7, rotary: Rotary(width: 4, pairing: .neighbours)
    ) { weights[$0] }
  }

  @Test("the absorbed form on a cache gives what the expanded form gives, in any pieces")
  func absorbed() {
    let want = layer(x)
    for pieces in [[17], [13, 1, 3], Array(repeating: 1, count: 17)] {
      var cache = LatentCache()
      for count in pieces {
        let range = cache.count..<cache.count + count
        let got = layer(x.sliced(axis: 1, range: range), cache: &cache)
        let expected = want.sliced(axis: 1, range: range)
        let distance = (got - expected).abs().max().item(as: Float.self)
        #expect(distance < 2e-5 * expected.abs().max().item(as: Float.self), "\(pieces)")
      }
      #expect(cache.count == 17)
    }
  }

  /// Each number of a latent and of a rotary key is off by at most 1/254 of the largest of its own; scores
  /// add ten such products, and the softmax and the way out add theirs.
  private static let eightBitRows: Float = 0.02

  @Test(
    "latents of 8 bits give nearly what float32 ones give, the same bits in any pieces and threads")
  func eightBits() {
    let want = layer(x)
    let largest = want.abs().max().item(as: Float.self)
    var results: [[UInt32]] = []
    for (pieces, threads) in [([17], 1), ([13, 1, 3], 2), (Array(repeating: 1, count: 17), 3)] {
      ThreadPool.withThreadCount(threads) {
        var cache = LatentCache(elementType: .int8)
        let parts = pieces.map { count in
          layer(
            x.sliced(axis: 1, range: cache.count..<cache.count + count), cache: &cache)
        }
        let got = Tensor(concatenating: parts, alongAxis: 1)
        let distance = (got - want).abs().max().item(as: Float.self)
        #expect(distance > 0 && distance < Self.eightBitRows * largest, "\(distance / largest)")
        results.append(got.elements(as: Float.self).map(\.bitPattern))
      }
    }
    #expect(Set(results).count == 1)
  }

  @Test("rotary keys that are very much smaller than latents have 8 bits of their own")
  func scales() {
    // Keys divided by what queries are multiplied with: the same scores.
    var weights = weights
    func scaled(_ name: String, rows: (Int) -> Bool, by factor: Float) {
      guard let weight = weights[name] else { return }
      let factors = (0..<weight.shape[0]).map { rows($0) ? factor : 1 }
      weights[name] = weight * Tensor(factors, shape: [weight.shape[0], 1])
    }
    scaled("kv_a_proj_with_mqa.weight", rows: { $0 >= 6 }, by: 1e-3)
    scaled("q_b_proj.weight", rows: { $0 % 9 >= 5 }, by: 1e3)
    let layer = Self.layer(weights)
    var cache = LatentCache(elementType: .int8)
    let (got, want) = (layer(x, cache: &cache), layer(x))
    let distance = (got - want).abs().max().item(as: Float.self)
    #expect(distance < Self.eightBitRows * want.abs().max().item(as: Float.self))
  }

  @Test("looking at the absorbed form shows the weights of the expanded one")
  func probed() {
    let (expanded, absorbed) = (AttentionProbe(), AttentionProbe())
    _ = layer(x, probe: expanded)
    var cache = LatentCache()
    _ = layer(x, cache: &cache, probe: absorbed)
    for head in 0..<3 {
      let weights = [expanded, absorbed].map { $0.records[0].weights(batch: 1, head: head) }
      #expect((weights[0] - weights[1]).abs().max().item(as: Float.self) < 1e-5)
    }
  }

  @Test("gradients of both forms are those of differences", arguments: [false, true])
  func gradients(isAbsorbed: Bool) {
    let attention = LatentAttentionSpec(
      headCount: 2, latentWidth: 8, queryLatentWidth: 3, plainWidth: 2, valueWidth: 2,
      rotary: Rotary(width: 2, pairing: .neighbours), hasBias: true)
    #expect(attention.expandedFrom == 3)
    let spec = BlockSpec([BranchSpec(operation: .latentAttention(attention))])
    let slots = spec.slots(layer: 0, width: 6)
    let inputs = ([[1, 3, 6]] + slots.map(\.shape)).enumerated().map { index, shape in
      var generator = RandomGenerator(seed: 6, stream: UInt64(index))
      return generator.normal(shape).converted(to: .float64)
    }
    var generator = RandomGenerator(seed: 9)
    let upstream = generator.normal([1, 3, 6]).converted(to: .float64)
    let errors = gradientErrors(inputs, upstream: upstream) { tensors in
      let lookup = WeightLookup { path, _ in
        tensors[1 + (slots.firstIndex { $0.path == path } ?? 0)]
      }
      var context = BlockContext(mask: .causal, positions: [0, 1, 2])
      context.keepsBitsInPieces = isAbsorbed
      return Block(spec, layer: 0, lookup)(tensors[0], context: &context)
    }
    for (path, error) in zip(["x"] + slots.map(\.path), errors) {
      #expect(error < differenceTolerance, "\(path)")
    }
  }
}
