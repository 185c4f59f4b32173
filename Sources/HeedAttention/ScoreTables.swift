// Tables that a score rule reads, and their gradients.
//
// The forward reads like any gather. The backward has dual numbers with one slope, so it runs the
// rule once for the score and once more for each read of it, with that read as the variable: a rule
// has one or two reads, and the alternative, a slope for every read at once, would make each number of
// every rule wider. Which cell of the table a lane read is noted by the reader itself, so the rule is
// written as if tables were functions.
//
// What a rule sees (`ScoreTables`) is pointers and numbers alone: it is copied into every place of
// every score, and counting references there would cost more than the rule.
//
// Order of sums: each run of the backward adds to sums of its own, in the order of its tiles; those of
// a shared table are kept apart for each key/value head too; then all are added in order.

public import HeedTensor

/// The tables of a rule, ready to be read.
@usableFromInline
final class ScoreTableSet: Sendable {
  /// One table, dense float32.
  struct View {
    let base: UnsafePointer<Float>
    let rows: Int
    let columns: Int
    /// H and T, where each query has a row of its own.
    let headCount: Int
    let queryCount: Int
    let isOfQueries: Bool
    /// Where the sums of its gradient begin among those of its kind.
    let start: Int
  }

  /// Dense float32 copies; they keep what `views` points to.
  private let values: [Tensor]
  /// Written in `init` alone, and freed when nobody can read it any more.
  nonisolated(unsafe) let views: UnsafeMutableBufferPointer<View>
  /// Elements of the tables that all queries share, and of those with rows of queries.
  let sharedCount: Int
  let queryRowCount: Int

  @usableFromInline
  init(_ tables: [Tensor]) {
    values = tables.map { $0.detached().converted(to: .float32).dense() }
    views = .allocate(capacity: tables.count)
    var counts = (shared: 0, ofQueries: 0)
    for (number, table) in values.enumerated() {
      let (shape, columns) = (table.shape, table.shape.last ?? 0)
      precondition(
        [1, 2, 4].contains(table.rank) && table.count > 0 && columns < 1 << 22,
        "ScoreRule: a table \(shape) has not one, two or four axes of fewer than 4 million columns")
      let isOfQueries = table.rank == 4
      views.initializeElement(
        at: number,
        to: View(
          base: table.pointer(to: Float.self), rows: table.count / columns, columns: columns,
          headCount: isOfQueries ? shape[1] : 1, queryCount: isOfQueries ? shape[2] : 1,
          isOfQueries: isOfQueries, start: isOfQueries ? counts.ofQueries : counts.shared))
      if isOfQueries { counts.ofQueries += table.count } else { counts.shared += table.count }
    }
    (sharedCount, queryRowCount) = counts
  }

  deinit { views.deallocate() }
}

/// Which read of a rule is the variable now, and what it read.
@usableFromInline
struct ScoreReadLog {
  /// Reads since `start`.
  @usableFromInline private(set) var count = 0
  private var followed = -1
  fileprivate private(set) var table = 0
  /// The cells of the followed read, within its table.
  fileprivate private(set) var cells = SIMD16<UInt32>(repeating: 0)

  @usableFromInline
  init() {}

  @usableFromInline
  mutating func start(following read: Int?) {
    count = 0
    followed = read ?? -1
  }

  /// Counts a read; true when it is the followed one.
  fileprivate mutating func note(_ table: Int, _ cells: () -> SIMD16<UInt32>) -> Bool {
    defer { count += 1 }
    guard count == followed else { return false }
    self.table = table
    self.cells = cells()
    return true
  }
}

/// The tables of a rule while it runs. Rules read them through `ScorePlace`.
public struct ScoreTables {
  private let views: UnsafeMutableBufferPointer<ScoreTableSet.View>
  private let log: UnsafeMutablePointer<ScoreReadLog>?

  /// - Precondition: the set lives as long as this.
  @usableFromInline
  init(_ set: ScoreTableSet, log: UnsafeMutablePointer<ScoreReadLog>?) {
    views = set.views
    self.log = log
  }

  private func view(_ number: Int, row: Int) -> ScoreTableSet.View {
    precondition(
      number >= 0 && number < views.count && row >= 0 && row < views[number].rows,
      "ScoreRule: no row \(row) of table \(number) of \(views.count)")
    return views[number]
  }

