public import HeedTensor

/// A score change made ready for the fused attention: its generic body specialised, in the module
/// that wrote it, to lanes for the forward and to dual lanes for the backward.
///
/// A rule may read tables, whose gradients `attention` computes:
///
///     struct Distances: ScoreChange {
///       func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
///         score + place.value(
///           ofTable: 0, row: place.head, column: place.query - place.key + S(8))
///       }
///     }
///     attention(q, k, v, rule: ScoreRule(Distances(), tables: [table]))   // table [H, 17]
public struct ScoreRule: Sendable {
  /// Changes `count` scores of one query in place; keys are `firstKey`, `firstKey + 1`, ...
  @usableFromInline typealias Forward =
    @Sendable (
      _ scores: UnsafeMutablePointer<Float>, _ count: Int, _ batch: Int, _ head: Int, _ query: Int,
      _ firstKey: Int
    ) -> Void
  /// Multiplies `count` gradients by the derivative of the change at `scores` (before the change),
  /// and adds those of the tables to `sums`.
  @usableFromInline typealias Backward =
    @Sendable (
      _ scores: UnsafePointer<Float>, _ gradients: UnsafeMutablePointer<Float>, _ count: Int,
      _ batch: Int, _ head: Int, _ query: Int, _ firstKey: Int, _ sums: ScoreTableSums.Part?
    ) -> Void

  let forward: Forward
  let backward: Backward
  /// As they were given, with their traces.
  private(set) var tables: [Tensor]
  /// The same, as the functions read them.
  let set: ScoreTableSet

  @usableFromInline
  init(
    tables: [Tensor], _ set: ScoreTableSet, forward: @escaping Forward,
    backward: @escaping Backward
  ) {
    self.tables = tables
    self.set = set
    self.forward = forward
    self.backward = backward
  }

  /// The rule without the traces of its tables.
  func detached() -> ScoreRule {
    var rule = self
    rule.tables = tables.map { $0.detached() }
    return rule
  }

  /// The rule of `change`.
  ///
  /// - Parameter tables: what the change may read by number: `[columns]`, `[rows, columns]`, or
  ///   `[B, H, T, columns]` with rows of their own for each query.
  /// - Precondition: tables have one, two or four axes, and at least one column.
  @inlinable
  public init<Change: ScoreChange>(_ change: Change, tables: [Tensor] = []) {
    let set = ScoreTableSet(tables)
    self.init(
      tables: tables, set,
      forward: { scores, count, batch, head, query, firstKey in
        let reader = ScoreTables(set, log: nil)
        ScoreRule.eachVector(count) { start, width in
          let place = ScorePlace(
            batch: batch, head: head, query: query, key: ScoreRule.keys(from: firstKey + start),
            tables: reader)
          let score = ScoreRule.load(scores + start, width)
          ScoreRule.store(change.changed(score, at: place).lanes, scores + start, width)
        }
      },
      backward: { scores, gradients, count, batch, head, query, firstKey, sums in
        let zero = ScoreLanes(0)
        var log = ScoreReadLog()
        withUnsafeMutablePointer(to: &log) { log in
          let reader = ScoreTables(set, log: log)
          ScoreRule.eachVector(count) { start, width in
            let place = ScorePlace(
              batch: batch, head: head, query: query,
              key: DualScoreLanes(value: ScoreRule.keys(from: firstKey + start), slope: zero),
              tables: reader)
            let value = ScoreRule.load(scores + start, width)
            let gradient = ScoreRule.load(UnsafePointer(gradients + start), width)
            log.pointee.start(following: nil)
            let slope = change.changed(
              DualScoreLanes(value: value, slope: ScoreLanes(1)), at: place
            ).slope
            ScoreRule.store((gradient * slope).lanes, gradients + start, width)
            guard let sums else { return }
            // Once more for each read, with the read as the variable.
            for read in 0..<log.pointee.count {
              log.pointee.start(following: read)
              let slope = change.changed(DualScoreLanes(value: value, slope: zero), at: place).slope
              reader.add(gradient.lanes, slope: slope.lanes, width, to: sums)
            }
          }
        }
      })
  }

  @inlinable
  static func eachVector(_ count: Int, _ body: (_ start: Int, _ width: Int) -> Void) {
    for start in stride(from: 0, to: count, by: 16) { body(start, min(16, count - start)) }
  }

  @inlinable
  static func keys(from first: Int) -> ScoreLanes {
    ScoreLanes(
      lanes: SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) + Float(first))
  }

  @inlinable
  static func load(_ source: UnsafePointer<Float>, _ width: Int) -> ScoreLanes {
    if width == 16 {
      return ScoreLanes(lanes: UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Float>.self))
    }
    var lanes = SIMD16<Float>(repeating: 0)
    for i in 0..<width { lanes[i] = source[i] }
    return ScoreLanes(lanes: lanes)
  }

  @inlinable
  static func load(_ source: UnsafeMutablePointer<Float>, _ width: Int) -> ScoreLanes {
    load(UnsafePointer(source), width)
  }

  @inlinable
  static func store(
    _ lanes: SIMD16<Float>, _ target: UnsafeMutablePointer<Float>, _ width: Int
  ) {
    if width == 16 {
      return UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: SIMD16<Float>.self)
    }
    for i in 0..<width { target[i] = lanes[i] }
  }
}
