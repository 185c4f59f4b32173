import HeedTensor
import Testing

@Suite("Two layers in bfloat16, their hidden values in bfloat16 too")
struct FeedForwardProductsTests {
  @Test("operands of bfloat16 give the bits of their float32 copies", arguments: awkwardSizes)
  func operands(m: Int) {
    for (n, k) in zip([1, 31, 33, 64, 130], [300, 1, 257, 514, 8]) {
      let a = sample([m, k], seed: m).converted(to: .bfloat16)
      let b = sample([k, n], seed: n).converted(to: .bfloat16)
      let expected = bits(product(a.converted(to: .float32), b.converted(to: .float32)))
      let (at, bt) = (turned(a), turned(b))
      for (x, y) in [(a, b), (at, b), (a, bt), (at, bt), (a.converted(to: .float32), b)] {
        #expect(bits(product(x, y)) == expected)
      }
      // From an odd element on.
      let odd = Tensor(concatenating: [a, a], alongAxis: 1).sliced(axis: 1, range: 1..<k + 1)
      #expect(bits(product(odd, b)) == bits(product(odd.converted(to: .float32), b)))
    }
  }

  @Test(
    "values and gradients are those of two linear layers",
    arguments: [Activation.geluTanh, .silu, .relu, .identity])
  func twoLayers(activation: Activation) {
    for (rows, width, hidden, outputs) in [(300, 64, 96, 48), (1, 7, 5, 3), (37, 33, 130, 65)] {
      let x = sample([rows, width], seed: 3).converted(to: .float32)
      let weights = [sample([hidden, width]), sample([outputs, hidden], seed: 2)]
        .map { $0.converted(to: .float32) }
      let biases = [sample([hidden], seed: 5), sample([outputs], seed: 6)]
        .map { $0.converted(to: .float32) }
      let seed = sample([rows, outputs], seed: 9).converted(to: .float32)
      for isTransposed in [false, true] {
        let weights = isTransposed ? weights.map { $0.transposed().copied().transposed() } : weights
        func results(_ body: ([Tensor]) -> Tensor) -> (Tensor, [Tensor]) {
          let tape = Tape()
          let inputs = ([x] + weights + biases).map { tape.watch($0) }
          let result = body(inputs)
          return (result, tape.gradients(of: result, for: inputs, seed: seed))
        }
        let (value, gradients) = results {
          $0[0].feedForward(
            up: $0[1], upBias: $0[3], activation: activation, down: $0[2], downBias: $0[4])
        }
        let (expected, others) = results {
          linear(
            linear($0[0], weight: $0[1], bias: $0[3], precision: .bfloat16),
            inputActivation: activation, weight: $0[2], bias: $0[4], precision: .bfloat16)
        }
        #expect(bits(value) == bits(expected))
        // The slope is taken where its argument is rounded.
        for (gradient, other) in zip(gradients, others) {
          let size = other.doubles.map(abs).max() ?? 1
          #expect(largestError(gradient * (1 / size), other * (1 / size)) < 0.01)
        }
        // The second layer does not see the slope; without an activation nor does the first.
        #expect(bits(gradients[2]) == bits(others[2]))
        #expect(bits(gradients[4]) == bits(others[4]))
        if activation == .identity {
          #expect(bits(gradients[0]) == bits(others[0]))
          #expect(bits(gradients[1]) == bits(others[1]))
        }
      }
    }
  }

  @Test("without biases, and where only some are wanted")
  func parts() {
    let x = sample([20, 16]).converted(to: .float32)
    let (up, down) = (
      sample([24, 16], seed: 2).converted(to: .float32),
      sample([8, 24], seed: 3).converted(to: .float32)
    )
    let tape = Tape()
    let watched = tape.watch(down)
    let value = x.feedForward(
      up: up, upBias: nil, activation: .geluErf, down: watched, downBias: nil)
    let plain = x.feedForward(up: up, upBias: nil, activation: .geluErf, down: down, downBias: nil)
    #expect(bits(value) == bits(plain))
    let gradients = tape.gradients(of: value, for: [watched])
    #expect(gradients[0].shape == [8, 24])
    #expect(gradients[0].doubles.contains { $0 != 0 })
  }

  private func product(_ a: Tensor, _ b: Tensor) -> Tensor { Tensor.product(a, b, .bfloat16) }

  /// The same values, stored the other way round.
  private func turned(_ matrix: Tensor) -> Tensor { matrix.transposed().copied().transposed() }
}
