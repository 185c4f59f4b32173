import HeedTensor
import Testing

@Suite("Reductions, softmax, norms, losses")
struct RowTests {
  @Test("reductions along any axes have the gradients that differences show")
  func reductions() {
    let x = sample([2, 3, 4, 2])
    for axes in [nil, [0], [3], [1, 2], [0, 2], [-1, 0], [0, 1, 2, 3], []] as [[Int]?] {
      expectGradient([x]) { $0[0].squared().sum(alongAxes: axes) }
      expectGradient([x]) { $0[0].mean(alongAxes: axes, keepingRank: true).exp() }
      expectGradient([x]) { $0[0].max(alongAxes: axes) }
      expectGradient([x]) { $0[0].min(alongAxes: axes, keepingRank: true) }
    }
    expectGradient([x]) { $0[0].variance(alongAxes: [1, 2]) }
    expectGradient([x]) { $0[0].variance(alongAxes: [-1], keepingRank: true, correction: 1) }
    let table = Tensor([3, 9, 9, 1, 0, 2] as [Float], shape: [2, 3])
    #expect(table.argmax().elements(as: Int64.self) == [1, 2])
    #expect(table.argmax(alongAxis: 0).elements(as: Int64.self) == [0, 0, 0])
  }

  @Test("sums over many rows are those of float64", arguments: awkwardSizes)
  func longSums(size: Int) {
    let x = sample([300, size], seed: size)
    let single = x.converted(to: .float32)
    #expect(largestError(single.sum(alongAxes: [0]), x.sum(alongAxes: [0])) < float32Tolerance)
    #expect(largestError(single.sum(alongAxes: [1]), x.sum(alongAxes: [1])) < float32Tolerance)
    #expect(largestError(single.sum(), x.sum()) < float32Tolerance)
  }

  @Test("softmax along any axis has the gradient that differences show", arguments: [0, 1, 2, -1])
  func softmax(axis: Int) {
    let x = sample([3, 4, 5], scale: 4)
    expectGradient([x]) { $0[0].softmax(alongAxis: axis) }
    expectGradient([x]) { $0[0].logSoftmax(alongAxis: axis) }
    expectGradient([x]) { $0[0].logSumExp(alongAxis: axis) }
  }

  @Test(
    "log-sum-exp of rows of any length agrees with float64",
    arguments: awkwardSizes + [128, 1024, 1500, 5003])
  func logSumExp(size: Int) {
    let x = sample([3, size], seed: size, scale: 30)
    expectAgreement(x) { $0.logSumExp() }
    expectAgreement(x) { $0.logSoftmax().exp() }
    expectAgreement(x) { $0.softmax() }
  }

  private func expectAgreement(_ x: Tensor, _ operation: (Tensor) -> Tensor) {
    let single = x.converted(to: .float32)
    let error = largestError(operation(single), operation(single.converted(to: .float64)))
    // Logits and their log-sum-exp are below 64, where float32 values are 3.8e-6 apart.
    let spacingOfLogits = 3.8e-6
    #expect(error < spacingOfLogits)
  }

  @Test("a row of -infinity gives zeros and finite gradients")
  func emptyRows() {
    let x = Tensor([-.infinity, -.infinity, 1, -.infinity] as [Float], shape: [2, 2])
    #expect(x.softmax().elements(as: Float.self) == [0, 0, 1, 0])
    #expect(x.logSumExp().elements(as: Float.self) == [-.infinity, 1])
    let tape = Tape()
    let watched = tape.watch(x)
    let gradient = tape.gradients(of: watched.softmax(), for: [watched])[0]
    #expect(gradient.doubles.allSatisfy { $0 == 0 })
  }

