import HeedTensor
import Testing

@Suite("Results that only products in bfloat16 read")
struct RoundedResultTests {
  private func float32(_ shape: [Int], seed: Int = 1) -> Tensor {
    sample(shape, seed: seed).converted(to: .float32)
  }

  private static func rounded(_ tensor: Tensor) -> Tensor {
    tensor.converted(to: .bfloat16).converted(to: .float32)
  }

  @Test("rows of bfloat16 add up to the bits of their float32 copies", arguments: awkwardSizes)
  func sums(rows: Int) {
    for width in [1, 33, 1500] {
      let x = sample([rows, width], seed: rows).converted(to: .bfloat16)
      let want = x.converted(to: .float32).sum(alongAxes: [0])
      #expect(bits(x.sumOfRows()) == bits(want))
    }
  }

  @Test("a norm rounds as a product would; its gradients do not change", arguments: [true, false])
  func norms(isLayerNorm: Bool) {
    for (rows, width) in [(1, 7), (70, 64), (300, 33)] {
      let inputs = [float32([rows, width]), float32([width], seed: 2), float32([width], seed: 3)]
      let seed = float32([rows, width], seed: 4)
      func results(_ type: ElementType?) -> (Tensor, [Tensor]) {
        let tape = Tape()
        let watched = inputs.map { tape.watch($0) }
        let value =
          isLayerNorm
          ? watched[0].layerNorm(gain: watched[1], bias: watched[2], resultType: type)
          : watched[0].rmsNorm(gain: watched[1], resultType: type)
        return (value.detached(), tape.gradients(of: value, for: watched, seed: seed))
      }
      let (plain, rounded) = (results(nil), results(.bfloat16))
      #expect(rounded.0.elementType == .bfloat16)
      #expect(bits(rounded.0.converted(to: .float32)) == bits(Self.rounded(plain.0)))
      #expect(rounded.1.map(bits) == plain.1.map(bits))
    }
  }

  @Test("a linear layer rounds at its end, and takes a gradient of bfloat16 as it is")
  func linearLayer() {
    for (rows, width, outputs) in [(1, 8, 6), (300, 64, 96), (37, 33, 65)] {
      let inputs = [
        float32([rows, width]), float32([outputs, width], seed: 2), float32([outputs], seed: 3),
      ]
      let seed = sample([rows, outputs], seed: 4).converted(to: .bfloat16)
      for isTransposed in [false, true] {
        func results(_ type: ElementType?, _ x: Tensor, _ seed: Tensor) -> (Tensor, [Tensor]) {
          let tape = Tape()
          var watched = ([x] + inputs.dropFirst()).map { tape.watch($0) }
          if isTransposed {
            watched[1] = tape.watch(inputs[1].transposed().copied()).transposed()
          }
          let value = linear(
            watched[0], weight: watched[1], bias: watched[2], precision: .bfloat16,
            resultType: type)
          return (value.detached(), tape.gradients(of: value, for: watched, seed: seed))
        }
        let plain = results(nil, inputs[0], seed.converted(to: .float32))
        let half = inputs[0].converted(to: .bfloat16)
        for x in [inputs[0], half] {
          let rounded = results(.bfloat16, x, seed)
          #expect(rounded.0.elementType == .bfloat16)
          #expect(bits(rounded.0.converted(to: .float32)) == bits(Self.rounded(plain.0)))
          #expect(rounded.1.map(bits) == plain.1.map(bits))
        }
      }
    }
  }
}
