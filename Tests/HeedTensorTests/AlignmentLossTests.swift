import HeedTensor
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite("Alignment loss (CTC)")
struct AlignmentLossTests {
  /// Minus the log of the summed probabilities of every path that spells the target.
  private func enumerated(_ logits: [[Double]], target: [Int], blank: Int) -> Double {
    var sum = 0.0
    func walk(_ t: Int, _ path: [Int], _ logProbability: Double) {
      guard t < logits.count else {
        var spelt: [Int] = []
        for (i, label) in path.enumerated() where i == 0 || path[i - 1] != label {
          if label != blank { spelt.append(label) }
        }
        if spelt == target { sum += exp(logProbability) }
        return
      }
      for (label, value) in logits[t].enumerated() {
        walk(t + 1, path + [label], logProbability + value)
      }
    }
    walk(0, [], 0)
    return -log(sum)
  }

  @Test(
    "the loss is the sum over all paths",
    arguments: [([], 4, 0), ([1], 1, 0), ([1], 4, 2), ([1, 1], 5, 0), ([2, 1, 2], 5, 0)])
  func paths(target: [Int], steps: Int, blank: Int) {
    let x = sample([steps, 1, 3], seed: 4).logSoftmax()
    let loss = alignmentLoss(x, targets: [target], blank: blank, reduction: .none)
    let rows = (0..<steps).map { t in (0..<3).map { x.doubles[t * 3 + $0] } }
    #expect(abs(loss.doubles[0] - enumerated(rows, target: target, blank: blank)) < 1e-12)
  }

  @Test("gradients equal finite differences, with padding in steps and targets of all lengths")
  func gradients() {
    for reduction in LossReduction.allCases {
      expectGradient([sample([7, 3, 4], seed: 2)]) { inputs in
        alignmentLoss(
          inputs[0].logSoftmax(), targets: [[1, 1, 3], [], [2]], stepCounts: [7, 5, 3],
          reduction: reduction)
      }
    }
    // Without a softmax in front: the log-probabilities are independent numbers.
    expectGradient([sample([5, 1, 4], seed: 3)]) {
      alignmentLoss($0[0], targets: [[3, 1]], blank: 2)
    }
  }

  @Test("an impossible target costs infinity, or nothing where that is asked for")
  func impossible() {
    // Two equal labels need a blank between them: three steps.
    for ignores in [false, true] {
      let tape = Tape()
      let x = tape.watch(sample([2, 2, 3]))
      let loss = alignmentLoss(
        x.logSoftmax(), targets: [[1, 1], [1, 2]], reduction: .none, ignoresImpossible: ignores)
      #expect(loss.doubles[0] == (ignores ? 0 : .infinity))
      #expect(loss.doubles[1].isFinite && loss.doubles[1] > 0)
      let gradient = tape.gradients(of: loss, for: [x])[0].doubles
      #expect(gradient.allSatisfy { $0.isFinite })
      #expect((0..<2).allSatisfy { t in (0..<3).allSatisfy { gradient[t * 6 + $0] == 0 } })
      #expect(gradient.contains { $0 != 0 })
    }
  }

  @Test("a thousand steps neither overflow nor lose digits")
  func long() {
    // With even probabilities the loss is log of the number of paths less T log V: for the target
    // [1] there are T (T + 1) / 2 paths.
    let steps = 1000
    let x = Tensor(zeros: [steps, 1, 5], .float64).logSoftmax()
    let want = Double(steps) * log(5) - log(Double(steps * (steps + 1) / 2))
    let loss = alignmentLoss(x, targets: [[1]]).doubles[0]
    #expect(abs(loss - want) < 1e-9 * want)
  }

  @Test("steps behind the end of a sequence do not count")
  func padding() {
    let x = sample([6, 1, 3]).logSoftmax()
    let short = alignmentLoss(x.sliced(axis: 0, range: 0..<4), targets: [[1, 2]])
    let padded = alignmentLoss(x, targets: [[1, 2]], stepCounts: [4])
    #expect(short.doubles == padded.doubles)
  }
}
