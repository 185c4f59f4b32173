import HeedTensor

/// The ranges of a mask for each row of a key/value head, where a tile can point at them.
///
/// A row is a query of one head of the group; the rows of a group's heads lie one after the other.
struct RowRanges: Sendable {
  /// True when everything within the ranges is visible.
  let exact: Bool
  private let storage: Storage
  private let rowCount: Int

  init(_ ranges: MaskRanges, groupSize: Int) {
    let queryCount = ranges.low.count
    exact = ranges.exact
    rowCount = groupSize * queryCount
    storage = Storage(byteCount: 8 * rowCount)
    for head in 0..<groupSize {
      (low + head * queryCount).update(from: ranges.low, count: queryCount)
      (high + head * queryCount).update(from: ranges.high, count: queryCount)
    }
  }

  /// First key that each row may see.
  var low: UnsafeMutablePointer<Int32> { storage.base.assumingMemoryBound(to: Int32.self) }
  /// End of the keys that each row may see; `low` where it sees none.
  var high: UnsafeMutablePointer<Int32> { low + rowCount }

  /// The keys that some row of `rows` may see.
  func hull(of rows: Range<Int>) -> Range<Int> {
    var first = Int32.max
    var end: Int32 = 0
    for row in rows where low[row] < high[row] {
      first = min(first, low[row])
      end = max(end, high[row])
    }
    return first < end ? Int(first)..<Int(end) : 0..<0
  }

  /// The keys within the ranges of every row of `rows`.
  func common(of rows: Range<Int>) -> Range<Int> {
    var first: Int32 = 0
    var end = Int32.max
    for row in rows {
      first = max(first, low[row])
      end = min(end, high[row])
    }
    return first < end ? Int(first)..<Int(end) : 0..<0
  }

  /// Whether each of `keyCount` keys is in the range of some row.
  func cover(keyCount: Int) -> Bool {
    var firsts = [Int](repeating: 0, count: keyCount)
    for row in 0..<rowCount where low[row] < high[row] {
      firsts[Int(low[row])] = max(firsts[Int(low[row])], Int(high[row]))
    }
    var end = 0
    for key in 0..<keyCount {
      end = max(end, firsts[key])
      if end <= key { return false }
    }
    return true
  }

  /// From the first to the last row of `rows` that may see one of `keys`.
  func rows(of rows: Range<Int>, seeing keys: Range<Int>) -> Range<Int> {
    func sees(_ row: Int) -> Bool {
      Int(low[row]) < keys.upperBound && Int(high[row]) > keys.lowerBound && low[row] < high[row]
    }
    guard let first = rows.first(where: sees), let last = rows.last(where: sees) else {
      return rows.lowerBound..<rows.lowerBound
    }
    return first..<last + 1
  }
}
