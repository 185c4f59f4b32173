// Local attention (Luong et al. 2015, arXiv 1508.04025, section 3.2): a query looks at a window around
// one place of the source, its own (monotonic) or one that it predicts.

public import HeedTensor

/// Where the window of a query lies.
public enum LocalAlignment: Sendable {
  /// Around the query's own place.
  case monotonic
  /// Around `S sigmoid(v . tanh(W q))`, with W `[A, Eq]` and v `[A]`; weights fall off with the
  /// distance from it like a normal distribution of deviation `reach / 2`.
  case predictive(weight: Tensor, vector: Tensor)

  /// The middle of each window; `[B, T]`.
  ///
  /// - Parameter lengths: the number of visible keys of each sequence.
  public func places(_ queries: Tensor, lengths: [Int]) -> Tensor {
    let (B, T) = (queries.shape[0], queries.shape[1])
    precondition(
      lengths.count == B, "LocalAlignment: \(lengths.count) lengths for \(queries.shape)")
    switch self {
    case .monotonic:
      return Tensor((0..<B).flatMap { _ in (0..<T).map { Float($0) } }, shape: [B, T])
    case .predictive(let weight, let vector):
      let share = linear(
        linear(queries, weight: weight).tanh(), weight: vector.reshaped(to: [1, -1])
      ).squeezed(axis: 2).sigmoid()  // [B, T]
      return share * Tensor(lengths.map { Float($0) }, shape: [B, 1])
    }
  }

  /// Which of `keyCount` keys lie within `reach` of each place, and what multiplies their weights.
  ///
  /// - Parameter places: `[B, T]`.
  /// - Returns: bool `[B, T, S]`, and a factor `[B, T, S]` where weights fall off.
  public func window(
    around places: Tensor, reach: Int, keyCount: Int
  ) -> (visible: Tensor, factor: Tensor?) {
    let keys = Tensor((0..<keyCount).map { Float($0) })
    let distances = keys - places.expanded(axis: 2)  // [B, T, S]
    let near = distances.detached().elements(as: Float.self).map { abs($0) <= Float(reach) }
    let visible = Tensor(near, shape: distances.shape)
    guard case .predictive = self else { return (visible, nil) }
    let deviation = Double(reach) / 2
    return (visible, (distances.squared() / (-2 * deviation * deviation)).exp())
  }
}
