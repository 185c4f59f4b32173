// A strict parser of JSON text (RFC 8259), one pass over the bytes.
//
// Why not Foundation's: it drops the order of members, merges or keeps duplicate keys silently, has
// no limit of depth that we set, and its errors do not always say where. Model files are hostile
// until parsed, so every refusal here names the byte.

/// What a parser accepts beyond RFC 8259, and how deep it goes.
public struct JSONOptions: Sendable {
  /// Accept the bare words NaN, Infinity and -Infinity, which Python writes.
  public var allowsNonFiniteNumbers: Bool
  /// The deepest nesting of arrays and objects.
  public var maximumDepth: Int

  /// Options; the default is strict, 128 levels deep.
  public init(allowsNonFiniteNumbers: Bool = false, maximumDepth: Int = 128) {
    self.allowsNonFiniteNumbers = allowsNonFiniteNumbers
    self.maximumDepth = maximumDepth
  }
}

extension JSONValue {
  /// Parses the UTF-8 bytes of one document.
  ///
  /// - Parameter place: name of the source for error messages, such as a path.
  /// - Throws: `FormatError` with the byte offset of the first mistake.
  public init(
    parsing bytes: [UInt8], place: String = "JSON", options: JSONOptions = JSONOptions()
  ) throws(FormatError) {
    var parser = JSONParser(bytes: bytes, place: place, options: options)
    self = try parser.document()
  }

  /// Parses one document.
  public init(
    parsing text: String, place: String = "JSON", options: JSONOptions = JSONOptions()
  ) throws(FormatError) {
    try self.init(parsing: Array(text.utf8), place: place, options: options)
  }
}

struct JSONParser {
  let bytes: [UInt8]
  let place: String
  let options: JSONOptions
  var position = 0
  private var depth = 0

  init(bytes: [UInt8], place: String, options: JSONOptions) {
    self.bytes = bytes
    self.place = place
    self.options = options
  }

  mutating func document() throws(FormatError) -> JSONValue {
    skipSpace()
    let value = try value()
    skipSpace()
    if position < bytes.count { throw mistake("something follows the document", "the end") }
    return value
  }

  private mutating func value() throws(FormatError) -> JSONValue {
    guard let byte = peek() else { throw mistake("the text ends early", "a value") }
    switch byte {
    case UInt8(ascii: "{"): return .object(try object())
    case UInt8(ascii: "["): return .array(try array())
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N") where options.allowsNonFiniteNumbers:
      return try word("NaN", .number(.nan))
    case UInt8(ascii: "I") where options.allowsNonFiniteNumbers:
      return try word("Infinity", .number(.infinity))
    default: return try number()
    }
  }

  private mutating func object() throws(FormatError) -> JSONObject {
    try enter()
    defer { depth -= 1 }
    var result = JSONObject()
    if try closes(UInt8(ascii: "}")) { return result }
    while true {
      skipSpace()
      let start = position
      guard peek() == UInt8(ascii: "\"") else { throw mistake("no key", "a string") }
      let key = try string()
      guard result[key] == nil else {
        position = start
        throw mistake("the key \"\(key)\" occurs twice", "each key once")
      }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw mistake("no value after a key", "':'") }
      skipSpace()
      result[key] = try value()
      if try endsAfterElement(UInt8(ascii: "}")) { return result }
    }
  }

  private mutating func array() throws(FormatError) -> [JSONValue] {
    try enter()
    defer { depth -= 1 }
    var result: [JSONValue] = []
    if try closes(UInt8(ascii: "]")) { return result }
    while true {
      skipSpace()
      result.append(try value())
      if try endsAfterElement(UInt8(ascii: "]")) { return result }
    }
  }

  private mutating func enter() throws(FormatError) {
    guard depth < options.maximumDepth else {
      throw FormatError(
        .limit, what: "nested too deeply at byte \(position)", place: place,
        expected: "at most \(options.maximumDepth) levels")
    }
    depth += 1
    position += 1
  }

  private mutating func closes(_ bracket: UInt8) throws(FormatError) -> Bool {
    skipSpace()
    return take(bracket)
  }

  private mutating func endsAfterElement(_ bracket: UInt8) throws(FormatError) -> Bool {
    skipSpace()
    if take(bracket) { return true }
    guard take(UInt8(ascii: ",")) else {
      throw mistake(
        "no end of an array or object", "',' or '\(Character(Unicode.Scalar(bracket)))'")
    }
    return false
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(FormatError) -> JSONValue {
    let end = position + word.utf8.count
    guard end <= bytes.count, bytes[position..<end].elementsEqual(word.utf8) else {
      throw mistake("an unknown word", "a value")
    }
    position = end
    return value
  }

  private mutating func number() throws(FormatError) -> JSONValue {
    let start = position
    let isNegative = take(UInt8(ascii: "-"))
    if isNegative, options.allowsNonFiniteNumbers, peek() == UInt8(ascii: "I") {
      return try word("Infinity", .number(-.infinity))
    }
    let whole = position
    skipDigits()
    guard position > whole else { throw mistake("no value", "a value") }
    guard bytes[whole] != UInt8(ascii: "0") || position == whole + 1 else {
      throw mistake("a number with a leading zero", "a number")
    }
    var isWhole = true
    if take(UInt8(ascii: ".")) {
      isWhole = false
      try requireDigits()
    }
    if let byte = peek(), byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      isWhole = false
      position += 1
      if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
      try requireDigits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      position = start
      throw mistake("the number \(text) does not fit in 64 bits", "a smaller number")
    }
    return .number(value)
  }

  private mutating func requireDigits() throws(FormatError) {
    let start = position
    skipDigits()
    if position == start { throw mistake("an unfinished number", "a digit") }
  }

  private mutating func skipDigits() {
    while let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
  }

  private mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  func mistake(_ what: String, _ expected: String) -> FormatError {
    FormatError(.malformed, what: "\(what) at byte \(position)", place: place, expected: expected)
  }
}
