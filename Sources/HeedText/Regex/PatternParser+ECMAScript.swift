// Patterns as ECMA-262 reads them with the flag u (22.2.1), which JSON Schema means by "pattern". The flag
// makes the grammar strict: what is not said there is an error, so a pattern of another language is found
// out instead of being read as something else.

import HeedFormats

extension PatternParser {
  /// A place, or something and how often it occurs.
  mutating func ecmaScriptTerm() throws(FormatError) -> PatternNode {
    if let place = try ecmaScriptAssertion() {
      if let next = peek(), Self.beginsRepetition(next) {
        throw notECMAScript("a repetition of a place, \(next),")
      }
      return place
    }
    let atom = try ecmaScriptAtom()
    guard let bounds = try ecmaScriptBounds() else { return atom }
    let greed: PatternNode.Greed = take("?") ? .lazy : .greedy
    if peek() == "+" { throw notECMAScript("a possessive repetition, +,") }
    return atom.repeated(bounds, greed)
  }

  /// An error that names what ECMAScript does not have.
  func notECMAScript(_ what: String) -> FormatError {
    FormatError(
      .malformed, what: "\(what) in a pattern (character \(position))", place: place,
      expected: "the syntax of ECMAScript with the flag u")
  }

  private static func beginsRepetition(_ scalar: Unicode.Scalar) -> Bool {
    "*+?{".unicodeScalars.contains(scalar)
  }

  // MARK: Places

  private mutating func ecmaScriptAssertion() throws(FormatError) -> PatternNode? {
    if take("^") { return .anchor(.textStart) }
    if take("$") { return .anchor(.textEnd) }
    if take(text: "\\b") { return Self.wordEdge(isOne: true) }
    if take(text: "\\B") { return Self.wordEdge(isOne: false) }
    for (opening, isBehind, isNegated) in [
      ("(?=", false, false), ("(?!", false, true), ("(?<=", true, false), ("(?<!", true, true),
    ] where take(text: opening) {
      return .look(
        try closed(try alternatives()), isBehind: isBehind, isNegated: isNegated)
    }
    return nil
  }

  /// Between a letter, digit or _ of ASCII and something else, or where there is no such edge.
  private static func wordEdge(isOne: Bool) -> PatternNode {
    let word = PatternNode.set(.ecmaScriptWord)
    func sides(_ before: Bool, _ after: Bool) -> PatternNode {
      .sequence([
        .look(word, isBehind: true, isNegated: !before),
        .look(word, isBehind: false, isNegated: !after),
      ])
    }
    return .alternatives(
      isOne
        ? [sides(true, false), sides(false, true)] : [sides(true, true), sides(false, false)])
  }

  // MARK: Atoms

  private mutating func ecmaScriptAtom() throws(FormatError) -> PatternNode {
    guard let next = peek() else { throw mistake("the pattern ends early") }
    position += 1
    switch next {
    case ".": return .set(.ecmaScriptNotNewline)
    case "(": return try ecmaScriptGroup()
    case "[": return .set(try ecmaScriptClass())
    case "\\":
      switch try ecmaScriptEscape() {
      case .scalar(let value): return .set(ScalarSet(ranges: [value...value]))
      case .set(let set): return .set(set)
      }
    case "*", "+", "?", "{", "}", "]":
      position -= 1
      throw notECMAScript("a \(next) without anything that it belongs to")
    default: return .set(ScalarSet(ranges: [next.value...next.value]))
    }
  }

  private mutating func ecmaScriptGroup() throws(FormatError) -> PatternNode {
    if take("?"), !take(":") {
      guard take("<") else {
        throw notECMAScript("the group (?" + (peek().map { String($0) } ?? ""))
      }
      try ecmaScriptGroupName()
    }
    return try closed(try alternatives())
  }

  /// `name>`, each name once.
  private mutating func ecmaScriptGroupName() throws(FormatError) {
    var name = ""
    while let next = peek(), next != ">" {
      position += 1
      let value = next == "\\" && take("u") ? try ecmaScriptUnicodeEscape() : next.value
      guard let scalar = Unicode.Scalar(value), scalar.isNamePart(first: name.isEmpty) else {
        throw notECMAScript("the name of a group")
      }
      name.unicodeScalars.append(scalar)
    }
    guard take(">"), !name.isEmpty else { throw notECMAScript("an unfinished name of a group") }
    guard groupNames.insert(ExactString(name)).inserted else {
      throw notECMAScript("the group \(name) twice")
    }
  }

  // MARK: Repetitions

  private mutating func ecmaScriptBounds() throws(FormatError) -> PatternNode.Bounds? {
    if take("*") { return .init(least: 0, most: nil) }
    if take("+") { return .init(least: 1, most: nil) }
    if take("?") { return .init(least: 0, most: 1) }
    guard take("{") else { return nil }
    guard let least = number() else { throw notECMAScript("a { without a number") }
    let most = take(",") ? number() : least
    guard take("}") else { throw notECMAScript("a { that is not closed") }
    return try bounds(least, most)
  }

  private mutating func take(text: String) -> Bool {
    guard scalars[position...].starts(with: text.unicodeScalars) else { return false }
    position += text.unicodeScalars.count
    return true
  }
}

extension Unicode.Scalar {
  /// A part of an identifier of ECMAScript.
  fileprivate func isNamePart(first: Bool) -> Bool {
    if self == "$" || self == "_" { return true }
    return first ? properties.isIDStart : properties.isIDContinue || value & ~1 == 0x200C
  }
}
