import HeedAttention
import HeedTensor
import Testing

/// Random inputs of one attention.
struct AttentionInputs {
  let q: Tensor
  let k: Tensor
  let v: Tensor
  let upstream: Tensor

  init(
    B: Int = 1, H: Int = 2, G: Int? = nil, T: Int, S: Int? = nil, D: Int, Dv: Int? = nil,
    seed: UInt64 = 1
  ) {
    var generator = RandomGenerator(seed: seed)
    let (G, S, Dv) = (G ?? H, S ?? T, Dv ?? D)
    q = generator.normal([B, H, T, D])
    k = generator.normal([B, G, S, D])
    v = generator.normal([B, G, S, Dv])
    upstream = generator.normal([B, H, T, Dv])
  }
}

/// Largest |got - want| / (1 + |want|); `want` in float64.
func largestError(_ got: Tensor, _ want: Tensor) -> Double {
  let a: [Double] = got.converted(to: .float64).elements()
  let b: [Double] = want.converted(to: .float64).elements()
  guard a.count == b.count else { return .infinity }
  return zip(a, b).map { $0.isNaN != $1.isNaN ? .infinity : abs($0 - $1) / (1 + abs($1)) }.max()
    ?? 0
}

func bits(_ tensor: Tensor) -> [UInt32] {
  let elements: [Float] = tensor.converted(to: .float32).elements()
  return elements.map(\.bitPattern)
}

/// Output and gradients of q, k, v (and of `extra`) by the tape.
func differentiated(
  _ inputs: [Tensor], _ upstream: Tensor, _ body: ([Tensor]) -> Tensor
) -> (output: Tensor, gradients: [Tensor]) {
  let tape = Tape()
  let watched = inputs.map { tape.watch($0) }
  let output = body(watched)
  return (output.detached(), tape.gradients(of: output, for: watched, seed: upstream))
}

func float64(_ tensor: Tensor) -> Tensor { tensor.converted(to: .float64) }
