// Linear attention as a memory that is written and read: without a sum to divide by, but with rules
// for forgetting (a decay) and for correcting (the delta rule writes what the memory does not say yet).
//
//   S <- exp(g) S                              decay, where there is one
//   S <- S + k (v)^T                           or, with the delta rule, S + k (beta (v - S^T k))^T
//   out = scale q^T S
//
// Gated: Yang et al. 2023, arXiv 2312.06635. Delta rule: Schlag et al. 2021, arXiv 2102.11174; Yang et
// al. 2024, arXiv 2406.06484. Both: Yang et al. 2024, arXiv 2412.06464. Semantics of ONNX
// `LinearAttention` (opset 27), whose four update rules are what is given or absent here.

public import HeedTensor

/// Reads a memory with each query after writing the key and value of its place into it.
///
/// A decay gates the memory, a `beta` makes the writing a correction; with both it is the gated delta
/// rule, with none plain linear attention. Gradients flow to all inputs and the memory.
///
/// - Parameters:
///   - queries: `[B, H, T, D]`.
///   - keys: `[B, G, T, D]`, H a multiple of G; of length one where `beta` is given.
///   - values: `[B, G, T, Dv]`.
///   - decay: logarithm of what each channel of the memory keeps, `[B, G, T, D]`, or
///     `[B, G, T, 1]` for all channels together; at most zero.
///   - beta: how much of the correction is written, `[B, G, T, 1]`.
///   - scale: factor on what is read; `1/sqrt(D)` when nil.
///   - memory: what was written before, `[B, G, D, Dv]`; zeros when nil.
/// - Returns: `[B, H, T, Dv]`, and the memory `[B, G, D, Dv]` after the last place, to carry on with.
/// - Precondition: the shapes fit as above; the message names them.
/// - Complexity: O(B·H·T·D·Dv) time, one place after the other.
/// - Source: ONNX `LinearAttention`, opset 27.
public func linearRecurrence(
  _ queries: Tensor, _ keys: Tensor, _ values: Tensor, decay: Tensor? = nil, beta: Tensor? = nil,
  scale: Double? = nil, memory: Tensor? = nil
) -> (output: Tensor, memory: Tensor) {
  let (B, H, T, D) = (queries.shape[0], queries.shape[1], queries.shape[2], queries.shape[3])
  let (G, Dv) = (keys.shape[1], values.shape[3])
  precondition(
    H % G == 0 && keys.shape == [B, G, T, D] && values.shape == [B, G, T, Dv]
      && (decay.map { [[B, G, T, D], [B, G, T, 1]].contains($0.shape) } ?? true)
      && (beta.map { $0.shape == [B, G, T, 1] } ?? true)
      && (memory.map { $0.shape == [B, G, D, Dv] } ?? true),
    "linearRecurrence: queries \(queries.shape), keys \(keys.shape), values \(values.shape), decay "
      + "\(decay?.shape ?? []), beta \(beta?.shape ?? []), memory \(memory?.shape ?? []) do not fit"
  )
  let q = queries.reshaped(to: [B, G, H / G, T, D]) * (scale ?? 1 / Double(D).squareRoot())
  let kept = decay?.exp()
  var state = memory ?? Tensor(zeros: [B, G, D, Dv], values.elementType)
  var outputs: [Tensor] = []
  for t in 0..<T {
    let k = keys.sliced(axis: 2, range: t..<t + 1)  // [B, G, 1, D]
    var v = values.sliced(axis: 2, range: t..<t + 1)  // [B, G, 1, Dv]
    if let kept { state = state * kept.sliced(axis: 2, range: t..<t + 1).transposed() }
    if let beta {
      v = (v - k.matrixProduct(state)) * beta.sliced(axis: 2, range: t..<t + 1)
    }
    state = state + k.transposed() * v  // [B, G, D, Dv]
    outputs.append(q.entry(t, axis: 3).matrixProduct(state))  // [B, G, H / G, Dv]
  }
  let output = Tensor(stacking: outputs, alongAxis: 3)  // [B, G, H / G, T, Dv]
  return (output.reshaped(to: [B, H, T, Dv]), state)
}
