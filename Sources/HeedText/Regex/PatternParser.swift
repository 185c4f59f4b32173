// Reads patterns in the syntax of Oniguruma (its Ruby flavour), which is what `tokenizer.json` means
// by "Regex", as far as patterns that split text need it. Not read: captures that are referred to,
// conditionals, calls, backward look of anything but one character. Everything unknown is refused,
// never taken for a letter.

import HeedFormats

/// How patterns are read.
package struct PatternOptions: Sendable {
  /// `{1,3}+` is possessive, as in PCRE and tiktoken; in Oniguruma it is a repetition of a repetition.
  var boundsMayBePossessive = false
  /// `^` and `$` are edges of lines, as in Ruby.
  var anchorsAreLines = true

  package static let oniguruma = PatternOptions()
  package static let tiktoken = PatternOptions(boundsMayBePossessive: true, anchorsAreLines: false)
}

struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private let place: String
  private let options: PatternOptions
  private var position = 0
  private var depth = 0
  private var ignoresCase = false
  private var dotTakesNewlines = false

  static let maximumDepth = 48
  static let maximumLength = 100_000

  init(_ text: String, place: String, options: PatternOptions) {
    scalars = Array(text.unicodeScalars)
    self.place = place
    self.options = options
  }

  mutating func parse() throws(FormatError) -> PatternNode {
    guard scalars.count <= Self.maximumLength else {
      throw FormatError(
        .limit, what: "a pattern of \(scalars.count) characters", place: place,
        expected: "at most \(Self.maximumLength)")
    }
    let node = try alternatives()
    if position < scalars.count { throw mistake("a ')' that closes nothing") }
    return node
  }

  // MARK: Structure

  private mutating func alternatives() throws(FormatError) -> PatternNode {
    guard depth < Self.maximumDepth else {
      throw FormatError(
        .limit, what: "a pattern is nested too deeply", place: place,
        expected: "at most \(Self.maximumDepth) levels")
    }
    depth += 1
    defer { depth -= 1 }
    let (savedCase, savedDot) = (ignoresCase, dotTakesNewlines)
    defer { (ignoresCase, dotTakesNewlines) = (savedCase, savedDot) }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws(FormatError) -> PatternNode {
    var parts: [PatternNode] = []
    while let next = peek(), next != "|", next != ")" {
      let atom = try atom()
      parts.append(try repetitions(of: atom))
    }
    parts.removeAll { $0 == .empty }
    return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func repetitions(of atom: PatternNode) throws(FormatError) -> PatternNode {
    var node = atom
    for _ in 0..<8 {
      guard let next = peek() else { return node }
      let bounds: PatternNode.Bounds
      var isBraced = false
      switch next {
      case "*": bounds = .init(least: 0, most: nil)
      case "+": bounds = .init(least: 1, most: nil)
      case "?": bounds = .init(least: 0, most: 1)
      case "{":
        guard let braced = try braces() else { return node }
        bounds = braced
        isBraced = true
      default: return node
      }
      if !isBraced { position += 1 }
      if case .look = node { throw mistake("a repetition of a look-around") }
      var greed = PatternNode.Greed.greedy
      if take("?") {
        greed = .lazy
      } else if !isBraced || options.boundsMayBePossessive, take("+") {
        greed = .possessive
      }
      node = .repetition(node, bounds, greed)
    }
    throw mistake("too many repetitions of repetitions")
  }

  /// `{n}`, `{n,}`, `{,m}`, `{n,m}`; nil where a brace is only a brace.
  private mutating func braces() throws(FormatError) -> PatternNode.Bounds? {
    let start = position
    position += 1
    let least = number()
    var most = least
    var hasComma = false
    if take(",") {
      hasComma = true
      most = number()
    }
    guard take("}"), least != nil || (hasComma && most != nil) else {
      position = start
      return nil
    }
    let bounds = PatternNode.Bounds(least: least ?? 0, most: hasComma ? most : least)
    guard bounds.least <= 1000, (bounds.most ?? 0) <= 1000, bounds.least <= bounds.most ?? 1000
    else { throw mistake("bounds over 1000 or the wrong way round") }
    return bounds
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let digit = peek(), ("0"..."9").contains(digit), (value ?? 0) < 100_000 {
      value = (value ?? 0) * 10 + Int(digit.value - 0x30)
      position += 1
    }
    return value
  }

  private mutating func atom() throws(FormatError) -> PatternNode {
    guard let next = peek() else { throw mistake("the pattern ends early") }
    position += 1
    switch next {
    case "(": return try group()
    case "[": return .set(cased(try bracket()))
    case ".": return .set(dotTakesNewlines ? .any : .notNewline)
    case "^": return .anchor(options.anchorsAreLines ? .lineStart : .textStart)
    case "$": return .anchor(options.anchorsAreLines ? .lineEnd : .textEndOrLastNewline)
    case "\\": return try escape()
    case "*", "+", "?": throw mistake("a repetition of nothing")
    default: return .set(cased(ScalarSet(ranges: [next.value...next.value])))
    }
  }

  private func cased(_ set: ScalarSet) -> ScalarSet { ignoresCase ? set.ignoringCase : set }

  private mutating func group() throws(FormatError) -> PatternNode {
    guard take("?") else { return try closed(try alternatives()) }
    guard let kind = peek() else { throw mistake("an unfinished group") }
    position += 1
    switch kind {
    case ":": return try closed(try alternatives())
    case ">": return .atomic(try closed(try alternatives()))
    case "=": return .look(try closed(try alternatives()), isBehind: false, isNegated: false)
    case "!": return .look(try closed(try alternatives()), isBehind: false, isNegated: true)
    case "#":
      while let next = peek(), next != ")" {
        _ = next
        position += 1
      }
      return try closed(.empty)
    case "<", "P":
      if kind == "<", take("=") {
        return .look(try closed(try alternatives()), isBehind: true, isNegated: false)
      }
      if kind == "<", take("!") {
        return .look(try closed(try alternatives()), isBehind: true, isNegated: true)
      }
      if kind == "P", !take("<") { throw mistake("an unknown group") }
      while let next = peek(), next != ">" {
        guard next.properties.isAlphabetic || next == "_" || ("0"..."9").contains(next) else {
          throw mistake("the name of a group")
        }
        position += 1
      }
      guard take(">") else { throw mistake("an unfinished name of a group") }
      return try closed(try alternatives())
    default:
      position -= 1
      return try options(kind)
    }
  }

  /// `(?i)`, `(?i:...)`, `(?-i:...)`, and m (the dot takes newlines).
  private mutating func options(_ first: Unicode.Scalar) throws(FormatError) -> PatternNode {
    let saved = (ignoresCase, dotTakesNewlines)
    var turnsOn = true
    while let next = peek(), next != ")", next != ":" {
      switch next {
      case "-": turnsOn = false
      case "i": ignoresCase = turnsOn
      case "m", "s": dotTakesNewlines = turnsOn
      case "u": break
      default: throw mistake("an unknown option in a group")
      }
      position += 1
    }
    if take(")") {
      // To the end of the group that stands around it.
      return try alternatives()
    }
    guard take(":") else { throw mistake("an unfinished group") }
    let node = try closed(try alternatives())
    (ignoresCase, dotTakesNewlines) = saved
    return node
  }

  private mutating func closed(_ node: PatternNode) throws(FormatError) -> PatternNode {
    guard take(")") else { throw mistake("a group that is not closed") }
    return node
  }

  // MARK: Escapes and sets

  private mutating func escape() throws(FormatError) -> PatternNode {
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
    default: return .set(cased(try escapedSet()))
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
      while count < most, let digit = peek().flatMap({ Character($0).hexDigitValue }) {
        value = value << 4 | UInt32(digit)
        position += 1
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
  private mutating func bracket() throws(FormatError) -> ScalarSet {
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

  // MARK: Characters

  private func peek() -> Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    position += 1
    return true
  }

  private func mistake(_ what: String) -> FormatError {
    FormatError(
      .malformed, what: "\(what) in a pattern (character \(position))", place: place)
  }
}
