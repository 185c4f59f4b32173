/// A score change made ready for the fused attention: its generic body specialised, in the module
/// that wrote it, to lanes for the forward and to dual lanes for the backward.
public struct ScoreRule: Sendable {
  /// Changes `count` scores of one query in place; keys are `firstKey`, `firstKey + 1`, ...
  @usableFromInline typealias Forward =
    @Sendable (
      _ scores: UnsafeMutablePointer<Float>, _ count: Int, _ batch: Int, _ head: Int, _ query: Int,
      _ firstKey: Int
    ) -> Void
  /// Multiplies `count` gradients by the derivative of the change at `scores` (before the change).
  @usableFromInline typealias Backward =
    @Sendable (
      _ scores: UnsafePointer<Float>, _ gradients: UnsafeMutablePointer<Float>, _ count: Int,
      _ batch: Int, _ head: Int, _ query: Int, _ firstKey: Int
    ) -> Void

  let forward: Forward
  let backward: Backward

  @usableFromInline
  init(forward: @escaping Forward, backward: @escaping Backward) {
    self.forward = forward
    self.backward = backward
  }

  /// The rule of `change`.
  @inlinable
  public init<Change: ScoreChange>(_ change: Change) {
    self.init(
      forward: { scores, count, batch, head, query, firstKey in
        ScoreRule.eachVector(count) { start, width in
          let place = ScorePlace(
            batch: batch, head: head, query: ScoreLanes(Float(query)),
            key: ScoreRule.keys(from: firstKey + start))
          let score = ScoreRule.load(scores + start, width)
          ScoreRule.store(change.changed(score, at: place).lanes, scores + start, width)
        }
      },
      backward: { scores, gradients, count, batch, head, query, firstKey in
        let zero = ScoreLanes(0)
        ScoreRule.eachVector(count) { start, width in
          let place = ScorePlace(
            batch: batch, head: head, query: DualScoreLanes(Float(query)),
            key: DualScoreLanes(value: ScoreRule.keys(from: firstKey + start), slope: zero))
          let score = DualScoreLanes(
            value: ScoreRule.load(scores + start, width), slope: ScoreLanes(1))
          let slope = change.changed(score, at: place).slope
          let gradient = ScoreRule.load(UnsafePointer(gradients + start), width)
          ScoreRule.store((gradient * slope).lanes, gradients + start, width)
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
    for i in 0..<width { target[i] = lanes[i] }
  }
}
