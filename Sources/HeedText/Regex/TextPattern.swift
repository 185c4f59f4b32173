// A compiled pattern and the machine that runs it.
//
// Backtracking with an explicit stack: patterns of tokenizers need look-ahead and the first
// alternative that matches, which automata without backtracking do not give cheaply. Against hostile
// patterns and texts there is no recursion over the text, and a budget of steps in proportion to the
// text; when it is used up the search ends with an error.

package import HeedFormats

/// A regular expression over UTF-8.
package final class TextPattern: Sendable {
  /// A set in a form that is read without following references.
  private struct FlatSet: Sendable {
    var low: UInt64
    var high: UInt64
    var categories: CategorySet
    var firstRange: Int32
    var endRange: Int32
    var isNegated: Bool
    /// False when the set has members or cuts and has to be asked itself.
    var isFlat: Bool
  }

  /// The text of the pattern.
  package let source: String
  private let instructions: ContiguousArray<PatternInstruction>
  private let sets: [ScalarSet]
  private let flatSets: ContiguousArray<FlatSet>
  private let ranges: ContiguousArray<ClosedRange<UInt32>>
  private let tables: ContiguousArray<UInt32>
  private let registerCount: Int
  /// Which bytes a match may begin with; nil when any may, or a match may be empty.
  private let firstBytes: [Bool]?

  package init(
    _ source: String, place: String, options: PatternOptions = .oniguruma
  ) throws(FormatError) {
    var parser = PatternParser(source, place: place, options: options)
    let node = try parser.parse()
    let compiler = try PatternCompiler(node, place: place)
    self.source = source
    instructions = ContiguousArray(compiler.instructions)
    sets = compiler.sets
    var flatSets: ContiguousArray<FlatSet> = []
    var ranges: ContiguousArray<ClosedRange<UInt32>> = []
    for set in compiler.sets {
      flatSets.append(
        FlatSet(
          low: set.low, high: set.high, categories: set.categories,
          firstRange: Int32(ranges.count), endRange: Int32(ranges.count + set.ranges.count),
          isNegated: set.isNegated,
          isFlat: set.members.isEmpty && set.cuts.isEmpty && set.ranges.count <= 12))
      ranges += set.ranges
    }
    self.flatSets = flatSets
    self.ranges = ranges
    tables = ContiguousArray(compiler.tables)
    registerCount = compiler.registerCount
    if let first = PatternCompiler.first(of: [node]), !first.isNullable {
      firstBytes = (0..<256).map { first.mayStart(with: UInt8($0)) }
    } else {
      firstBytes = nil
    }
  }

  /// A pattern that matches `text` itself.
  convenience init(literal text: String, place: String) throws(FormatError) {
    var source = ""
    for scalar in text.unicodeScalars {
      if scalar.value < 128, !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) {
        source += "\\x{" + String(scalar.value, radix: 16) + "}"
      } else {
        source.unicodeScalars.append(scalar)
      }
    }
    try self.init(source, place: place)
  }

  // MARK: Searching

  /// What one text's search needs to remember.
  struct Search {
    fileprivate var stack: ContiguousArray<Entry> = []
    fileprivate var registers: [Int]
    fileprivate var stepsLeft: Int

    /// A search with a budget for a text of `byteCount` bytes.
    init(_ pattern: TextPattern, byteCount: Int) {
      registers = [Int](repeating: -1, count: pattern.registerCount)
      stepsLeft = 1_000_000 + min(byteCount, 1 << 40) * 512
    }
  }

  fileprivate struct Entry {
    /// The instruction to go on with.
    var instruction: Int32
    /// 0: go on. 1: a greedy run may give back. 2: a lazy run may take more. 3: more alternatives.
    var kind: Int32
    var position: Int
    /// The least position of a greedy run; characters left of a lazy run; alternatives left.
    var limit: Int
  }

  /// The next match at or after `start`, in `range` alone: what lies outside is not seen.
  ///
  /// - Throws: `TokenizerError` when the search takes too many steps.
  func next(
    in bytes: [UInt8], range: Range<Int>, from start: Int, _ search: inout Search
  ) throws(TokenizerError) -> Range<Int>? {
    var position = start
    while position <= range.upperBound {
      if let firstBytes {
        while position < range.upperBound, !firstBytes[Int(bytes[position])] { position += 1 }
        if position >= range.upperBound { return nil }
      }
      if let end = try match(in: bytes, range: range, at: position, &search) {
        return position..<end
      }
      if position >= range.upperBound { return nil }
      position += [UInt8].width(ofScalarLedBy: bytes[position])
    }
    return nil
  }

  /// Where the match that begins at `start` ends.
  func match(
    in bytes: [UInt8], range: Range<Int>, at start: Int, _ search: inout Search
  ) throws(TokenizerError) -> Int? {
    search.stack.removeAll(keepingCapacity: true)
    return try run(bytes, range, start, from: 0, &search)
  }

  /// All matches in `range`, without empty ones at the end of the one before.
  package func matches(in bytes: [UInt8], range: Range<Int>) throws(TokenizerError) -> [Range<Int>]
  {
    var search = Search(self, byteCount: range.count)
    var result: [Range<Int>] = []
    var position = range.lowerBound
    while position <= range.upperBound,
      let match = try next(in: bytes, range: range, from: position, &search)
    {
      if match.isEmpty {
        if match.lowerBound != result.last?.upperBound { result.append(match) }
        if match.upperBound >= range.upperBound { break }
        position = match.upperBound + [UInt8].width(ofScalarLedBy: bytes[match.upperBound])
      } else {
        result.append(match)
        position = match.upperBound
      }
    }
    return result
  }

  // MARK: The machine

  @inline(__always)
  private func holds(_ set: Int32, _ value: UInt32) -> Bool {
    let flat = flatSets[Int(set)]
    if value < 128 {
      return ((value < 64 ? flat.low : flat.high) >> UInt64(value & 63)) & 1 != 0
    }
    return holdsBeyondASCII(flat, set, value)
  }

  private func holdsBeyondASCII(_ flat: FlatSet, _ set: Int32, _ value: UInt32) -> Bool {
    guard flat.isFlat else { return sets[Int(set)].holdsSlowly(value) }
    if flat.categories.rawValue != 0, flat.categories.holds(UnicodeCategories.index(value)) {
      return !flat.isNegated
    }
    var place = flat.firstRange
    while place < flat.endRange {
      let range = ranges[Int(place)]
      if value < range.lowerBound { break }
      if value <= range.upperBound { return !flat.isNegated }
      place += 1
    }
    return flat.isNegated
  }

  /// How far a run of set `set` reaches from `start`, at most `most` characters; the count as well.
  @inline(__always)
  private func extent(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ set: Int32, _ most: Int
  ) -> (end: Int, count: Int) {
    let flat = flatSets[Int(set)]
    var position = start
    var count = 0
    while position < end, count < most {
      let byte = bytes[position]
      if byte < 128 {
        if ((byte < 64 ? flat.low : flat.high) >> UInt64(byte & 63)) & 1 == 0 { break }
        position += 1
      } else {
        if !holdsBeyondASCII(flat, set, bytes.scalarValue(at: position)) { break }
        position += [UInt8].width(ofScalarLedBy: byte)
      }
      count += 1
    }
    return (position, count)
  }

  private func run(
    _ bytes: [UInt8], _ range: Range<Int>, _ start: Int, from first: Int, _ search: inout Search
  ) throws(TokenizerError) -> Int? {
    let end = range.upperBound
    let base = search.stack.count
    var place = first
    var position = start
    while true {
      search.stepsLeft -= 1
      if search.stepsLeft < 0 { throw Self.exhausted(source) }
      let step = instructions[place]
      var hasFailed = false
      switch step.operation {
      case .runPossessive:
        let (reached, count) = extent(bytes, position, end, step.a, Int(step.c))
        search.stepsLeft -= count >> 4
        if count < Int(step.b) { hasFailed = true } else { position = reached }
        place += 1
      case .set:
        if position < end, holds(step.a, bytes.scalarValue(at: position)) {
          position += [UInt8].width(ofScalarLedBy: bytes[position])
        } else {
          hasFailed = true
        }
        place += 1
      case .choose:
        let key = position < end ? Int(bytes[position]) : 256
        let mask = tables[Int(step.a) * 257 + key]
        if mask == 0 {
          hasFailed = true
        } else {
          let choice = mask.trailingZeroBitCount
          let left = mask & (mask - 1)
          if left != 0 {
            search.stack.append(
              Entry(instruction: Int32(place), kind: 3, position: position, limit: Int(left)))
          }
          place = Int(instructions[place + 1 + choice].a)
        }
      case .runGreedy:
        let (reached, count) = extent(bytes, position, end, step.a, Int(step.c))
        search.stepsLeft -= count >> 4
        if count < Int(step.b) {
          hasFailed = true
        } else {
          if count > Int(step.b) {
            let least = extent(bytes, position, end, step.a, Int(step.b)).end
            search.stack.append(
              Entry(instruction: Int32(place + 1), kind: 1, position: reached, limit: least))
          }
          position = reached
        }
        place += 1
      case .runLazy:
        let (reached, count) = extent(bytes, position, end, step.a, Int(step.b))
        if count < Int(step.b) {
          hasFailed = true
        } else {
          position = reached
          if step.c > step.b {
            search.stack.append(
              Entry(
                instruction: Int32(place), kind: 2, position: position,
                limit: Int(step.c - step.b)))
          }
        }
        place += 1
      case .split:
        search.stack.append(Entry(instruction: step.b, kind: 0, position: position, limit: 0))
        place = Int(step.a)
      case .jump: place = Int(step.a)
      case .lookSet:
        let isIn: Bool
        if step.c == 0 {
          isIn = position < end && holds(step.a, bytes.scalarValue(at: position))
        } else {
          isIn =
            position > range.lowerBound
            && holds(step.a, bytes.scalarValue(at: bytes.scalarStart(before: position)))
        }
        if isIn == (step.b == 1) { hasFailed = true }
        place += 1
      case .look:
        let found = try run(bytes, range, position, from: place + 1, &search) != nil
        if found == (step.b == 1) { hasFailed = true }
        place = Int(step.a)
      case .atomic:
        if let reached = try run(bytes, range, position, from: place + 1, &search) {
          position = reached
          place = Int(step.a)
        } else {
          hasFailed = true
        }
      case .anchor:
        if !stands(step.a, bytes, range, position) { hasFailed = true }
        place += 1
      case .mark:
        search.registers[Int(step.a)] = position
        place += 1
      case .progress:
        if search.registers[Int(step.a)] == position { hasFailed = true }
        place += 1
      case .accept:
        if search.stack.count > base { search.stack.removeLast(search.stack.count - base) }
        return position
      }
      if !hasFailed { continue }
      guard let resumed = resume(bytes, end, base, &position, &search) else { return nil }
      place = resumed
    }
  }

  /// Goes back to the latest choice that is left: sets the position and gives the instruction to go
  /// on with; nil when there is no choice above `base`.
  private func resume(
    _ bytes: [UInt8], _ end: Int, _ base: Int, _ position: inout Int, _ search: inout Search
  ) -> Int? {
    while search.stack.count > base, let entry = search.stack.popLast() {
      position = entry.position
      let place = Int(entry.instruction)
      switch entry.kind {
      case 1:
        position = bytes.scalarStart(before: position)
        if position > entry.limit {
          search.stack.append(
            Entry(instruction: entry.instruction, kind: 1, position: position, limit: entry.limit))
        }
        return place
      case 2:
        guard position < end, holds(instructions[place].a, bytes.scalarValue(at: position)) else {
          continue
        }
        position += [UInt8].width(ofScalarLedBy: bytes[position])
        if entry.limit > 1 {
          search.stack.append(
            Entry(
              instruction: entry.instruction, kind: 2, position: position, limit: entry.limit - 1))
        }
        return place + 1
      case 3:
        let mask = UInt32(truncatingIfNeeded: entry.limit)
        let left = mask & (mask - 1)
        if left != 0 {
          search.stack.append(
            Entry(instruction: entry.instruction, kind: 3, position: position, limit: Int(left)))
        }
        return Int(instructions[place + 1 + mask.trailingZeroBitCount].a)
      default: return place
      }
    }
    return nil
  }

  private func stands(
    _ anchor: Int32, _ bytes: [UInt8], _ range: Range<Int>, _ position: Int
  ) -> Bool {
    let (start, end) = (range.lowerBound, range.upperBound)
    func isWordPart(at place: Int) -> Bool {
      ScalarSet.wordAlone.holds(bytes.scalarValue(at: place))
    }
    switch anchor {
    case 0: return position == start
    case 1: return position == end
    case 2: return position == end || (position == end - 1 && bytes[position] == 0x0A)
    case 3: return position == start || bytes[position - 1] == 0x0A
    case 4: return position == end || bytes[position] == 0x0A
    default:
      let before = position > start && isWordPart(at: bytes.scalarStart(before: position))
      let after = position < end && isWordPart(at: position)
      return (before != after) == (anchor == 5)
    }
  }

  private static func exhausted(_ source: String) -> TokenizerError {
    TokenizerError(
      "the pattern \"\(source.prefix(60))\" takes too many steps on this text: "
        + "simplify the pattern or split the text")
  }
}
