extension JSONParser {
  /// A string at its opening quote.
  mutating func string() throws(FormatError) -> String {
    position += 1
    let start = position
    var decoded: [UInt8]?
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\""):
        let text =
          decoded.map { String(validating: $0, as: UTF8.self) }
          ?? String(validating: bytes[start..<position], as: UTF8.self)
        guard let text else {
          position = start
          throw mistake("a string that is not UTF-8", "UTF-8")
        }
        position += 1
        return text
      case UInt8(ascii: "\\"):
        if decoded == nil { decoded = Array(bytes[start..<position]) }
        position += 1
        decoded?.append(contentsOf: try escape())
      case 0..<0x20:
        throw mistake("a control character in a string", "its escaped form")
      default:
        decoded?.append(byte)
        position += 1
      }
    }
    throw mistake("the text ends inside a string", "'\"'")
  }

  private mutating func escape() throws(FormatError) -> [UInt8] {
    guard let byte = peek() else { throw mistake("the text ends inside a string", "an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(try scalar()).utf8)
    default:
      position -= 1
      throw mistake("an unknown escape in a string", "one of \"\\/bfnrtu")
    }
  }

  /// One scalar, of one or two \u escapes; the first "\u" is behind us.
  private mutating func scalar() throws(FormatError) -> Character {
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(first) { return Character(scalar) }
    if (0xD800..<0xDC00).contains(first), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
      let second = try codeUnit()
      if (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      {
        return Character(scalar)
      }
    }
    throw mistake("half of a surrogate pair", "a pair of \\u escapes")
  }

  private mutating func codeUnit() throws(FormatError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw mistake("an unfinished \\u escape", "four hexadecimal digits")
      }
      value = value << 4 + UInt32(digit)
      position += 1
    }
    return value
  }
}
