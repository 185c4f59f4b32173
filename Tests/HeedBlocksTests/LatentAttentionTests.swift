import HeedAttention
import HeedBlocks
import HeedTensor
import Testing

@Suite("Latent attention")
struct LatentAttentionTests {
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
    let weights = shapes.sorted { $0.key < $1.key }
      .reduce(into: [String: Tensor]()) { $0[$1.key] = generator.normal($1.value) }
    layer = LatentAttention(
      headCount: 3, plainWidth: 5, valueWidth: 7, rotary: Rotary(width: 4, pairing: .neighbours)
    ) { weights[$0] }
    x = generator.normal([2, 17, 10])
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
}
