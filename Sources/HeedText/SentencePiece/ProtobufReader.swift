// Just enough of Protocol Buffers to read a SentencePiece model: fields one after the other, each with
// a number and one of four forms. Every length is checked against what is left before it is used.

import HeedFormats

/// The fields of one message.
struct ProtobufReader {
  /// A field as it stands in the file.
  enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case bytes(Range<Int>)
    case fixed32(UInt32)
  }

  private let bytes: [UInt8]
  private var position: Int
  private let end: Int
  private let place: String

  init(_ bytes: [UInt8], range: Range<Int>, place: String) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
    self.place = place
  }

  /// The next field; nil at the end.
  mutating func next() throws(FormatError) -> (number: UInt64, value: Value)? {
    if position == end { return nil }
    let key = try varint()
    let number = key >> 3
    guard number > 0 else { throw broken("a field of number 0") }
    switch key & 7 {
    case 0: return (number, .varint(try varint()))
    case 1: return (number, .fixed64(try fixed(8)))
    case 2:
      let length = try varint()
      guard length <= UInt64(end - position) else {
        throw broken("a field of \(length) bytes where \(end - position) are left")
      }
      let start = position
      position += Int(length)
      return (number, .bytes(start..<position))
    case 5: return (number, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
    default: throw broken("a field of form \(key & 7)")
    }
  }

  private mutating func varint() throws(FormatError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < end else { throw broken("the message ends inside a number") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw broken("a number of more than ten bytes")
  }

  private mutating func fixed(_ size: Int) throws(FormatError) -> UInt64 {
    guard size <= end - position else { throw broken("the message ends inside a number") }
    var value: UInt64 = 0
    for step in 0..<size { value |= UInt64(bytes[position + step]) << UInt64(step * 8) }
    position += size
    return value
  }

  private func broken(_ what: String) -> FormatError {
    FormatError(
      .malformed, what: "\(what) at byte \(position)", place: place,
      expected: "a SentencePiece model")
  }
}
