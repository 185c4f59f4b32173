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
///     attention(q, k, v, rule: ScoreRule(Cosine()))
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
  @usableFromInline let queryNumber: Int
  @usableFromInline let tables: ScoreTables

  @inlinable
  init(batch: Int, head: Int, query: Int, key: S, tables: ScoreTables) {
    self.batch = batch
    self.head = head
    self.query = S(Float(query))
    self.key = key
    queryNumber = query
    self.tables = tables
  }

  /// What a table of the rule holds, with a gradient for the table.
  ///
  /// - Parameters:
  ///   - table: the number of a table `[rows, columns]` among those given to `ScoreRule`.
  ///   - row: its row.
  ///   - column: its column, rounded down and brought into the table.
  @inlinable
  public func value(ofTable table: Int, row: Int = 0, column: S) -> S {
    S.reading(tables, table: table, row: row, column: column)
  }

  /// What a table `[B, H, T, columns]` of the rule holds in the row of this query, with a gradient
  /// for the table.
  @inlinable
  public func value(ofQueryTable table: Int, column: S) -> S {
    let row = tables.row(ofQueryTable: table, batch: batch, head: head, query: queryNumber)
    return S.reading(tables, table: table, row: row, column: column)
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
  /// The natural logarithm.
  var logarithm: Self { get }
  /// The square root.
  var squareRoot: Self { get }
  /// The distance from zero.
  var absolute: Self { get }
  /// `yes` where this number is less than `other`, `no` elsewhere.
  func selecting(_ yes: Self, whereLessThan other: Self, otherwise no: Self) -> Self
  /// What a table holds; `ScorePlace.value(ofTable:row:column:)` calls it.
  static func reading(_ tables: ScoreTables, table: Int, row: Int, column: Self) -> Self
}

extension ScoreScalar {
  /// The smaller of two numbers; of equal ones `other`, with its derivative.
  @inlinable
  public func minimum(_ other: Self) -> Self {
    selecting(self, whereLessThan: other, otherwise: other)
  }

  /// The larger of two numbers; of equal ones this one, with its derivative.
  @inlinable
  public func maximum(_ other: Self) -> Self {
    selecting(other, whereLessThan: other, otherwise: self)
  }
}
