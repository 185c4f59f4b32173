import HeedAttention
import HeedTensor
import Testing

@Suite("Relative attention")
struct RelativeAttentionTests {
  @Test("every pair of query and key meets the vectors of its distance", arguments: [1, 2, 7, 13])
  func definition(T: Int) {
    let inputs = AttentionInputs(B: 2, H: 4, G: 2, T: T, S: 13, D: 5, Dv: 3)
    var generator = RandomGenerator(seed: 5)
    let tables = RelativeTables(keys: generator.normal([7, 5]), values: generator.normal([7, 3]))
    let got = tables.attention(inputs.q, inputs.k, inputs.v, mask: .causal)
    // Position by position, with the keys and values of that query.
    for t in 0..<T {
      let rows = (0..<13).map { max(-3, min(3, $0 - (t + 13 - T))) + 3 }
      let k = inputs.k + tables.keys.gathered(atIndices: rows)
      let v = inputs.v + (tables.values ?? tables.keys).gathered(atIndices: rows)
      let visible = 0..<t + 13 - T + 1
      let want = referenceAttention(
        float64(inputs.q.sliced(axis: 2, range: t..<t + 1)),
        float64(k.sliced(axis: 2, range: visible)), float64(v.sliced(axis: 2, range: visible))
      ).output
      #expect(largestError(got.sliced(axis: 2, range: t..<t + 1), want) < 1e-5)
    }
  }

  @Test("distances of Transformer-XL do not depend on how much of the keys is memory")
  func memory() {
    let inputs = AttentionInputs(H: 2, T: 17, D: 8)
    var generator = RandomGenerator(seed: 5)
    let (u, w) = (generator.normal([2, 8]), generator.normal([2, 8]))
    let weight = generator.normal([16, 6])
    func run(_ q: Tensor) -> Tensor {
      transformerXLAttention(
        q, inputs.k, inputs.v, contentBias: u, positionBias: w, weight: weight)
    }
    let whole = run(inputs.q)
    for count in [1, 3, 16] {
      let range = 17 - count..<17
      let got = run(inputs.q.sliced(axis: 2, range: range))
      #expect(largestError(got, whole.sliced(axis: 2, range: range)) < 1e-5)
    }
  }

  @Test(
    "the rule of T5's buckets has the output and the gradients of their bias",
    arguments: [(7, 7, true), (70, 150, false), (1, 33, false), (13, 5, true)])
  func buckets(T: Int, S: Int, isBidirectional: Bool) {
    let x = AttentionInputs(B: 2, H: 4, G: 2, T: T, S: S, D: 8)
    let buckets = RelativeBuckets(count: 8, maximumDistance: 20, isBidirectional: isBidirectional)
    var generator = RandomGenerator(seed: 5)
    let table = generator.normal([8, 4])
    let offset = max(0, S - T)
    let got = differentiated([x.q, x.k, x.v, table], x.upstream) {
      let rule = buckets.rule(table: $0[3], queryCount: T, keyCount: S, queryOffset: offset)
      return attention($0[0], $0[1], $0[2], scale: 1, rule: rule)
    }
    let want = differentiated([x.q, x.k, x.v, table].map(float64), float64(x.upstream)) {
      let bias = buckets.bias(table: $0[3], queryCount: T, keyCount: S, queryOffset: offset)
      return attention($0[0], $0[1], $0[2], scale: 1, bias: bias)
    }
    #expect(largestError(got.output, want.output) < 4e-6)
    for (a, b) in zip(got.gradients, want.gradients) { #expect(largestError(a, b) < 1e-5) }
  }

  @Test("Transformer-XL by its rule has the output and the gradients of float64 by its bias")
  func transformerXL() {
    let x = AttentionInputs(B: 2, H: 2, T: 40, S: 150, D: 8, Dv: 5)
    var generator = RandomGenerator(seed: 5)
    let inputs = [
      x.q, x.k, x.v, generator.normal([2, 8]), generator.normal([2, 8]),
      generator.normal([16, 6]) * 0.3,
    ]
    func run(_ x: [Tensor]) -> Tensor {
      transformerXLAttention(
        x[0], x[1], x[2], contentBias: x[3], positionBias: x[4], weight: x[5],
        mask: .window(left: 90, right: nil))
    }
    let got = differentiated(inputs, x.upstream, run)
    let want = differentiated(inputs.map(float64), float64(x.upstream), run)
    #expect(largestError(got.output, want.output) < 4e-6)
    for (a, b) in zip(got.gradients, want.gradients) { #expect(largestError(a, b) < 3e-5) }
  }

  @Test("padding takes its own row, wherever it stands")
  func learned() {
    let isToken = [false, true, true, false, true]
    #expect(LearnedPositions.places.rows(isToken: isToken) == [0, 1, 2, 3, 4])
    #expect(LearnedPositions.tokens(padding: 9).rows(isToken: isToken) == [9, 0, 1, 9, 2])
    #expect(LearnedPositions.tokensFrom(offset: 1).rows(isToken: isToken) == [1, 2, 3, 1, 4])
  }
}
