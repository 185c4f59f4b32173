/// The lines of a report for people, as its cases are finished: one each, but small checks of one group
/// that passed one after the other share a line. What is not supported stands in the report's summary.
public struct ReportLines: Sendable {
  private var group: String?
  private var count = 0

  /// Before the first case.
  public init() {}

  /// What can be printed after one more case.
  public mutating func add(_ line: Report.Line) -> [String] {
    if case .unsupported = line.outcome { return [] }
    guard line.outcome == .passed, let group = line.group else { return end() + [line.text] }
    let finished = group == self.group ? [] : end()
    self.group = group
    count += 1
    return finished
  }

  /// What is left to print behind the last case.
  public mutating func end() -> [String] {
    defer { (group, count) = (nil, 0) }
    return group.map { ["pass  \($0)  \(count) checks, exact"] } ?? []
  }
}
