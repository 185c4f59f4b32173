import HeedBlocks
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Alignment")
struct AlignmentTests {
  private func random(_ shape: [Int], _ stream: UInt64) -> Tensor {
    var generator = RandomGenerator(seed: 6, stream: stream)
    return generator.normal(shape)
  }

  @Test("the concatenated score is the additive one with its weight cut in two")
  func concat() {
    let (queries, keys) = (random([2, 3, 4], 1), random([2, 5, 6], 2))
    let (weight, vector) = (random([7, 10], 3), random([7], 4))
    let scores = AlignmentScore.concat(weight: weight, vector: vector, queryWidth: 4)(queries, keys)
    #expect(scores.shape == [2, 3, 5])
    // One score by its definition.
    let joined = queries.entry(2, axis: 1).concatenated(with: keys.entry(4, axis: 1), alongAxis: 1)
    let hidden = linear(joined, weight: weight).tanh()
    let want = linear(hidden, weight: vector.reshaped(to: [1, 7]))
    for batch in 0..<2 { #expect(abs(scores[batch, 2, 4] - want[batch, 0]) < 1e-5) }
  }

  @Test("every score has the gradients of its differences in float64, for all of its weights")
  func gradients() {
    func double(_ shape: [Int], _ stream: UInt64) -> Tensor {
      random(shape, stream).converted(to: .float64)
    }
    let (queries, keys) = (double([2, 3, 4], 1), double([2, 5, 4], 2))
    let upstream = double([2, 3, 5], 9)
    let scores: [([Tensor], ([Tensor]) -> AlignmentScore)] = [
      ([], { _ in .dot }), ([], { _ in .scaledDot }),
      ([double([4, 4], 3)], { .general(weight: $0[0]) }),
      (
        [double([6, 4], 3), double([6, 4], 4), double([6], 5), double([6], 6)],
        { .additive(query: $0[0], key: $0[1], vector: $0[2], bias: $0[3]) }
      ),
      (
        [double([6, 8], 3), double([6], 4)],
        { .concat(weight: $0[0], vector: $0[1], queryWidth: 4) }
      ),
    ]
    for (weights, score) in scores {
      let errors = gradientErrors([queries, keys] + weights, upstream: upstream) {
        score(Array($0[2...]))($0[0], $0[1])
      }
      #expect(errors.allSatisfy { $0 < differenceTolerance })
    }
  }

  @Test("weights sum to one over what is visible, and to zero where nothing is")
  func weights() {
    let truths = [true, false, true, false, false, false]
    let visible = Tensor(truths, shape: [2, 1, 3])
    let (weights, context) = weightedContext(
      scores: random([2, 2, 3], 1), values: random([2, 3, 4], 2), visible: visible)
    for query in 0..<2 {
      #expect(abs(weights[0, query, 0] + weights[0, query, 2] - 1) < 1e-6)
      #expect(weights[0, query, 1] == 0)
      #expect((0..<3).allSatisfy { weights[1, query, $0] == 0 })
      #expect((0..<4).allSatisfy { context[1, query, $0] == 0 })
    }
  }

  @Test("a monotonic window holds the places around the query's own")
  func window() {
    let places = LocalAlignment.monotonic.places(random([1, 4, 2], 1), lengths: [6])
    let (visible, factor) = LocalAlignment.monotonic.window(around: places, reach: 1, keyCount: 6)
    let truths = visible.elements(as: Bool.self)
    for t in 0..<4 {
      for s in 0..<6 { #expect(truths[t * 6 + s] == (abs(s - t) <= 1)) }
    }
    #expect(factor == nil)
  }
}
