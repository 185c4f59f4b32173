// How well a query matches a key, as translation models first asked it. The two that are products of
// queries and keys (dot, general) need no more than `attention`; the additive ones put a tanh between,
// so each score is computed and kept: O(T S A) memory, for sequences of the length of a sentence.
// Bahdanau et al. 2014, arXiv 1409.0473; Luong et al. 2015, arXiv 1508.04025.

public import HeedTensor

/// The score of a query and a key.
public enum AlignmentScore: Sendable {
  /// `q . k`
  case dot
  /// `q . k / sqrt(E)`
  case scaledDot
  /// `q W k`, with W `[Eq, Ek]` (Luong).
  case general(weight: Tensor)
  /// `v . tanh(W q + U k + b)`, with W `[A, Eq]`, U `[A, Ek]`, v and b `[A]` (Bahdanau).
  case additive(query: Tensor, key: Tensor, vector: Tensor, bias: Tensor? = nil)

  /// `v . tanh(W [q; k])`, with W `[A, Eq + Ek]` (Luong's "concat"): the additive score, whose two
  /// weights lie beside each other.
  public static func concat(weight: Tensor, vector: Tensor, queryWidth: Int) -> AlignmentScore {
    let parts = weight.split(sizes: [queryWidth, weight.shape[1] - queryWidth], alongAxis: 1)
    return .additive(query: parts[0], key: parts[1], vector: vector)
  }

  /// The scores of all queries and keys.
  ///
  /// - Parameters:
  ///   - queries: `[B, T, Eq]`.
  ///   - keys: `[B, S, Ek]`.
  /// - Returns: `[B, T, S]`.
  public func callAsFunction(_ queries: Tensor, _ keys: Tensor) -> Tensor {
    precondition(
      queries.rank == 3 && keys.rank == 3 && queries.shape[0] == keys.shape[0],
      "AlignmentScore: queries \(queries.shape) and keys \(keys.shape) do not fit")
    switch self {
    case .dot:
      return queries.matrixProduct(keys.transposed())
    case .scaledDot:
      return queries.matrixProduct(keys.transposed()) / Double(queries.shape[2]).squareRoot()
    case .general(let weight):
      return queries.matrixProduct(weight).matrixProduct(keys.transposed())
    case .additive(let queryWeight, let keyWeight, let vector, let bias):
      let q = linear(queries, weight: queryWeight, bias: bias).expanded(axis: 2)  // [B, T, 1, A]
      let k = linear(keys, weight: keyWeight).expanded(axis: 1)  // [B, 1, S, A]
      return linear((q + k).tanh(), weight: vector.reshaped(to: [1, -1]))  // [B, T, S, 1]
        .squeezed(axis: 3)  // [B, T, S]
    }
  }
}

/// Softmax of scores over the visible keys, and the values weighted by it.
///
/// - Parameters:
///   - scores: `[B, T, S]`.
///   - values: `[B, S, E]`.
///   - visible: bool that broadcasts to `[B, T, S]`; all when nil.
///   - factor: multiplies the weights after the softmax, without making them sum to one again.
/// - Returns: the weights `[B, T, S]` and the context `[B, T, E]`; zeros for a query without keys.
public func weightedContext(
  scores: Tensor, values: Tensor, visible: Tensor? = nil, factor: Tensor? = nil
) -> (weights: Tensor, context: Tensor) {
  var masked = scores
  if let visible {
    let hidden = visible.elements(as: Bool.self).map { !$0 }
    masked = scores.replacing(
      with: -Double.infinity,
      where: Tensor(hidden, shape: visible.shape).broadcast(to: scores.shape))
  }
  var weights = masked.softmax()
  if let factor { weights = weights * factor }
  return (weights, weights.matrixProduct(values))
}
