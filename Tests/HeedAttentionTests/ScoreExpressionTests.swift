import HeedAttention
import HeedTensor
import Testing

/// A rule as a list of operations on earlier values, run by a loop over values of its own.
private struct Recipe: ScoreChange {
  let lines: [(operation: Int, left: Int, right: Int)]

  init(seed: UInt64, count: Int) {
    var generator = RandomGenerator(seed: seed)
    lines = (0..<count).map { line in
      // Values 0 to 4 are given; half of all inputs are among the last eight.
      func input() -> Int {
        let last = line + 4
        let near = Int.random(in: 0...1, using: &generator) == 0
        return Int.random(in: (near ? max(0, last - 7) : 0)...last, using: &generator)
      }
      return (Int.random(in: 0...7, using: &generator), input(), input())
    }
  }

  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    var values = [score, place.query, place.key, S(Float(place.head)), S(-0.5)]
    for (operation, i, j) in lines {
      let (left, right) = (values[i], values[j])
      switch operation {
      case 0: values.append(left + right)
      case 1: values.append(left - right)
      case 2: values.append(left.hyperbolicTangent * right)
      case 3: values.append(left / (right.absolute + S(1)))
      case 4: values.append(left.minimum(right))
      case 5: values.append(left.maximum(right))
      case 6: values.append(left.selecting(right, whereLessThan: score, otherwise: left))
      default: values.append(left.hyperbolicTangent.exponential + right)
      }
    }
    return values[values.count - 1].hyperbolicTangent
  }

  /// The same operations, recorded.
  var expression: ScoreExpression {
    var values: [ScoreExpression] = [.score, .query, .key, .head, -0.5]
    for (operation, i, j) in lines {
      let (left, right) = (values[i], values[j])
      switch operation {
      case 0: values.append(left + right)
      case 1: values.append(left - right)
      case 2: values.append(.hyperbolicTangent(left) * right)
      case 3: values.append(left / (.absolute(right) + 1))
      case 4: values.append(.minimum(left, right))
      case 5: values.append(.maximum(left, right))
      case 6: values.append(.selection(left: left, isLessThan: .score, yes: right, no: left))
      default: values.append(.exponential(.hyperbolicTangent(left)) + right)
      }
    }
    return .hyperbolicTangent(values[values.count - 1])
  }
}

@Suite("Rules that are data")
struct ScoreExpressionTests {
  /// Output and gradients of an attention with a rule.
  private func bitsOf(_ rule: some ScoreChange, keyCount: Int = 20) -> [[UInt32]] {
    let x = AttentionInputs(B: 1, H: 2, T: 3, S: keyCount, D: 4)
    let (output, gradients) = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], rule: ScoreRule(rule))
    }
    return ([output] + gradients).map(bits)
  }

  @Test("random operations have the bits of the same rule as a type, forward and backward")
  func randomOperations() {
    for seed in 1...20 as ClosedRange<UInt64> {
      let recipe = Recipe(seed: seed, count: 30)
      #expect(bitsOf(recipe.expression) == bitsOf(recipe), "seed \(seed)")
    }
  }

  @Test("what is doubled sixty times is sixty operations, with its value and its derivative")
  func doublings() {
    var doubled = ScoreExpression.score
    for _ in 0..<60 { doubled = doubled + doubled }
    #expect(bitsOf(doubled * 0x1p-60) == bitsOf(ScoreExpression.score))

    // Written again instead of used again.
    var (left, right) = (ScoreExpression.score, ScoreExpression.score)
    for _ in 0..<60 { (left, right) = (left + right, right + left) }
    #expect(left == doubled && left.hashValue == doubled.hashValue)
    #expect(bitsOf(left * 0x1p-60) == bitsOf(ScoreExpression.score))
  }

  @Test("a chain of 100,000 operations has its value and its derivative")
  func longChain() {
    func chain() -> ScoreExpression {
      (0..<100_000).reduce(.score) { inner, _ in 0 - inner }
    }
    let long = chain()
    #expect(bitsOf(long, keyCount: 16) == bitsOf(ScoreExpression.score, keyCount: 16))
    #expect(long == chain() && long != 0 - long)
  }

  @Test("expressions are equal when they are the same operations on the same bits")
  func equality() {
    let cap = ScoreExpression.score / 20
    #expect(.hyperbolicTangent(cap) * 20 == .hyperbolicTangent(ScoreExpression.score / 20) * 20)
    #expect(cap + cap == .score / 20 + .score / 20)
    #expect(cap - .key != .key - cap)
    #expect(ScoreExpression.constant(.nan) == .constant(.nan))
    #expect(ScoreExpression.constant(0) != .constant(-0.0))
    #expect(Set([cap, .score / 20, .score / 10, .query]).count == 3)
    // Zeros of both signs are two constants: the larger of them over one is not the other.
    #expect(bitsOf(.score + 0 / ScoreExpression.constant(-0.0)) != bitsOf(ScoreExpression.score))
  }
}
