/// A user's own change of the scores, written once.
///
/// `changed` is generic over a scalar: the fused forward calls it with lanes of sixteen scores, the
/// fused backward with dual numbers, so the same lines are vectorised and differentiated.
///
///     struct Cosine: ScoreChange {
///       func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
///         score * S(0.5) + (place.key - place.query).absolute * S(-0.1)
///       }
///     }
///     attention(q, k, v, change: ScoreRule(Cosine()))
public protocol ScoreChange: Sendable {
  /// The new score of a query and a key; `score` is already scaled.
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S
}

/// Where a score stands.
public struct ScorePlace<S: ScoreScalar> {
  /// The sequence of the batch.
  public let batch: Int
  /// The query head.
  public let head: Int
  /// The query, counted from the first one given.
  public let query: S
  /// The key, counted from the first one given.
  public let key: S

  @inlinable
  init(batch: Int, head: Int, query: S, key: S) {
    self.batch = batch
    self.head = head
    self.query = query
    self.key = key
  }
}

/// What a score change may compute with.
public protocol ScoreScalar {
  /// The same number in every lane.
  init(_ value: Float)
  /// Sum.
  static func + (left: Self, right: Self) -> Self
  /// Difference.
  static func - (left: Self, right: Self) -> Self
  /// Product.
  static func * (left: Self, right: Self) -> Self
  /// Quotient.
  static func / (left: Self, right: Self) -> Self
  /// Hyperbolic tangent.
  var hyperbolicTangent: Self { get }
  /// e to this power.
  var exponential: Self { get }
  /// The distance from zero.
  var absolute: Self { get }
  /// `yes` where this number is less than `other`, `no` elsewhere.
  func selecting(_ yes: Self, whereLessThan other: Self, otherwise no: Self) -> Self
}
