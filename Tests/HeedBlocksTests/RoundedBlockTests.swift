import HeedAttention
import HeedBlocks
import HeedTensor
import HeedTestSupport
import Testing

/// What norms, projections and contexts give is rounded to bfloat16 where only products in bfloat16 read
/// it: they would round it themselves.
@Suite("A block in bfloat16")
struct RoundedBlockTests {
  private static let (B, T, H, D, F) = (2, 40, 3, 8, 40)
  private static var width: Int { H * D }

  private static let spec = BlockSpec([
    BranchSpec(
      inputNorm: .layerNorm(epsilon: 1e-5),
      operation: .selfAttention(
        SelfAttentionSpec(
          headCount: H, headWidth: D, hasInputBias: true, hasOutputBias: true, isFused: true))),
    BranchSpec(
      inputNorm: .layerNorm(epsilon: 1e-5),
      operation: .feedForward(
        FeedForwardSpec(hiddenWidth: F, activation: .geluTanh, isGated: false, hasBias: true))),
  ])

  private let names: [String] = spec.slots(layer: 0, width: width).map { $0.path }
  private let x: Tensor
  private let weights: [Tensor]
  private let upstream: Tensor

  init() {
    var generator = RandomGenerator(seed: 3)
    x = generator.normal([Self.B, Self.T, Self.width])
    weights = Self.spec.slots(layer: 0, width: Self.width).map {
      generator.normal($0.shape) * (1 / Double($0.shape.last ?? 1).squareRoot())
    }
    upstream = generator.normal([Self.B, Self.T, Self.width])
  }

  private func lookup(_ weights: [Tensor]) -> WeightLookup {
    WeightLookup { [names] path, _ in weights[names.firstIndex(of: path) ?? 0] }
  }

  private func block(
    _ x: Tensor, _ weights: [Tensor], packing: ProductPrecision? = nil,
    probe: AttentionProbe? = nil
  ) -> Tensor {
    var context = BlockContext(
      mask: .causal, positions: Array(0..<Self.T), precision: .bfloat16, probe: probe)
    return Block(Self.spec, layer: 0, lookup(weights), packing: packing)(x, context: &context)
  }

  /// The same of single operations, whose results are all float32.
  private func plain(_ x: Tensor, _ weights: [Tensor]) -> Tensor {
    let weight = lookup(weights)
    func layer(_ x: Tensor, _ name: String, _ activation: Activation = .identity) -> Tensor {
      linear(
        x, inputActivation: activation, weight: weight(name + ".weight", 0),
        bias: weight(name + ".bias", 0), precision: .bfloat16)
    }
    func norm(_ x: Tensor, _ name: String) -> Tensor {
      x.layerNorm(gain: weight(name + ".gain", 0), bias: weight(name + ".bias", 0))
    }
    let (B, T, H, D) = (Self.B, Self.T, Self.H, Self.D)
    let heads = layer(norm(x, "attention.inputNorm"), "attention.input")
      .reshaped(to: [B, T, 3 * H, D]).transposed(permutation: [0, 2, 1, 3])
      .split(count: 3, alongAxis: 1)
    let seen = attention(heads[0], heads[1], heads[2], mask: .causal, precision: .bfloat16)
      .transposed(permutation: [0, 2, 1, 3]).reshaped(to: [B, T, H * D])
    let sum = x + layer(seen, "attention.output")
    let hidden = layer(norm(sum, "feedForward.inputNorm"), "feedForward.up")
    return sum + layer(hidden, "feedForward.down", .geluTanh)
  }

  private static func length(_ tensor: Tensor) -> Double { tensor.sumOfSquares().squareRoot() }

  @Test("has the bits of its operations one by one, for training, for inference and watched")
  func values() {
    let want = plain(x, weights).elements(as: Float.self)
    #expect(block(x, weights).elements(as: Float.self) == want)
    #expect(block(x, weights, packing: .bfloat16).elements(as: Float.self) == want)
    #expect(block(x, weights, probe: AttentionProbe()).elements(as: Float.self) == want)
  }

  @Test("has their gradients, up to the slope of the activation and sums of rounded rows")
  func gradients() {
    func gradients(_ body: (Tensor, [Tensor]) -> Tensor) -> [Tensor] {
      let tape = Tape()
      let inputs = ([x] + weights).map { tape.watch($0) }
      let value = body(inputs[0], Array(inputs.dropFirst()))
      return tape.gradients(of: value, for: inputs, seed: upstream)
    }
    let got = gradients { block($0, $1) }
    let want = gradients(plain)
    for (place, name) in (["x"] + names).enumerated() {
      let error = Self.length(got[place] - want[place])
      #expect(error <= 0x1p-8 * Self.length(want[place]), "\(name)")
    }
  }
}
