import HeedTensor
import Testing

@Suite("Functions of single elements")
struct ElementwiseTests {
  @Test("unary functions have the derivatives that differences show")
  func unaryGradients() {
    let x = sample([3, 7], scale: 2)
    let positive = x.abs() + 0.5
    expectGradient([x]) { $0[0].exp() }
    expectGradient([positive]) { $0[0].log() }
    expectGradient([positive]) { $0[0].squareRoot() }
    expectGradient([positive]) { $0[0].reciprocalSquareRoot() }
    expectGradient([x]) { $0[0].squared() }
    expectGradient([x]) { $0[0].tanh() }
    expectGradient([x]) { $0[0].sin() }
    expectGradient([x]) { $0[0].cos() }
    expectGradient([x]) { $0[0].erf() }
    expectGradient([x]) { $0[0].sigmoid() }
    expectGradient([x]) { $0[0].abs() }
    expectGradient([positive]) { $0[0].pow(1.7) }
    expectGradient([x]) { $0[0].clamped(to: -0.8...0.9) }
    expectGradient([x]) { -$0[0] }
    expectGradient([x]) { 1.5 - $0[0] * 3 + 2 }
    expectGradient([positive]) { 2 / $0[0] - $0[0] / 3 }
  }

  @Test("pairs of shapes that fit as in numpy add, multiply and divide, forward and backward")
  func broadcasting() {
    let pairs: [([Int], [Int])] = [
      ([3, 4], [3, 4]), ([2, 3, 4], [4]), ([4], [2, 3, 4]), ([2, 3, 1], [1, 3, 5]),
      ([2, 1, 3], [4, 1]), ([], [2, 3]), ([5], []), ([1, 1], [3]), ([2, 3, 4, 5], [3, 1, 5]),
    ]
    for (left, right) in pairs {
      let a = sample(left, seed: 3)
      let b = sample(right, seed: 4) + 2
      expectGradient([a, b]) { $0[0] + $0[1] }
      expectGradient([a, b]) { $0[0] - $0[1] }
      expectGradient([a, b]) { $0[0] * $0[1] }
      expectGradient([a, b]) { $0[0] / $0[1] }
      expectGradient([a, b - 2]) { $0[0].maximum($0[1]) }
      expectGradient([a, b - 2]) { $0[0].minimum($0[1]) }
    }
    let table = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    let column = Tensor([10, 20] as [Float], shape: [2, 1])
    #expect((table + column).elements(as: Float.self) == [11, 12, 13, 24, 25, 26])
  }

  @Test("strided views compute what their copies compute")
  func views() {
    let x = sample([5, 6, 7]).converted(to: .float32)
    let view = x.transposed(permutation: [2, 0, 1]).sliced(axis: 1, range: 1..<4)
    let copy = Tensor(view.elements(as: Float.self), shape: view.shape)
    let factor = sample([3, 6]).converted(to: .float32)
    #expect((view * factor).elements(as: Float.self) == (copy * factor).elements(as: Float.self))
    #expect(view.exp().elements(as: Float.self) == copy.exp().elements(as: Float.self))
  }

  @Test("lengths of zero give empty results")
  func empty() {
    let nothing = Tensor(zeros: [0, 3])
    #expect((nothing + Tensor(zeros: [3])).shape == [0, 3])
    #expect(nothing.exp().shape == [0, 3])
    #expect(nothing.sum().item(as: Float.self) == 0)
    #expect(nothing.sum(alongAxes: [0]).elements(as: Float.self) == [0, 0, 0])
    #expect(nothing.softmax().shape == [0, 3])
    #expect(nothing.layerNorm().shape == [0, 3])
    #expect(nothing.matrixProduct(Tensor(zeros: [3, 4])).shape == [0, 4])
  }

  @Test(
    "activations have the derivatives that differences show",
    arguments: [
      Activation.identity, .geluErf, .geluTanh, .quickGelu, .clippedGelu(limit: 1.5), .silu, .mish,
      .relu, .relu6, .squaredRelu, .leakyRelu(slope: 0.01), .elu(alpha: 1.3), .sigmoid,
      .hardSigmoid, .hardSwish, .tanh, .softplus, .laplace,
    ])
  func activations(_ activation: Activation) {
    let x = sample([2, 65], seed: 5, scale: 8)
    expectGradient([x]) { $0[0].activated(activation) }
    expectGradient([x, sample([2, 65], seed: 6)]) { $0[0].activated(activation, times: $0[1]) }
  }

  @Test("activations stay finite far from zero")
  func largeArguments() {
    let x = Tensor([-1e30, -1e4, -100, -0.0, 0, 100, 1e4, 1e30] as [Float])
    for activation in [Activation.geluErf, .geluTanh, .silu, .mish, .softplus, .sigmoid, .tanh] {
      let tape = Tape()
      let watched = tape.watch(x)
      let y = watched.activated(activation)
      #expect(y.doubles.allSatisfy { $0.isFinite }, "\(activation)")
      let gradient = tape.gradients(of: y, for: [watched])[0]
      #expect(gradient.doubles.allSatisfy { $0.isFinite }, "\(activation)")
    }
  }

  @Test("element types convert with rounding to nearest even and limits")
  func conversions() {
    let x = Tensor([1.0, -2.5, 1e30, 3.14159] as [Float])
    #expect(x.converted(to: .int32).elements(as: Int32.self) == [1, -2, .max, 3])
    #expect(x.converted(to: .bfloat16).converted(to: .float64).doubles[3] == 3.140625)
    #expect(x.converted(to: .float16).doubles[2] == .infinity)
    #expect(Tensor([true, false]).converted(to: .float32).elements(as: Float.self) == [1, 0])
    #expect(Tensor([Float.nan]).converted(to: .int64).elements(as: Int64.self) == [0])
    let tape = Tape()
    let watched = tape.watch(x)
    let gradient = tape.gradients(of: watched.converted(to: .float64) * 2, for: [watched])[0]
    #expect(gradient.elements(as: Float.self) == [2, 2, 2, 2])
  }
}
