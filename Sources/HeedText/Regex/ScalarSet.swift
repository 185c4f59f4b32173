/// A set of characters as a pattern names it: `[^\s\p{L}]`, `\d`, `.`.
///
/// A union of categories, ranges and other sets, possibly cut with further sets (`&&`), possibly
/// turned into its opposite. ASCII is answered from two words, everything else from the parts.
struct ScalarSet: Sendable, Hashable {
  private(set) var categories = CategorySet()
  /// Sorted, without overlap.
  private(set) var ranges: [ClosedRange<UInt32>] = []
  private(set) var members: [ScalarSet] = []
  private(set) var cuts: [ScalarSet] = []
  private(set) var isNegated = false
  private(set) var low: UInt64 = 0
  private(set) var high: UInt64 = 0

  init(
    categories: CategorySet = [], ranges: [ClosedRange<UInt32>] = [], members: [ScalarSet] = [],
    cuts: [ScalarSet] = [], isNegated: Bool = false
  ) {
    self.categories = categories
    // A plain set inside a union is part of it.
    var gathered = ranges
    var others: Set<ScalarSet> = []
    for member in members {
      if member.isNegated || !member.cuts.isEmpty || !member.members.isEmpty {
        if others.insert(member).inserted { self.members.append(member) }
      } else {
        self.categories.formUnion(member.categories)
        gathered += member.ranges
      }
    }
    for range in gathered.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = self.ranges.last, range.lowerBound <= last.upperBound &+ 1 {
        self.ranges[self.ranges.count - 1] =
          last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        self.ranges.append(range)
      }
    }
    self.cuts = cuts
    self.isNegated = isNegated
    for value in UInt32(0)..<64 {
      if holdsSlowly(value) { low |= 1 << UInt64(value) }
      if holdsSlowly(value + 64) { high |= 1 << UInt64(value) }
    }
  }

  static let space = ScalarSet(ranges: [
    0x09...0x0D, 0x20...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A,
    0x2028...0x2029, 0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000,
  ])
  static let digit = ScalarSet(categories: .decimalNumber)
  /// Letters in all but category: those in circles and squares.
  private static let alphabeticSymbols: [ClosedRange<UInt32>] = [
    0x24B6...0x24E9, 0x1F130...0x1F149, 0x1F150...0x1F169, 0x1F170...0x1F189,
  ]
  static let word = ScalarSet(
    categories: [.letter, .mark, .decimalNumber, .letterNumber, .connectorPunctuation],
    ranges: alphabeticSymbols)
  /// Oniguruma's `\w` and `\b` outside of brackets: small digits and fractions of Latin-1 as well.
  static let wordAlone = ScalarSet(
    ranges: [0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE], members: [word])
  static let hexadecimal = ScalarSet(ranges: [0x30...0x39, 0x41...0x46, 0x61...0x66])
  static let any = ScalarSet(isNegated: true)
  static let notNewline = ScalarSet(ranges: [0x0A...0x0A], isNegated: true)

  var negated: ScalarSet {
    ScalarSet(
      categories: categories, ranges: ranges, members: members, cuts: cuts, isNegated: !isNegated)
  }

  /// True for a member.
  @inline(__always)
  func holds(_ value: UInt32) -> Bool {
    if value < 128 { return holdsASCII(UInt8(truncatingIfNeeded: value)) }
    return holdsSlowly(value)
  }

  @inline(__always)
  func holdsASCII(_ byte: UInt8) -> Bool {
    ((byte < 64 ? low : high) >> UInt64(byte & 63)) & 1 != 0
  }

  func holdsSlowly(_ value: UInt32) -> Bool {
    var isMember = inRanges(value)
    if !isMember, !categories.isEmpty {
      isMember = categories.holds(UnicodeCategories.index(value))
    }
    if !isMember { isMember = members.contains { $0.holdsSlowly(value) } }
    if isMember, !cuts.isEmpty { isMember = cuts.allSatisfy { $0.holdsSlowly(value) } }
    return isMember != isNegated
  }

  private func inRanges(_ value: UInt32) -> Bool {
    if ranges.count <= 12 {
      for range in ranges {
        if value < range.lowerBound { return false }
        if value <= range.upperBound { return true }
      }
      return false
    }
    var (first, last) = (0, ranges.count)
    while first < last {
      let middle = (first + last) / 2
      if ranges[middle].upperBound < value { first = middle + 1 } else { last = middle }
    }
    return first < ranges.count && ranges[first].lowerBound <= value
  }

  /// True when every member is ASCII for certain.
  var isASCIIOnly: Bool {
    !isNegated && categories.isEmpty && members.isEmpty && ranges.allSatisfy { $0.upperBound < 128 }
  }

  /// The members, when they are few and all are named one by one.
  private var fewMembers: [UInt32]? {
    guard !isNegated, categories.isEmpty, members.isEmpty, cuts.isEmpty else { return nil }
    let count = ranges.reduce(0) { $0 + Int($1.upperBound - $1.lowerBound) + 1 }
    return count <= 2048 ? ranges.flatMap { Array($0) } : nil
  }

  /// True when no character is in both sets for certain; false when that is not known.
  func isDisjoint(from other: ScalarSet) -> Bool {
    if low & other.low != 0 || high & other.high != 0 { return false }
    if let few = fewMembers { return !few.contains { other.holds($0) } }
    if let few = other.fewMembers { return !few.contains { holds($0) } }
    if other.isNegated, !isNegated { return other.isDisjoint(from: self) }
    guard !other.isNegated, other.members.isEmpty, members.isEmpty, cuts.isEmpty else {
      return false
    }
    if isNegated {
      // The other lies in what this one leaves out.
      return other.categories.isSubset(of: categories)
        && other.ranges.allSatisfy { range in
          ranges.contains {
            $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound
          }
        }
    }
    return categories.isDisjoint(with: other.categories) && ranges.isEmpty && other.ranges.isEmpty
  }
}
