import HeedAttention
import HeedTensor
import Testing

/// `score + table[head, query - key + 4]`.
private struct Distances: ScoreChange {
  let shift: Float
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    let column = place.query - place.key + S(shift)
    return score + place.value(ofTable: 0, row: place.head, column: column)
  }
}

/// Two tables, one of them read twice, and neither of them linearly.
private struct Entangled: ScoreChange {
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    let near = place.value(ofTable: 0, column: (place.query - place.key).absolute)
    let far = place.value(ofTable: 0, column: place.key / S(3))
    let own = place.value(ofQueryTable: 1, column: place.key)
    return (score * near).hyperbolicTangent + far * own * S(0.5) + score
  }
}

@Suite("Tables of a score rule")
struct ScoreTablesTests {
  @Test("a table of distances has the output and the gradients of the bias it stands for")
  func bias() {
    for (T, S) in [(7, 7), (65, 140), (1, 33)] {
      let x = AttentionInputs(B: 2, H: 4, G: 2, T: T, S: S, D: 8)
      var generator = RandomGenerator(seed: 6)
      let table = generator.normal([4, 9])
      let rule = Distances(shift: Float(4 + S - T))
      let got = differentiated([x.q, x.k, x.v, table], x.upstream) {
        attention($0[0], $0[1], $0[2], mask: .causal, rule: ScoreRule(rule, tables: [$0[3]]))
      }
      let columns = (0..<T * S).map { max(0, min(8, $0 / S + S - T - $0 % S + 4)) }
      let want = differentiated([x.q, x.k, x.v, table].map(float64), float64(x.upstream)) {
        let bias = $0[3].transposed().gathered(atIndices: columns).transposed()
        return referenceAttention(
          $0[0], $0[1], $0[2], mask: .causal, bias: bias.reshaped(to: [1, 4, T, S])
        ).output
      }
      #expect(largestError(got.output, want.output) < 4e-6)
      for (a, b) in zip(got.gradients, want.gradients) { #expect(largestError(a, b) < 1e-5) }
    }
  }

  @Test("gradients of tables equal finite differences where a rule is not linear in them")
  func finiteDifferences() {
    let x = AttentionInputs(B: 2, H: 2, G: 1, T: 3, S: 37, D: 4)
    var generator = RandomGenerator(seed: 8)
    let tables = [generator.normal([13]), generator.normal([2, 2, 3, 37])]
    func loss(_ tables: [Tensor]) -> Double {
      let output = attention(x.q, x.k, x.v, rule: ScoreRule(Entangled(), tables: tables))
      return float64(output * x.upstream).sum().item()
    }
    let gradients = differentiated(tables, x.upstream) {
      attention(x.q, x.k, x.v, rule: ScoreRule(Entangled(), tables: $0))
    }.gradients
    for (which, table) in tables.enumerated() {
      let base: [Float] = table.elements()
      let got: [Float] = gradients[which].elements()
      #expect(gradients[which].shape == table.shape)
      for place in stride(from: 0, to: base.count, by: which == 0 ? 1 : 17) {
        func moved(_ change: Float) -> [Tensor] {
          var (all, elements) = (tables, base)
          elements[place] += change
          all[which] = Tensor(elements, shape: table.shape)
          return all
        }
        // Differences of float32 sums over a step of 0.02: their own rounding is some 1e-4.
        let want = (loss(moved(0.01)) - loss(moved(-0.01))) / 0.02
        #expect(abs(Double(got[place]) - want) < 5e-3 * (1 + abs(want)))
      }
    }
  }

  @Test("1, 2, 3 and 7 threads give the same bits of a table's gradient")
  func threads() {
    let x = AttentionInputs(B: 1, H: 3, G: 1, T: 70, S: 500, D: 8)
    var generator = RandomGenerator(seed: 6)
    let table = generator.normal([3, 40])
    let all = [1, 2, 3, 7].map { count in
      ThreadPool.withThreadCount(count) {
        bits(
          differentiated([table], x.upstream) {
            attention(x.q, x.k, x.v, rule: ScoreRule(Distances(shift: 20), tables: [$0[0]]))
          }.gradients[0])
      }
    }
    for other in all.dropFirst() { #expect(other == all[0]) }
  }

  @Test("a rule that is data equals the same rule as a type, forward and backward")
  func expression() {
    let x = AttentionInputs(B: 2, H: 3, T: 21, S: 40, D: 8)
    let distance = ScoreExpression.absolute(.query - .key)
    let bent =
      .hyperbolicTangent(.score / 3) * 2 + .exponential(0 - distance / 10) * (.head + 1) * .score
      + .batch * .score
    let expression = ScoreExpression.selection(
      left: distance, isLessThan: 9, yes: bent, no: .score)
    let got = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], rule: ScoreRule(expression))
    }
    let want = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], rule: ScoreRule(Written()))
    }
    #expect(bits(got.output) == bits(want.output))
    for (a, b) in zip(got.gradients, want.gradients) { #expect(bits(a) == bits(b)) }
  }

  /// The tree above, written out.
  private struct Written: ScoreChange {
    func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
      let distance = (place.query - place.key).absolute
      let far = (S(0) - distance / S(10)).exponential * (S(Float(place.head)) + S(1)) * score
      let bent = (score / S(3)).hyperbolicTangent * S(2) + far + S(Float(place.batch)) * score
      return distance.selecting(bent, whereLessThan: S(9), otherwise: score)
    }
  }
}