  @Test("norms have the gradients that differences show")
  func norms() {
    let x = sample([3, 2, 7], scale: 2)
    let (gain, bias) = (sample([7], seed: 2) + 1.5, sample([7], seed: 3))
    expectGradient([x, gain, bias]) { $0[0].layerNorm(gain: $0[1], bias: $0[2], epsilon: 1e-3) }
    expectGradient([x, gain]) { $0[0].layerNorm(gain: $0[1]) }
    expectGradient([x]) { $0[0].layerNorm() }
    expectGradient([x, gain]) { $0[0].rmsNorm(gain: $0[1], gainOffset: 1) }
    expectGradient([x]) { $0[0].rmsNorm() }
    expectGradient([x]) { $0[0].normalized() }
    expectGradient([x]) { $0[0].normalized(alongAxis: 1) }
    let picture = sample([2, 6, 3, 2])
    let (g, b) = (sample([6], seed: 2) + 2, sample([6], seed: 3))
    expectGradient([picture, g, b]) { $0[0].groupNorm(groupCount: 3, gain: $0[1], bias: $0[2]) }
    expectGradient([picture, g, b, sample([6], seed: 5), sample([6], seed: 6) + 2]) {
      $0[0].batchNorm(mean: $0[3], variance: $0[4], gain: $0[1], bias: $0[2])
    }
  }

  @Test("gain gradients over many rows agree with float64", arguments: awkwardSizes)
  func manyRows(size: Int) {
    let (x, gain) = (sample([size, 5]), sample([5], seed: 2) + 1)
    let upstream = sample([size, 5], seed: 3)
    func gradients(_ type: ElementType) -> [Tensor] {
      let tape = Tape()
      let inputs = [x, gain, gain].map { tape.watch($0.converted(to: type)) }
      let y =
        inputs[0].layerNorm(gain: inputs[1], bias: inputs[2]) + inputs[0].rmsNorm(gain: inputs[1])
      return tape.gradients(of: y, for: inputs, seed: upstream.converted(to: type))
    }
    for (single, double) in zip(gradients(.float32), gradients(.float64)) {
      #expect(largestError(single, double) < float32Tolerance)
    }
  }

  @Test("cross entropy has the gradients that differences show, with every option")
  func crossEntropyGradients() {
    let x = sample([2, 3, 5], scale: 3)
    let targets = Tensor([0, 4, 2, -100, 1, 1] as [Int64], shape: [2, 3])
    let weights = sample([5], seed: 7) + 1.5
    for reduction in LossReduction.allCases {
      expectGradient([x]) { crossEntropy($0[0], targets: targets, reduction: reduction) }
      expectGradient([x]) { x in
        crossEntropy(
          x[0], targets: targets, labelSmoothing: 0.1,
          classWeights: weights.converted(to: x[0].elementType), reduction: reduction)
      }
      expectGradient([x]) {
        crossEntropy($0[0], targets: targets, labelSmoothing: 0.2, reduction: reduction)
      }
    }
    let none = Tensor([-100, -100] as [Int64])
    #expect(crossEntropy(sample([2, 3]), targets: none).item(as: Double.self) == 0)
  }

  @Test(
    "cross entropy over a long row is log-softmax at the target",
    arguments: [127, 128, 1024, 1300, 5003])
  func longCrossEntropy(classes: Int) {
    let x = sample([3, classes], scale: 10).converted(to: .float32)
    let targets = Tensor([0, Int64(classes / 2), Int64(classes - 1)])
    func gradient(_ type: ElementType) -> Tensor {
      let tape = Tape()
      let watched = tape.watch(x.converted(to: type))
      return tape.gradients(of: crossEntropy(watched, targets: targets), for: [watched])[0]
    }
    #expect(largestError(gradient(.float32), gradient(.float64)) < 1e-6)
  }

  @Test("other losses have the gradients that differences show")
  func losses() {
    let (x, t) = (sample([4, 3], scale: 3), sample([4, 3], seed: 2).softmax())
    for reduction in LossReduction.allCases {
      expectGradient([x, t]) { meanSquaredError($0[0], targets: $0[1], reduction: reduction) }
      expectGradient([x, t]) {
        binaryCrossEntropy(logits: $0[0], targets: $0[1], reduction: reduction)
      }
      expectGradient([x]) {
        divergence(
          logProbabilities: $0[0].logSoftmax(), targets: t.converted(to: $0[0].elementType),
          reduction: reduction)
      }
    }
  }
}
