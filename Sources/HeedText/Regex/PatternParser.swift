// Reads patterns in the syntax of Oniguruma (its Ruby flavour), which is what `tokenizer.json` means
// by "Regex", as far as patterns that split text need it, or in that of ECMAScript, which JSON schemas mean
// (`PatternParser+ECMAScript`): alternatives of sequences are the same in both. Not read: captures that are
// referred to, conditionals, calls, backward look of anything but one character. Everything unknown is
// refused, never taken for a letter.

import HeedFormats

/// How patterns are read.
package struct PatternOptions: Sendable {
  /// Whose grammar a pattern follows.
  enum Syntax: Sendable { case oniguruma, ecmaScript }

  var syntax = Syntax.oniguruma
  /// `{1,3}+` is possessive, as in PCRE and tiktoken; in Oniguruma it is a repetition of a repetition.
  var boundsMayBePossessive = false
  /// `^` and `$` are edges of lines, as in Ruby.
  var anchorsAreLines = true

  package static let oniguruma = PatternOptions()
  package static let tiktoken = PatternOptions(boundsMayBePossessive: true, anchorsAreLines: false)
  /// Oniguruma's for one text: `^` and `$` are its ends.
  package static let text = PatternOptions(anchorsAreLines: false)
  /// ECMA-262 (11th edition, 2020) with the flag u and no other, which JSON Schema 2020-12 means.
  package static let ecmaScript = PatternOptions(syntax: .ecmaScript, anchorsAreLines: false)
}

struct PatternParser {
  let scalars: [Unicode.Scalar]
  let place: String
  private let options: PatternOptions
  var position = 0
  var depth = 0
  /// Of the groups so far, where two may not have the same.
  var groupNames: Set<ExactString> = []
  private var caselessSets: [ScalarSet: ScalarSet] = [:]
  private var caseVariantCount = 0
  private var ignoresCase = false
  private var dotTakesNewlines = false

  static let maximumDepth = 48
  static let maximumLength = 100_000
  private static let caseVariantLimit = 1_000_000

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

  mutating func alternatives() throws(FormatError) -> PatternNode {
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
      switch options.syntax {
      case .oniguruma:
        let atom = try atom()
        parts.append(try repetitions(of: atom))
      case .ecmaScript: parts.append(try ecmaScriptTerm())
      }
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
      node = node.repeated(bounds, greed)
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
    return try bounds(least ?? 0, hasComma ? most : least)
  }

  func bounds(_ least: Int, _ most: Int?) throws(FormatError) -> PatternNode.Bounds {
    guard least <= most ?? least else { throw mistake("bounds the wrong way round") }
    let limit = options.syntax == .ecmaScript ? 100_000 : 1000
    guard most ?? least <= limit else {
      throw FormatError(
        .limit, what: "a bound over \(limit) in a pattern (character \(position))", place: place)
    }
    return PatternNode.Bounds(least: least, most: most)
  }

  /// A decimal number; one that is too large for a bound stays that.
  mutating func number() -> Int? {
    var value: Int?
    while let digit = peek(), ("0"..."9").contains(digit) {
      value = min((value ?? 0) * 10 + Int(digit.value - 0x30), 1_000_000)
      position += 1
    }
    return value
  }

  private mutating func atom() throws(FormatError) -> PatternNode {
    guard let next = peek() else { throw mistake("the pattern ends early") }
    position += 1
    switch next {
    case "(": return try group()
    case "[": return .set(try cased(try bracket()))
    case ".": return .set(dotTakesNewlines ? .any : .notNewline)
    case "^": return .anchor(options.anchorsAreLines ? .lineStart : .textStart)
    case "$": return .anchor(options.anchorsAreLines ? .lineEnd : .textEndOrLastNewline)
    case "\\": return try escape()
    case "*", "+", "?": throw mistake("a repetition of nothing")
    default: return .set(try cased(ScalarSet(ranges: [next.value...next.value])))
    }
  }

  mutating func cased(_ set: ScalarSet) throws(FormatError) -> ScalarSet {
    ignoresCase ? try ignoringCase(set) : set
  }

  /// A set with the other cases of its letters, made once for each.
  private mutating func ignoringCase(_ set: ScalarSet) throws(FormatError) -> ScalarSet {
    if let known = caselessSets[set] { return known }
    let variants = set.caseVariants
    caseVariantCount += variants.count
    guard caseVariantCount <= Self.caseVariantLimit else {
      throw FormatError(
        .limit, what: "too many wide sets without regard to case in a pattern", place: place,
        expected: "at most \(Self.caseVariantLimit) other cases of their letters")
    }
    var (members, cuts): ([ScalarSet], [ScalarSet]) = ([], [])
    for member in set.members { members.append(try ignoringCase(member)) }
    for cut in set.cuts { cuts.append(try ignoringCase(cut)) }
    let result = ScalarSet(
      categories: set.categories, ranges: set.ranges + variants, members: members, cuts: cuts,
      isNegated: set.isNegated)
    caselessSets[set] = result
    return result
  }

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

  mutating func closed(_ node: PatternNode) throws(FormatError) -> PatternNode {
    guard take(")") else { throw mistake("a group that is not closed") }
    return node
  }

  // MARK: Characters

  func peek() -> Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    position += 1
    return true
  }

  /// Takes a hexadecimal digit of ASCII.
  mutating func takeHexadecimalDigit() -> UInt32? {
    guard let next = peek(), next.isASCII, let digit = Character(next).hexDigitValue else {
      return nil
    }
    position += 1
    return UInt32(digit)
  }

  func mistake(_ what: String) -> FormatError {
    FormatError(
      .malformed, what: "\(what) in a pattern (character \(position))", place: place)
  }
}
