import HeedAttention
import HeedTensor
import Testing

/// Means of up to some hundred values, and their gradients.
private let roundingTolerance = 1e-5

/// Models that mask by adding the smallest finite float.
@Suite("Rows that a bias has swallowed")
struct AbsorbedRowsTests {
  private static let low = -Float.greatestFiniteMagnitude

  /// Left padding of 40 and 7 places, as such models mask it: also for the queries in it.
  private static func padding(_ T: Int) -> Tensor {
    let cells = [40, 7].flatMap { padding in
      (0..<T).flatMap { query in
        (0..<T).map { $0 < padding || $0 > query ? low : Float(0.25) * Float($0 % 3) }
      }
    }
    return Tensor(cells, shape: [2, 1, T, T])
  }

  /// The twin in float32: in float64 nothing is swallowed.
  private func expectTwin(
    _ x: AttentionInputs, _ extra: [Tensor], tolerance: Double = roundingTolerance,
    _ fused: ([Tensor]) -> Tensor, _ slow: ([Tensor]) -> Tensor
  ) {
    let inputs = [x.q, x.k, x.v] + extra
    let got = differentiated(inputs, x.upstream, fused)
    let want = differentiated(inputs, x.upstream, slow)
    #expect(largestError(got.output, want.output) < tolerance)
    for (a, b) in zip(got.gradients, want.gradients) { #expect(largestError(a, b) < tolerance) }
  }

  @Test("a left-padded batch equals the slow twin, forward and backward")
  func leftPadding() {
    let x = AttentionInputs(B: 2, H: 4, G: 2, T: 150, D: 16, Dv: 9)
    let bias = Self.padding(150)
    expectTwin(x, [bias]) {
      attention($0[0], $0[1], $0[2], bias: $0[3])
    } _: {
      referenceAttention($0[0], $0[1], $0[2], bias: $0[3]).output
    }
    // bfloat16 weights of 0 and 1 are exact: rounding is that of the factors.
    expectTwin(x, [bias], tolerance: 0.1) {
      attention($0[0], $0[1], $0[2], bias: $0[3], precision: .bfloat16)
    } _: {
      referenceAttention($0[0], $0[1], $0[2], bias: $0[3]).output
    }
  }

  @Test("such rows have soft cap, slopes, mask and dropout like any other")
  func parts() {
    let x = AttentionInputs(B: 2, H: 2, T: 60, D: 8)
    let dropout = AttentionDropout(rate: 0.3, seed: 6)
    let slopes = Tensor(alibiSlopes(headCount: 2))
    expectTwin(x, [Self.padding(60), slopes]) {
      attention(
        $0[0], $0[1], $0[2], mask: .causal, bias: $0[3], alibi: $0[4], softCap: 2, dropout: dropout)
    } _: {
      referenceAttention(
        $0[0], $0[1], $0[2], mask: .causal, bias: $0[3], alibi: $0[4], softCap: 2, dropout: dropout
      ).output
    }
  }

  @Test("a rule has its part in them, and may swallow scores itself")
  func rule() {
    let x = AttentionInputs(B: 2, H: 2, T: 60, D: 8)
    let same = ScoreRule(ScoreExpression.score + 0)
    let bias = Self.padding(60)
    let plain = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], bias: bias)
    }
    let ruled = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], bias: bias, rule: same)
    }
    #expect(bits(ruled.output) == bits(plain.output))
    for (a, b) in zip(ruled.gradients, plain.gradients) { #expect(bits(a) == bits(b)) }
    let swallow = ScoreRule(ScoreExpression.score + .constant(Self.low))
    let means = attention(x.q, x.k, x.v, rule: swallow)
    let want = x.v.mean(alongAxes: [2]).expanded(axis: 2).broadcast(to: x.v.shape)
    #expect(largestError(means, want) < roundingTolerance)
  }

  @Test("a probe sees equal shares in them, in weights, masses and entropies alike")
  func record() {
    let x = AttentionInputs(B: 2, H: 2, T: 60, D: 8)
    let probe = AttentionProbe()
    _ = attention(x.q, x.k, x.v, bias: Self.padding(60), probe: probe)
    let record = probe.records[0]
    let weights: [Float] = record.weights(batch: 0, head: 1).elements()
    let row = weights[10 * 60..<11 * 60]
    #expect(row.allSatisfy { $0 == 1 / Float(60) })
    let mass = record.massReceived(batch: 0, head: 1)
    #expect(abs(mass.reduce(0, +) - 60) < 1e-3)
    #expect(abs(record.entropy(batch: 0, head: 1)[10] - 4.0943446) < 1e-5)
    let logSumExp: [Float] = record.logSumExp.elements()
    #expect(logSumExp[60 + 10] == Self.low && logSumExp[60 + 50] > -100)
  }

  @Test("blocks that a bias hides by -inf change nothing but the time")
  func hiddenBlocks() {
    let (T, S) = (150, 700)
    let x = AttentionInputs(B: 2, H: 2, T: T, S: S, D: 16)
    func isSeen(_ query: Int, _ key: Int) -> Bool { (key / 128 + query / 64) % 3 == 0 && key != 5 }
    var generator = RandomGenerator(seed: 2)
    let finite: [Float] = generator.normal([T * S]).elements()
    let cells = (0..<T * S).map { isSeen($0 / S, $0 % S) }
    let hidden = Tensor(
      finite.indices.map { cells[$0] ? finite[$0] : -.infinity }, shape: [1, 1, T, S])
    let mask = Mask.dense(Tensor(cells, shape: [1, 1, T, S]))
    let byBias = differentiated([x.q, x.k, x.v, hidden], x.upstream) {
      attention($0[0], $0[1], $0[2], bias: $0[3])
    }
    let byMask = differentiated(
      [x.q, x.k, x.v, Tensor(finite, shape: [1, 1, T, S])], x.upstream
    ) {
      attention($0[0], $0[1], $0[2], mask: mask, bias: $0[3])
    }
    #expect(largestError(byBias.output, byMask.output) == 0)
    for (a, b) in zip(byBias.gradients, byMask.gradients) { #expect(largestError(a, b) == 0) }
    // A rule may show what the bias hides.
    let rule = ScoreRule(
      ScoreExpression.selection(left: .score, isLessThan: -1e30, yes: 0, no: .score))
    let shown = attention(x.q, x.k, x.v, bias: hidden, rule: rule)
    #expect(bits(shown) != bits(byBias.output))
    let all = Tensor(repeating: -Float.infinity, shape: [1, 1, T, S])
    let mean = attention(x.q, x.k, x.v, bias: all, rule: rule)
    let want = x.v.mean(alongAxes: [2]).expanded(axis: 2).broadcast(to: mean.shape)
    #expect(largestError(mean, want) < roundingTolerance)
  }
}
