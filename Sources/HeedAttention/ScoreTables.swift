// Tables that a score rule reads, and their gradients.
//
// The forward reads like any gather. The backward has dual numbers with one slope, so it runs the
// rule once for the score and once more for each read of it, with that read as the variable: a rule
// has one or two reads, and the alternative, a slope for every read at once, would make each number of
// every rule wider. Which cell of the table a lane read is noted by the reader itself, so the rule is
// written as if tables were functions.
//
// Order of sums: each run of the backward adds to sums of its own, in the order of its tiles; those of
// a shared table are kept apart for each key/value head too; then all are added in order.

public import HeedTensor

/// A table of a rule, ready to be read: dense float32.
@usableFromInline
struct ScoreTable: Sendable {
  let values: Tensor
  let rows: Int
  let columns: Int
  /// True where each query has a row of its own: `[B, H, T, columns]`.
  let isOfQueries: Bool

  @usableFromInline
  init(_ tensor: Tensor) {
    precondition(
      [1, 2, 4].contains(tensor.rank) && tensor.count > 0,
      "ScoreRule: a table \(tensor.shape) has not one, two or four axes")
    values = tensor.detached().converted(to: .float32).dense()
    columns = tensor.shape[tensor.rank - 1]
    rows = tensor.count / columns
    isOfQueries = tensor.rank == 4
  }
}

/// Which read of a rule is the variable now, and what it read.
@usableFromInline
struct ScoreReadLog {
  /// Reads since `start`.
  @usableFromInline private(set) var count = 0
  private var followed: Int?
  fileprivate private(set) var table = 0
  /// The cells of the followed read, within its table.
  fileprivate private(set) var cells = SIMD16<Int32>(repeating: 0)

  @usableFromInline
  init() {}

  @usableFromInline
  mutating func start(following read: Int?) {
    count = 0
    followed = read
  }

  /// Counts a read; true when it is the followed one.
  fileprivate mutating func note(_ table: Int, _ cells: () -> SIMD16<Int32>) -> Bool {
    defer { count += 1 }
    guard count == followed else { return false }
    self.table = table
    self.cells = cells()
    return true
  }
}

/// The tables of a rule while it runs. Rules read them through `ScorePlace`.
public struct ScoreTables {
  private let tables: [ScoreTable]
  private let log: UnsafeMutablePointer<ScoreReadLog>?

  @usableFromInline
  init(_ tables: [ScoreTable], log: UnsafeMutablePointer<ScoreReadLog>?) {
    self.tables = tables
    self.log = log
  }

  private func table(_ number: Int, row: Int) -> ScoreTable {
    precondition(
      number >= 0 && number < tables.count && row >= 0 && row < tables[number].rows,
      "ScoreRule: no row \(row) of table \(number) in tables \(tables.map(\.values.shape))")
    return tables[number]
  }

  /// The row of a query in a table that has one for each.
  @usableFromInline
  func row(ofQueryTable number: Int, batch: Int, head: Int, query: Int) -> Int {
    let table = table(number, row: 0)
    precondition(
      table.isOfQueries, "ScoreRule: table \(number) \(table.values.shape) has no rows of queries")
    let shape = table.values.shape
    return (batch * shape[1] + head) * shape[2] + query
  }

  /// The cells of a row at `columns`, rounded down and brought into the table; not-a-number is 0.
  private func cells(
    _ table: ScoreTable, _ row: Int, _ columns: SIMD16<Float>
  ) -> SIMD16<Int32> {
    var cells = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: row * table.columns))
    let last = Float(table.columns - 1)
    for i in 0..<16 where columns[i] > 0 { cells[i] &+= Int32(min(columns[i], last)) }
    return cells
  }

  @usableFromInline
  func values(table number: Int, row: Int, columns: SIMD16<Float>) -> SIMD16<Float> {
    let table = table(number, row: row)
    let source = table.values.pointer(to: Float.self)
    let cells = cells(table, row, columns)
    var values = SIMD16<Float>(repeating: 0)
    for i in 0..<16 { values[i] = source[Int(cells[i])] }
    return values
  }

  /// 1 for the read that is the variable now, 0 for others.
  @usableFromInline
  func slope(table number: Int, row: Int, columns: SIMD16<Float>) -> Float {
    guard let log else { return 0 }
    let isFollowed = log.pointee.note(number) { cells(table(number, row: row), row, columns) }
    return isFollowed ? 1 : 0
  }

  /// Adds what the followed read gives to the gradient of its table.
  @usableFromInline
  func add(
    _ gradients: SIMD16<Float>, slope: SIMD16<Float>, _ width: Int, to sums: ScoreTableSums.Part
  ) {
    guard let log else { return }
    let target = sums.pointer(log.pointee.table)
    let cells = log.pointee.cells
    // What is hidden has a gradient of zero, and perhaps a slope that is not finite.
    for i in 0..<width where gradients[i] != 0 { target[Int(cells[i])] += gradients[i] * slope[i] }
  }
}

/// Gradients of the tables of one call: `[runs, all sums]`.
@usableFromInline
struct ScoreTableSums: Sendable {
  private let plan: AttentionPlan
  private let tables: [Tensor]
  private let sums: Tensor
  /// Where a table's sums begin within a run.
  private let starts: [Int]
  private let runs: Int

  /// Where one run of one key/value head adds.
  @usableFromInline
  struct Part {
    fileprivate let base: UnsafeMutablePointer<Float>
    fileprivate let index: Int
    fileprivate let starts: [Int]
    fileprivate let tables: [Tensor]

    fileprivate func pointer(_ table: Int) -> UnsafeMutablePointer<Float> {
      let isShared = tables[table].rank < 4
      return base + starts[table] + (isShared ? index * tables[table].count : 0)
    }
  }

  /// Sums for the tables of the plan's rule; nil when it has none.
  init?(_ plan: AttentionPlan, runs: Int) {
    guard let tables = plan.parts.change?.tables, !tables.isEmpty else { return nil }
    self.plan = plan
    self.tables = tables
    self.runs = runs
    var starts: [Int] = []
    var count = 0
    for table in tables {
      starts.append(count)
      count += table.count * (table.rank < 4 ? plan.batch * plan.groups : 1)
    }
    self.starts = starts
    sums = Tensor(zeros: [runs, count])
  }

  func part(run: Int, index: Int) -> Part {
    Part(
      base: sums.mutablePointer(to: Float.self) + run * sums.shape[1], index: index,
      starts: starts, tables: tables)
  }

  /// The gradient of each table, of its shape.
  func gradients() -> [Tensor] {
    let source = sums.pointer(to: Float.self)
    return tables.enumerated().map { number, table in
      let copies = table.rank < 4 ? plan.batch * plan.groups : 1
      var gradient = [Float](repeating: 0, count: table.count)
      for run in 0..<runs {
        for copy in 0..<copies {
          let start = run * sums.shape[1] + starts[number] + copy * table.count
          for i in gradient.indices { gradient[i] += source[start + i] }
        }
      }
      return Tensor(gradient, shape: table.shape)
    }
  }
}