  /// The row of a query in a table that has one for each.
  @usableFromInline
  func row(ofQueryTable number: Int, batch: Int, head: Int, query: Int) -> Int {
    let view = view(number, row: 0)
    precondition(view.isOfQueries, "ScoreRule: table \(number) has no rows of queries")
    return (batch * view.headCount + head) * view.queryCount + query
  }

  /// The cells of a row at `columns`, rounded down and brought into the table; not-a-number is 0.
  @inline(__always)
  private func cells(
    _ view: ScoreTableSet.View, _ row: Int, _ columns: SIMD16<Float>
  ) -> SIMD16<UInt32> {
    // Floats of 2^23 and more are whole numbers, with the number in the low bits.
    let whole = SIMD16<Float>(repeating: 0x1p23)
    let last = SIMD16<Float>(repeating: Float(view.columns - 1))
    var place = SIMD16<Float>(repeating: 0).replacing(with: columns, where: columns .> 0)
    place.replace(with: last, where: place .> last)
    var rounded = (place + whole) - whole
    rounded.replace(with: rounded - 1, where: rounded .> place)
    let bits = unsafeBitCast(rounded + whole, to: SIMD16<UInt32>.self)
    return (bits & 0x7f_ffff) &+ UInt32(truncatingIfNeeded: row * view.columns)
  }

  @usableFromInline
  func values(table number: Int, row: Int, columns: SIMD16<Float>) -> SIMD16<Float> {
    let view = view(number, row: row)
    let cells = cells(view, row, columns)
    var values = SIMD16<Float>(repeating: 0)
    for i in 0..<16 { values[i] = view.base[Int(cells[i])] }
    return values
  }

  /// 1 for the read that is the variable now, 0 for others.
  @usableFromInline
  func slope(table number: Int, row: Int, columns: SIMD16<Float>) -> Float {
    guard let log else { return 0 }
    let isFollowed = log.pointee.note(number) { cells(view(number, row: row), row, columns) }
    return isFollowed ? 1 : 0
  }

  /// Adds what the followed read gives to the gradient of its table.
  @usableFromInline
  func add(
    _ gradients: SIMD16<Float>, slope: SIMD16<Float>, _ width: Int, to sums: ScoreTableSums.Part
  ) {
    guard let log else { return }
    let view = views[log.pointee.table]
    let target = (view.isOfQueries ? sums.ofQueries : sums.shared) + view.start
    let cells = log.pointee.cells
    // What is hidden has a gradient of zero, and perhaps a slope that is not finite.
    for i in 0..<width where gradients[i] != 0 { target[Int(cells[i])] += gradients[i] * slope[i] }
  }
}

/// Gradients of the tables of one call: `[runs, sums]`, first those of shared tables, for each
/// key/value head (of B * G), then those with rows of queries.
@usableFromInline
struct ScoreTableSums: Sendable {
  private let tables: [Tensor]
  private let set: ScoreTableSet
  private let sums: Tensor
  private let runs: Int
  private let headCount: Int

  /// Where one run of one key/value head adds.
  @usableFromInline
  struct Part {
    let shared: UnsafeMutablePointer<Float>
    let ofQueries: UnsafeMutablePointer<Float>
  }

  /// Sums for the tables of the plan's rule; nil when it has none.
  init?(_ plan: AttentionPlan, runs: Int) {
    guard let change = plan.parts.change, !change.tables.isEmpty else { return nil }
    tables = change.tables
    set = change.set
    self.runs = runs
    headCount = plan.batch * plan.groups
    sums = Tensor(zeros: [runs, headCount * set.sharedCount + set.queryRowCount])
  }

  func part(run: Int, index: Int) -> Part {
    let base = sums.mutablePointer(to: Float.self) + run * sums.shape[1]
    return Part(
      shared: base + index * set.sharedCount, ofQueries: base + headCount * set.sharedCount)
  }

  /// The gradient of each table, of its shape.
  func gradients() -> [Tensor] {
    let source = sums.pointer(to: Float.self)
    return zip(tables, set.views).map { table, view in
      var gradient = [Float](repeating: 0, count: table.count)
      for run in 0..<runs {
        let base = source + run * sums.shape[1] + view.start
        for index in 0..<(view.isOfQueries ? 1 : headCount) {
          let part = base + (view.isOfQueries ? headCount : index) * set.sharedCount
          for i in gradient.indices { gradient[i] += part[i] }
        }
      }
      return Tensor(gradient, shape: table.shape)
    }
  }
}
