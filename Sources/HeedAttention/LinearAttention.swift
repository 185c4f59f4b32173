// Linear attention: the similarity of a query and a key is a product of their features, so the sum
// over the keys can be taken once, before any query is known, and carried on from key to key. Time is
// O(T) instead of O(T^2), and what a decoder keeps does not grow.
//
//   out[t] = phi(q[t]) M / (phi(q[t]) z + epsilon),  M = sum_s phi(k[s]) v[s]^T,  z = sum_s phi(k[s])
//
// over all keys, or those up to t. z is kept as the product with a value that is always one, so that
// numerator and denominator are one matrix product. The causal form goes in chunks: inside a chunk
// scores as in plain attention, before it the state; a chunk of one is the recurrence itself.
// Katharopoulos et al. 2020, arXiv 2006.16236; chunks: Hua et al. 2022, arXiv 2202.10447.

public import HeedTensor

/// What linear attention turns queries and keys into; positive, so that weights are.
public enum FeatureMap: Sendable, Hashable {
  /// As they are.
  case identity
  /// elu(x) + 1 (Katharopoulos et al. 2020).
  case eluPlusOne
  /// max(x, 0).
  case relu

  /// The features of `x`, in its shape.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .identity: x
    case .eluPlusOne: x.activated(.elu(alpha: 1)) + 1
    case .relu: x.activated(.relu)
    }
  }
}

/// What linear attention knows of the keys that it has seen; its size does not depend on their count.
public struct LinearAttentionState: Sendable {
  /// Sum of `phi(k) v^T`; `[B, G, D, Dv]`.
  public var memory: Tensor
  /// Sum of `phi(k)`; `[B, G, D]`.
  public var mass: Tensor

  /// The state of sums that were computed before.
  public init(memory: Tensor, mass: Tensor) {
    precondition(
      memory.rank == 4 && Array(memory.shape.dropLast()) == mass.shape,
      "LinearAttentionState: a memory \(memory.shape) and a mass \(mass.shape) do not fit")
    self.memory = memory
    self.mass = mass
  }

  /// The sums side by side; `[B, G, D, Dv + 1]`.
  fileprivate var joined: Tensor { memory.concatenated(with: mass.expanded(axis: 3), alongAxis: 3) }

  fileprivate init(joined: Tensor) {
    let width = joined.shape[3] - 1
    let parts = joined.split(sizes: [width, 1], alongAxis: 3)
    self.init(memory: parts[0], mass: parts[1].squeezed(axis: 3))
  }
}

/// Attention whose weights are products of features: linear in the number of keys.
///
/// Gradients flow to queries, keys, values and the state.
///
///     var (out, state) = linearAttention(q, k, v, isCausal: true)              // the prompt
///     (out, state) = linearAttention(q1, k1, v1, isCausal: true, after: state)  // one more token
///
/// - Parameters:
///   - queries: `[B, H, T, D]`.
///   - keys: `[B, G, S, D]`, H a multiple of G.
///   - values: `[B, G, S, Dv]`.
///   - isCausal: whether query t sees the given keys up to t only (T is S), besides those of `state`.
///   - features: of queries and keys.
///   - epsilon: added to the sum of the weights.
///   - visibleKeys: bool `[B, S]`, true where a key counts; all when nil. What a hidden key or its
///     value holds never matters.
///   - state: what came before the given keys.
///   - chunk: how many queries are taken together in the causal form.
/// - Returns: `[B, H, T, Dv]`, zeros where nothing is visible, and the state after all keys.
/// - Precondition: the shapes fit as above; the message names them.
/// - Complexity: O(B·H·(T + S)·D·Dv) time, and O(B·H·T·chunk) for scores in the causal form.
/// - Source: Katharopoulos et al. 2020, arXiv 2006.16236, eq. (4) to (12).
public func linearAttention(
  _ queries: Tensor, _ keys: Tensor, _ values: Tensor, isCausal: Bool = false,
  features: FeatureMap = .eluPlusOne, epsilon: Double = 1e-6, visibleKeys: Tensor? = nil,
  after state: LinearAttentionState? = nil, chunk: Int = 64
) -> (output: Tensor, state: LinearAttentionState) {
  let (B, H, T) = (queries.shape[0], queries.shape[1], queries.shape[2])
  let (G, S, D) = (keys.shape[1], keys.shape[2], keys.shape[3])
  precondition(
    queries.rank == 4 && keys.rank == 4 && values.rank == 4 && chunk > 0
      && queries.shape[3] == D && keys.shape[0] == B && H % G == 0
      && values.shape.dropLast() == keys.shape.dropLast() && (!isCausal || T == S),
    "linearAttention: queries \(queries.shape), keys \(keys.shape) and values \(values.shape) "
      + "do not fit")
  var k = features(keys)  // [B, G, S, D]
  var v = values
  if let visibleKeys {
    let hidden = Tensor(visibleKeys.elements(as: Bool.self).map { !$0 }, shape: [B, 1, S, 1])
    k = k.replacing(with: 0, where: hidden)
    v = v.replacing(with: 0, where: hidden)
  }
  let ones = Tensor(filledWith: 1, shape: [B, G, S, 1], values.elementType)
  v = v.concatenated(with: ones, alongAxis: 3)  // [B, G, S, Dv + 1]
  // The query heads of one key head are rows of one product.
  let q = features(queries).reshaped(to: [B, G, H / G, T, D])
  var sums = state?.joined ?? Tensor(zeros: [B, G, D, v.shape[3]], values.elementType)
  let context: Tensor
  if isCausal {
    context = causalContext(q, k, v, &sums, chunk: chunk)
  } else {
    sums = sums + k.transposed().matrixProduct(v)
    context = q.matrixProduct(sums.expanded(axis: 2))
  }
  let parts = context.reshaped(to: [B, H, T, v.shape[3]])
    .split(sizes: [values.shape[3], 1], alongAxis: 3)
  return (parts[0] / (parts[1] + epsilon), LinearAttentionState(joined: sums))
}

/// The sums that each query sees, chunk by chunk.
///
/// - Parameters:
///   - q: features `[B, G, H / G, T, D]`.
///   - k: features `[B, G, T, D]`.
///   - v: `[B, G, T, Dv + 1]`.
///   - sums: `[B, G, D, Dv + 1]`, before and after.
/// - Returns: `[B, G, H / G, T, Dv + 1]`.
private func causalContext(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, _ sums: inout Tensor, chunk: Int
) -> Tensor {
  let T = k.shape[2]
  var contexts: [Tensor] = []
  for start in stride(from: 0, to: T, by: chunk) {
    let range = start..<min(T, start + chunk)
    let C = range.count
    let qc = q.sliced(axis: 3, range: range)  // [B, G, H / G, C, D]
    let kc = k.sliced(axis: 2, range: range)  // [B, G, C, D]
    let vc = v.sliced(axis: 2, range: range)  // [B, G, C, Dv + 1]
    let future = Tensor((0..<C * C).map { $0 % C > $0 / C }, shape: [C, C])
    let scores = qc.matrixProduct(kc.transposed().expanded(axis: 2))  // [B, G, H / G, C, C]
      .replacing(with: 0, where: future)
    contexts.append(
      scores.matrixProduct(vc.expanded(axis: 2)) + qc.matrixProduct(sums.expanded(axis: 2)))
    sums = sums + kc.transposed().matrixProduct(vc)
  }
  return contexts.count == 1 ? contexts[0] : Tensor(concatenating: contexts, alongAxis: 3)
}
