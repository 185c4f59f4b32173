import HeedAttention
import HeedTensor
import Testing

@Suite("Heads side by side in each token")
struct HeadRowsTests {
  struct Sizes: Sendable, CustomStringConvertible {
    let (B, H, G, T, D): (Int, Int, Int, Int, Int)
    var description: String { "\(B) x \(T), \(H) heads of \(D), \(G) of keys" }
  }

  static let all = [
    Sizes(B: 2, H: 3, G: 3, T: 150, D: 16), Sizes(B: 1, H: 2, G: 2, T: 1, D: 8),
    Sizes(B: 2, H: 6, G: 2, T: 70, D: 12), Sizes(B: 1, H: 9, G: 9, T: 65, D: 5),
    Sizes(B: 1, H: 1, G: 1, T: 300, D: 7),
  ]

  private static let order = [0, 2, 1, 3]

  /// Queries, keys and values of one projection `[B, T, H + 2G, D]`, views of it.
  private func parts(_ all: Tensor, _ sizes: Sizes) -> [Tensor] {
    let (H, G) = (sizes.H, sizes.G)
    return all.transposed(permutation: Self.order).split(sizes: [H, G, G], alongAxis: 1)
  }

  private func projection(_ sizes: Sizes, _ type: ElementType) -> Tensor {
    var generator = RandomGenerator(seed: 7)
    return generator.normal([sizes.B, sizes.T, sizes.H + 2 * sizes.G, sizes.D]).converted(to: type)
  }

  /// Output and the gradient of the projection; heads are first copied apart if asked for.
  private func results(
    _ sizes: Sizes, _ all: Tensor, _ precision: ProductPrecision, apart: Bool
  ) -> (output: Tensor, gradient: Tensor) {
    var generator = RandomGenerator(seed: 8)
    let upstream = generator.normal([sizes.B, sizes.T, sizes.H, sizes.D])
      .transposed(permutation: Self.order)
    let result = differentiated([all], apart ? upstream.dense() : upstream) { inputs in
      var parts = parts(inputs[0], sizes)
      if apart { parts = parts.map { $0 * 1 }.map { $0.reshaped(to: $0.shape) } }
      return attention(parts[0], parts[1], parts[2], mask: .causal, precision: precision)
    }
    return (result.output, result.gradients[0])
  }

  @Test("are read where they lie, with the bits of heads apart", arguments: all)
  func bitsOfCopies(sizes: Sizes) {
    for precision in ProductPrecision.allCases {
      let all = projection(sizes, .float32)
      let (near, far) = (
        results(sizes, all, precision, apart: false), results(sizes, all, precision, apart: true)
      )
      #expect(bits(near.output) == bits(far.output))
      #expect(bits(near.gradient) == bits(far.gradient))
    }
  }

  @Test("in bfloat16 have the bits of their float32 copies, rounded at the end", arguments: all)
  func halves(sizes: Sizes) {
    let all = projection(sizes, .bfloat16)
    let near = results(sizes, all, .bfloat16, apart: false)
    let far = results(sizes, all.converted(to: .float32), .bfloat16, apart: true)
    #expect(near.output.elementType == .bfloat16 && near.gradient.elementType == .bfloat16)
    #expect(bits(near.output) == bits(far.output.converted(to: .bfloat16)))
    #expect(bits(near.gradient) == bits(far.gradient.converted(to: .bfloat16)))
  }

  @Test("contexts and gradients lie as they do: heads are joined without a copy")
  func layout() {
    let sizes = Sizes(B: 2, H: 4, G: 4, T: 33, D: 8)
    for type in [ElementType.float32, .bfloat16] {
      let (output, gradient) = results(sizes, projection(sizes, type), .bfloat16, apart: false)
      #expect(output.transposed(permutation: Self.order).isDense)
      #expect(gradient.isDense)
    }
  }

  @Test("keys that nobody may see, NaN in bfloat16, reach no gradient")
  func unseen() {
    let sizes = Sizes(B: 1, H: 2, G: 2, T: 40, D: 8)
    var all = projection(sizes, .float32)
    let poisoned: [Float] = all.elements().enumerated().map { place, value in
      let (token, head) = (place / (6 * 8), place / 8 % 6)
      return token >= 30 && head >= 2 ? .nan : value
    }
    all = Tensor(poisoned, shape: all.shape)
    let mask: Mask = .causal & .keyLengths([30])
    for type in [ElementType.float32, .bfloat16] {
      let tape = Tape()
      let watched = tape.watch(all.converted(to: type))
      let parts = parts(watched, sizes)
      let output = attention(parts[0], parts[1], parts[2], mask: mask, precision: .bfloat16)
      let gradient = tape.gradients(of: output, for: [watched])[0]
      #expect(bits(output).allSatisfy { Float(bitPattern: $0).isFinite })
      #expect(bits(gradient).allSatisfy { Float(bitPattern: $0).isFinite })
    }
  }
}
