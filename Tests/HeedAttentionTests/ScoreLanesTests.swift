import Foundation
import HeedAttention
import HeedTensor
import Testing

@Suite("Functions of score lanes")
struct ScoreLanesTests {
  /// A function, its oracle in float64 and the bound of its error in ulp.
  private static let functions:
    [(
      String, @Sendable (ScoreLanes) -> ScoreLanes, @Sendable (Double) -> Double, Double
    )] =
      [
        ("exp", { $0.exponential }, { exp($0) }, 1.4),
        ("tanh", { $0.hyperbolicTangent }, { tanh($0) }, 2),
        ("log", { $0.logarithm }, { log($0) }, 1),
        ("sqrt", { $0.squareRoot }, { $0.squareRoot() }, 0.5),
      ]

  /// How far `got` is from `want`, in units of the last place of a float there.
  private func error(_ got: Float, _ want: Double) -> Double {
    let single = Float(want)
    if want.isNaN || single.isInfinite || single == 0 || got.isNaN || got.isInfinite {
      return got == single || got.isNaN && want.isNaN
        ? 0 : abs(Double(got) - want) < 1e-44 ? 1 : .infinity
    }
    return abs(Double(got) - want) / Double(single.ulp)
  }

  @Test("errors keep their bounds over all sizes, zeros, infinities and what is no number")
  func bounds() {
    // Every 1,009th bit pattern.
    let patterns = stride(from: UInt32(0), to: .max - 1009 * 16, by: 1009).map {
      Float(bitPattern: $0)
    }
    for (name, function, oracle, bound) in Self.functions {
      var largest = 0.0
      var place: Float = 0
      for start in stride(from: 0, to: patterns.count - 16, by: 16) {
        let inputs = Array(patterns[start..<start + 16])
        for (x, got) in zip(inputs, function(ScoreLanes(values: inputs)).values) {
          let error = error(got, oracle(Double(x)))
          if error > largest { (largest, place) = (error, x) }
        }
      }
      #expect(largest <= bound, "\(name) at \(place)")
    }
    let special: [Float] = [
      0, -0.0, .infinity, -.infinity, .nan, 1, -1, 88.8, -104, .greatestFiniteMagnitude,
    ]
    let lanes = ScoreLanes(values: special + [Float](repeating: 1, count: 6))
    for (name, function, oracle, bound) in Self.functions {
      for (x, got) in zip(special, function(lanes).values) {
        #expect(error(got, oracle(Double(x))) <= bound, "\(name) of \(x)")
      }
    }
  }

  @Test("every function of a rule has the gradient of its differences")
  func gradients() {
    let score = ScoreExpression.score
    let size: ScoreExpression = .absolute(score) + 0.5
    let rules: [(String, ScoreExpression)] = [
      ("log", .logarithm(size)), ("sqrt", .squareRoot(size)),
      ("tanh", .hyperbolicTangent(score) * 2),
      ("exp", .exponential(score * 0.5)), ("minimum", .minimum(score * 2, .key * 0.1)),
      ("maximum", .maximum(score * 2, .key * 0.1 - 1)), ("quotient", score / size),
    ]
    let x = AttentionInputs(B: 1, H: 1, T: 3, S: 18, D: 4)
    for (name, rule) in rules {
      func output(_ inputs: [Tensor]) -> Tensor {
        attention(inputs[0], inputs[1], inputs[2], rule: ScoreRule(rule))
      }
      let got = differentiated([x.q, x.k, x.v], x.upstream, output).gradients[0]
      let base: [Float] = x.q.elements()
      let want = base.indices.map { place in
        func loss(_ change: Float) -> Double {
          var moved = base
          moved[place] += change
          let result = output([Tensor(moved, shape: x.q.shape), x.k, x.v])
          return float64(result * x.upstream).sum().item()
        }
        return (loss(0x1p-8) - loss(-0x1p-8)) / 0x1p-7
      }
      // Differences of float32 results over 1/128.
      #expect(largestError(got, Tensor(want, shape: x.q.shape)) < 2e-3, "\(name)")
    }
  }
}
