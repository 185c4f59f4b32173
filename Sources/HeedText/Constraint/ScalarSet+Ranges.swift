// The members of a set as ranges, by the ranges of its parts: a pattern may name thousands of sets, and to
// ask every character for each of them takes minutes.

extension ScalarSet {
  /// The members as ranges, in order, apart, and without those that are no characters.
  ///
  /// - Complexity: O(r log r) for r ranges of the parts.
  var scalarRanges: [ClosedRange<UInt32>] {
    Self.intersection(allRanges, [0...0xD7FF, 0xE000...0x10FFFF])
  }

  private var allRanges: [ClosedRange<UInt32>] {
    var parts = ranges
    for (category, ranges) in UnicodeCategories.ranges.enumerated()
    where categories.holds(CategoryIndex(category)) {
      parts += ranges
    }
    for member in members { parts += member.allRanges }
    var result = Self.union(parts)
    for cut in cuts { result = Self.intersection(result, cut.allRanges) }
    return isNegated ? Self.complement(result) : result
  }

  private static func union(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = result.last, range.lowerBound <= last.upperBound + 1 {
        result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
    return result
  }

  private static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= 0x10FFFF { result.append(next...0x10FFFF) }
    return result
  }

  /// What two lists of ranges, each in order and apart, have in common.
  static func intersection(
    _ left: [ClosedRange<UInt32>], _ right: [ClosedRange<UInt32>]
  ) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    var (a, b) = (0, 0)
    while a < left.count, b < right.count {
      let low = max(left[a].lowerBound, right[b].lowerBound)
      let high = min(left[a].upperBound, right[b].upperBound)
      if low <= high { result.append(low...high) }
      if left[a].upperBound < right[b].upperBound { a += 1 } else { b += 1 }
    }
    return result
  }
}
