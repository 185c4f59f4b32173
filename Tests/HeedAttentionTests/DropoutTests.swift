import HeedAttention
import HeedTensor
import Testing

/// Float32 against the slow twin in float64, weights up to 1 / (1 - rate) times as large.
private let roundingTolerance = 1e-5
/// Products of factors rounded to 8 bits.
private let bfloat16Tolerance = 9e-2

@Suite("Dropout of weights")
struct DropoutTests {
  private let dropout = AttentionDropout(rate: 0.4, seed: 77)

  @Test(
    "the share of zeros is the rate, the others keep the mean", arguments: [0.05, 0.1, 0.5, 0.9])
  func rate(rate: Double) {
    let count = 4 * 8 * 64 * 64
    let factors: [Float] = AttentionDropout(rate: Float(rate), seed: 3)
      .factors(batch: 4, heads: 8, queryCount: 64, keyCount: 64).elements()
    let zeros = Double(factors.count { $0 == 0 }) / Double(count)
    // Five standard deviations of a share.
    let deviation = (rate * (1 - rate) / Double(count)).squareRoot()
    #expect(abs(zeros - rate) < 5 * deviation)
    #expect(factors.allSatisfy { $0 == 0 || $0 == 1 / (1 - Float(rate)) })
    for width in [64, 64 * 64, 8 * 64 * 64] {
      // Neighbouring keys, queries, heads and sequences are drawn apart.
      let pairs = (0..<count - width).count { factors[$0] == 0 && factors[$0 + width] == 0 }
      let share = Double(pairs) / Double(count - width)
      #expect(abs(share - rate * rate) < 8 * deviation)
    }
  }

  @Test(
    "the forward and the backward equal the slow twin with the same draws",
    arguments: [
      FusedAttentionTests.Shape(1, 1, 1, 1, 1, 1, 1), .init(2, 4, 2, 17, 33, 16, 7),
      .init(1, 2, 1, 65, 130, 8, 16),
    ])
  func equalsReference(shape: FusedAttentionTests.Shape) {
    let x = shape.inputs
    var generator = RandomGenerator(seed: 9)
    let bias = generator.normal([1, shape.H, shape.T, shape.S])
    let sinks = generator.normal([shape.H])
    let fused = differentiated([x.q, x.k, x.v, bias, sinks], x.upstream) {
      attention(
        $0[0], $0[1], $0[2], mask: .causal, bias: $0[3], softCap: 4, sinks: $0[4], dropout: dropout)
    }
    let slow = differentiated([x.q, x.k, x.v, bias, sinks].map(float64), float64(x.upstream)) {
      attention(
        $0[0], $0[1], $0[2], mask: .causal, bias: $0[3], softCap: 4, sinks: $0[4], dropout: dropout)
    }
    #expect(largestError(fused.output, slow.output) < roundingTolerance)
    for (a, b) in zip(fused.gradients, slow.gradients) {
      #expect(largestError(a, b) < roundingTolerance)
    }
    let half = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], mask: .causal, dropout: dropout, precision: .bfloat16)
    }
    let plain = differentiated([x.q, x.k, x.v].map(float64), float64(x.upstream)) {
      attention($0[0], $0[1], $0[2], mask: .causal, dropout: dropout)
    }
    #expect(largestError(half.output, plain.output) < bfloat16Tolerance)
    for (a, b) in zip(half.gradients, plain.gradients) {
      #expect(largestError(a, b) < 3 * bfloat16Tolerance)
    }
  }

  @Test("draws are the ones that the model that ships was trained with")
  func stream() {
    // SplitMix64's finaliser over the coordinates, written out for a few cells.
    func mixed(_ value: UInt64) -> UInt64 {
      var z = value
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    let factors: [Float] = dropout.factors(batch: 2, heads: 3, queryCount: 5, keyCount: 5)
      .elements()
    for (batch, head, query, key) in [(0, 0, 0, 0), (1, 2, 3, 4), (0, 1, 4, 2), (1, 0, 2, 2)] {
      var bits = mixed((77 &+ 0x9E37_79B9_7F4A_7C15) ^ UInt64(batch << 32 | head))
      bits = mixed(bits ^ UInt64(query << 32 | key))
      let isDropped = Float(bits >> 40) * 0x1p-24 < 0.4
      let got = factors[((batch * 3 + head) * 5 + query) * 5 + key]
      #expect(got == (isDropped ? 0 : 1 / (1 - Float(0.4))))
    }
  }
}
