import HeedFormats

// What stands for characters: escapes, properties, brackets.
extension PatternParser {
  mutating func escape() throws(FormatError) -> PatternNode {
    guard let next = peek() else { throw mistake("a backslash at the end") }
    switch next {
    case "A", "z", "Z", "b", "B", "G":
      position += 1
      switch next {
      case "A", "G": return .anchor(.textStart)
      case "z": return .anchor(.textEnd)
      case "Z": return .anchor(.textEndOrLastNewline)
      case "b": return .anchor(.wordEdge)
      default: return .anchor(.noWordEdge)
      }
    case "R":
      position += 1
      let newline = ScalarSet(ranges: [0x0A...0x0D, 0x85...0x85, 0x2028...0x2029])
      let pair = PatternNode.sequence([
        .set(ScalarSet(ranges: [0x0D...0x0D])), .set(ScalarSet(ranges: [0x0A...0x0A])),
      ])
      return .atomic(.alternatives([pair, .set(newline)]))
    case "w", "W":
      position += 1
      return .set(next == "w" ? .wordAlone : ScalarSet.wordAlone.negated)
    default: return .set(try cased(try escapedSet()))
    }
  }

  /// What may follow a backslash in and outside of brackets, at the character after it.
  private mutating func escapedSet() throws(FormatError) -> ScalarSet {
    guard let next = peek() else { throw mistake("a backslash at the end") }
    position += 1
    switch next {
    case "s": return .space
    case "S": return ScalarSet.space.negated
    case "d": return .digit
    case "D": return ScalarSet.digit.negated
    case "w": return .word
    case "W": return ScalarSet.word.negated
    case "h": return .hexadecimal
    case "H": return ScalarSet.hexadecimal.negated
    case "p", "P": return try property(isNegated: next == "P")
    default:
      position -= 1
      let value = try escapedScalar()
      return ScalarSet(ranges: [value...value])
    }
  }

  private mutating func escapedScalar() throws(FormatError) -> UInt32 {
    guard let next = peek() else { throw mistake("a backslash at the end") }
    position += 1
    switch next {
    case "n": return 0x0A
    case "r": return 0x0D
    case "t": return 0x09
    case "f": return 0x0C
    case "v": return 0x0B
    case "a": return 0x07
    case "e": return 0x1B
    case "0": return 0
    case "x", "u":
      let isBraced = take("{")
      var value: UInt32 = 0
      var count = 0
      let most = isBraced ? 8 : next == "x" ? 2 : 4
      while count < most, let digit = takeHexadecimalDigit() {
        value = value << 4 | digit
        count += 1
      }
      guard count > 0, !isBraced || take("}"), Unicode.Scalar(value) != nil else {
        throw mistake("the number of a character")
      }
      return value
    case "A"..."Z", "a"..."z", "1"..."9":
      position -= 1
      throw FormatError(
        .unsupported, what: "the escape \\\(next) in a pattern (character \(position))",
        place: place)
    default: return next.value
    }
  }

  /// `{L}`, `{^L}`, `{Han}` after \p, or one letter.
  private mutating func property(isNegated: Bool) throws(FormatError) -> ScalarSet {
    var name = ""
    if take("{") {
      while let next = peek(), next != "}" {
        name.unicodeScalars.append(next)
        position += 1
      }
      guard take("}") else { throw mistake("an unfinished \\p{") }
    } else if let letter = peek() {
      name.unicodeScalars.append(letter)
      position += 1
    }
    let isInverse = name.hasPrefix("^")
    if isInverse { name.removeFirst() }
    for prefix in ["Script=", "sc=", "General_Category=", "gc=", "Is"] where name.hasPrefix(prefix)
    {
      name.removeFirst(prefix.count)
      break
    }
    let set: ScalarSet
    if let categories = CategorySet(name: name) {
      set = ScalarSet(categories: categories)
    } else if let named = ScriptSets.named(name) ?? Self.posix(name) {
      set = named
    } else {
      throw FormatError(
        .unsupported, what: "the property \\p{\(name)} in a pattern", place: place,
        expected: "a general category or a common script")
    }
    return isNegated != isInverse ? set.negated : set
  }

  private static func posix(_ name: String) -> ScalarSet? {
    switch name.lowercased() {
    case "alpha", "alphabetic": ScalarSet(categories: [.letter, .mark, .letterNumber])
    case "alnum": ScalarSet(categories: [.letter, .mark, .decimalNumber])
    case "digit": .digit
    case "space", "whitespace", "white_space": .space
    case "word": .word
    case "upper", "uppercase": ScalarSet(categories: .uppercaseLetter)
    case "lower", "lowercase": ScalarSet(categories: .lowercaseLetter)
    case "punct": ScalarSet(categories: [.punctuation, .symbol])
    case "cntrl": ScalarSet(categories: .control)
    case "xdigit": .hexadecimal
    case "blank": ScalarSet(categories: .spaceSeparator, ranges: [0x09...0x09])
    case "ascii": ScalarSet(ranges: [0...0x7F])
    case "any": .any
    default: nil
    }
  }

  /// A set in brackets, after the opening one.
  mutating func bracket() throws(FormatError) -> ScalarSet {
    guard depth < Self.maximumDepth else { throw mistake("brackets are nested too deeply") }
    depth += 1
    defer { depth -= 1 }
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var members: [ScalarSet] = []
    var cuts: [ScalarSet] = []
    var isFirst = true
    /// What stands on the left of `&&` becomes one cut.
    func gathered() -> ScalarSet { ScalarSet(ranges: ranges, members: members) }
    while true {
      guard let next = peek() else { throw mistake("brackets that are not closed") }
      position += 1
      if next == "]", !isFirst { break }
      isFirst = false
      if next == "[" {
        if take(":") {
          members.append(try posixBracket())
        } else {
          members.append(try bracket())
        }
        continue
      }
      if next == "&", peek() == "&" {
        position += 1
        cuts.append(gathered())
        (ranges, members) = ([], [])
        continue
      }
      let lower: UInt32
      if next == "\\" {
        if let after = peek(), "sSdDwWhHpP".unicodeScalars.contains(after) {
          members.append(try escapedSet())
          continue
        }
        if take("b") { lower = 0x08 } else { lower = try escapedScalar() }
      } else {
        lower = next.value
      }
      guard peek() == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
        ranges.append(lower...lower)
        continue
      }
      position += 1
      guard let last = peek() else { throw mistake("brackets that are not closed") }
      position += 1
      if last == "[" {
        // A set after a dash: the dash is a dash.
        ranges += [lower...lower, 0x2D...0x2D]
        members.append(try bracket())
        continue
      }
      let upper = last == "\\" ? try escapedScalar() : last.value
      guard lower <= upper else { throw mistake("a range the wrong way round") }
      ranges.append(lower...upper)
    }
    if cuts.isEmpty {
      return ScalarSet(ranges: ranges, members: members, isNegated: isNegated)
    }
    return ScalarSet(
      ranges: ranges, members: members, cuts: cuts, isNegated: isNegated)
  }

  /// `alpha:]` of `[[:alpha:]]`.
  private mutating func posixBracket() throws(FormatError) -> ScalarSet {
    let isNegated = take("^")
    var name = ""
    while let next = peek(), next != ":", next != "]" {
      name.unicodeScalars.append(next)
      position += 1
    }
    guard take(":"), take("]"), let set = Self.posix(name) else {
      throw mistake("an unknown class in brackets")
    }
    return isNegated ? set.negated : set
  }
}
