import HeedAttention
import HeedTensor
import Testing

/// A rule that bends scores, looks at distances and hides every seventh key.
private struct Bent: ScoreChange {
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    let distance = (place.query - place.key).absolute
    let bent = score.hyperbolicTangent * S(2) + score * score * S(0.1) - distance / S(10)
    return distance.selecting(bent, whereLessThan: S(5), otherwise: bent * S(Float(place.head + 1)))
  }
}

/// The same as a soft cap of 2.
private struct Capped: ScoreChange {
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    (score / S(2)).hyperbolicTangent * S(2)
  }
}

@Suite struct ScoreRuleTests {
  @Test("a rule that caps equals the built-in soft cap, forward and backward")
  func cap() {
    let x = AttentionInputs(B: 1, H: 2, T: 19, S: 140, D: 8)
    let built = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], mask: .causal, softCap: 2)
    }
    let own = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], mask: .causal, rule: ScoreRule(Capped()))
    }
    #expect(largestError(own.output, float64(built.output)) < 2e-6)
    for (a, b) in zip(own.gradients, built.gradients) {
      #expect(largestError(a, float64(b)) < 4e-6)
    }
  }

  @Test("the derivative of a rule is that of finite differences")
  func derivative() {
    // One query and its keys: the gradient of the bias-free scores reaches q through k.
    let x = AttentionInputs(B: 1, H: 2, T: 9, S: 37, D: 4)
    let rule = ScoreRule(Bent())
    func loss(_ q: Tensor) -> Double {
      (attention(q, x.k, x.v, rule: rule) * x.upstream).converted(to: .float64).sum().item()
    }
    let gradient: [Float] =
      differentiated([x.q], x.upstream) { attention($0[0], x.k, x.v, rule: rule) }
      .gradients[0].elements()
    let base: [Float] = x.q.elements()
    for place in stride(from: 0, to: base.count, by: 5) {
      func moved(_ change: Float) -> Tensor {
        var elements = base
        elements[place] += change
        return Tensor(elements, shape: x.q.shape)
      }
      // Differences of float32 sums over a step of 0.02: their own rounding is some 1e-4.
      let want = (loss(moved(0.01)) - loss(moved(-0.01))) / 0.02
      #expect(abs(Double(gradient[place]) - want) < 5e-3 * (1 + abs(want)))
    }
  }
}
