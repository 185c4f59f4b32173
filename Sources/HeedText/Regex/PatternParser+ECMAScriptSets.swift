import HeedFormats

// What stands for characters in ECMAScript: escapes, properties, brackets.
extension PatternParser {
  /// What an escape, or a part of brackets, stands for.
  enum ECMAScriptAtom {
    case scalar(UInt32)
    case set(ScalarSet)
  }

  /// What may follow a backslash in and outside of brackets.
  mutating func ecmaScriptEscape() throws(FormatError) -> ECMAScriptAtom {
    guard let next = peek() else { throw mistake("a backslash at the end") }
    position += 1
    switch next {
    case "d": return .set(.ecmaScriptDigit)
    case "D": return .set(ScalarSet.ecmaScriptDigit.negated)
    case "s": return .set(.ecmaScriptSpace)
    case "S": return .set(ScalarSet.ecmaScriptSpace.negated)
    case "w": return .set(.ecmaScriptWord)
    case "W": return .set(ScalarSet.ecmaScriptWord.negated)
    case "p", "P":
      let set = try ecmaScriptProperty()
      return .set(next == "P" ? set.negated : set)
    default:
      position -= 1
      return .scalar(try ecmaScriptScalar())
    }
  }

  private mutating func ecmaScriptScalar() throws(FormatError) -> UInt32 {
    guard let next = peek() else { throw mistake("a backslash at the end") }
    position += 1
    switch next {
    case "t": return 0x09
    case "n": return 0x0A
    case "v": return 0x0B
    case "f": return 0x0C
    case "r": return 0x0D
    case "c":
      guard let letter = peek(), letter.isASCII, letter.properties.isAlphabetic else {
        throw notECMAScript("a \\c without a letter")
      }
      position += 1
      return letter.value % 32
    case "0":
      if let digit = peek(), ("0"..."9").contains(digit) {
        throw notECMAScript("the octal number \\0\(digit)")
      }
      return 0
    case "x": return try hexadecimal(2)
    case "u": return try ecmaScriptUnicodeEscape()
    case "1"..."9", "k":
      throw FormatError(
        .unsupported, what: "the back reference \\\(next) in a pattern (character \(position))",
        place: place)
    case "^", "$", "\\", ".", "*", "+", "?", "(", ")", "[", "]", "{", "}", "|", "/":
      return next.value
    default:
      position -= 1
      throw notECMAScript("the escape \\\(next)")
    }
  }

  /// `{1F600}`, `0041` or the two halves of a pair, after `\u`. A half alone is a character that no text has.
  mutating func ecmaScriptUnicodeEscape() throws(FormatError) -> UInt32 {
    if take("{") {
      var value: UInt32 = 0
      let start = position
      while let digit = takeHexadecimalDigit() { value = min(value << 4 | digit, 0x110000) }
      guard position > start, value <= 0x10FFFF, take("}") else {
        throw notECMAScript("the number of a character")
      }
      return value
    }
    let value = try hexadecimal(4)
    let start = position
    guard (0xD800...0xDBFF).contains(value), take("\\"), take("u"), peek() != "{" else {
      position = start
      return value
    }
    let low = try hexadecimal(4)
    guard (0xDC00...0xDFFF).contains(low) else {
      position = start
      return value
    }
    return 0x10000 + (value & 0x3FF) << 10 + low & 0x3FF
  }

  private mutating func hexadecimal(_ count: Int) throws(FormatError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let digit = takeHexadecimalDigit() else {
        throw notECMAScript("the number of a character")
      }
      value = value << 4 | digit
    }
    return value
  }

  /// `{Lu}`, `{Script=Han}`, `{Alphabetic}` after \p.
  private mutating func ecmaScriptProperty() throws(FormatError) -> ScalarSet {
    guard take("{") else { throw notECMAScript("a \\p without {") }
    var name = ""
    while let next = peek(), next != "}" {
      name.unicodeScalars.append(next)
      position += 1
    }
    guard take("}") else { throw notECMAScript("an unfinished \\p{") }
    guard let set = ECMAScriptProperties.named(name) else {
      throw FormatError(
        .unsupported, what: "the property \\p{\(name)} in a pattern (character \(position))",
        place: place,
        expected:
          "a general category, a binary property or a common script, as ECMAScript spells it"
      )
    }
    return set
  }

  /// A set in brackets, after the opening one. Brackets and && within it are characters.
  mutating func ecmaScriptClass() throws(FormatError) -> ScalarSet {
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var members: [ScalarSet] = []
    while !take("]") {
      let lower = try ecmaScriptClassAtom()
      guard peek() == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
        switch lower {
        case .scalar(let value): ranges.append(value...value)
        case .set(let set): members.append(set)
        }
        continue
      }
      position += 1
      guard case .scalar(let first) = lower, case .scalar(let last) = try ecmaScriptClassAtom()
      else { throw notECMAScript("a range that begins or ends with a set") }
      guard first <= last else { throw mistake("a range the wrong way round") }
      ranges.append(first...last)
    }
    return ScalarSet(ranges: ranges, members: members, isNegated: isNegated)
  }

  private mutating func ecmaScriptClassAtom() throws(FormatError) -> ECMAScriptAtom {
    guard let next = peek() else { throw mistake("brackets that are not closed") }
    position += 1
    guard next == "\\" else { return .scalar(next.value) }
    if take("b") { return .scalar(0x08) }
    return take("-") ? .scalar(0x2D) : try ecmaScriptEscape()
  }
}

extension ScalarSet {
  static let ecmaScriptDigit = ScalarSet(ranges: [0x30...0x39])
  static let ecmaScriptWord = ScalarSet(ranges: [
    0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A,
  ])
  /// White space and the ends of lines: not U+0085, but U+FEFF.
  static let ecmaScriptSpace = ScalarSet(ranges: [
    0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
    0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ])
  static let ecmaScriptNotNewline = ScalarSet(
    ranges: [0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029], isNegated: true)
}
