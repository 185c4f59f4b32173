import HeedTensor

/// Reads a GGUF header from front to back.
struct GGUFCursor {
  private let file: MappedFile
  private(set) var position = 0

  init(_ file: MappedFile) { self.file = file }

  var path: String { file.path }
  var remaining: Int { file.byteCount - position }

  /// The next bytes.
  mutating func bytes(_ count: Int) throws(FormatError) -> [UInt8] {
    file.bytes(in: try advance(count))
  }

  mutating func integer<I: FixedWidthInteger>() throws(FormatError) -> I {
    file.integer(at: try advance(I.bitWidth / 8).lowerBound)
  }

  /// Where the next bytes lie, which count as read.
  private mutating func advance(_ count: Int) throws(FormatError) -> Range<Int> {
    guard count <= remaining else {
      throw mistake(
        "the file ends after \(remaining) of \(count) bytes", "a complete header",
        hint: "is the download complete?")
    }
    let start = position
    position += count
    return start..<position
  }

  /// A length and as many bytes of UTF-8.
  mutating func string(longest: Int = .max) throws(FormatError) -> String {
    let place = position
    let length: UInt64 = try integer()
    guard length <= UInt64(min(longest, max(remaining, 0))) else {
      throw mistake("a string of \(length) bytes", "at most \(min(longest, remaining))", at: place)
    }
    guard let text = String(validating: try bytes(Int(length)), as: UTF8.self) else {
      throw mistake("a string that is not UTF-8", "UTF-8", at: place)
    }
    return text
  }

  /// A type and a value of it.
  mutating func value(named key: String) throws(FormatError) -> GGUFValue {
    let place = position
    let code: UInt32 = try integer()
    guard let type = GGUFValueType(rawValue: code) else {
      throw mistake("\"\(key)\" has the unknown type \(code)", "a type from 0 to 12", at: place)
    }
    switch type {
    case .string: return .string(try string())
    case .array: return .array(try array(key))
    case .bool: return .bool(try truths(1, key).first == 1)
    default: return GGUFArray.value(type, try bytes(type.byteCount ?? 1)[...])
    }
  }

  private mutating func array(_ key: String) throws(FormatError) -> GGUFArray {
    let place = position
    let code: UInt32 = try integer()
    let count: UInt64 = try integer()
    guard let type = GGUFValueType(rawValue: code), type != .array else {
      throw mistake(
        "\"\(key)\" is an array of type \(code)", "values that are no arrays", at: place)
    }
    // A value takes a byte at least.
    guard count <= UInt64(remaining) else {
      throw mistake("\"\(key)\" has \(count) values", "at most \(remaining)", at: place)
    }
    guard let size = type.byteCount else {
      let start = position
      for _ in 0..<count {
        let length = file.length(at: try advance(8).lowerBound)
        guard length <= UInt64(remaining) else {
          throw mistake("a string of \(length) bytes in \"\(key)\"", "at most \(remaining)")
        }
        position += Int(length)
      }
      return GGUFArray(
        elementType: type, count: Int(count), bytes: file.bytes(in: start..<position))
    }
    guard Int(count) <= remaining / size else {
      throw mistake("\"\(key)\" has \(count) values", "at most \(remaining / size)", at: place)
    }
    let bytes = type == .bool ? try truths(Int(count), key) : try bytes(Int(count) * size)
    return GGUFArray(elementType: type, count: Int(count), bytes: bytes)
  }

  private mutating func truths(
    _ count: Int, _ key: String
  ) throws(FormatError) -> [UInt8] {
    let place = position
    let values = try bytes(count)
    guard values.allSatisfy({ $0 <= 1 }) else {
      throw mistake("\"\(key)\" has a truth value that is neither 0 nor 1", "0 or 1", at: place)
    }
    return values
  }

  func mistake(
    _ what: String, _ expected: String, at place: Int? = nil, hint: String? = nil
  ) -> FormatError {
    FormatError(
      .malformed, what: "\(what) at byte \(place ?? position)", place: path, expected: expected,
      hint: hint)
  }

  func limit(_ what: String, _ expected: String) -> FormatError {
    FormatError(
      .limit, what: what, place: path, expected: expected, hint: "is this really a GGUF file?")
  }
}
