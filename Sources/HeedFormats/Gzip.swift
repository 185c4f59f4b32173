// gzip files (RFC 1952): members one after the other, each a header, DEFLATE, and a sum and a length
// to check it by. Texts are kept so in collections of data.

/// Reads gzip.
public enum Gzip {
  /// True when the bytes begin as a gzip file does, which no text does.
  public static func isCompressed(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

  /// The bytes that a gzip file holds.
  ///
  /// - Parameter maximumByteCount: of the result.
  /// - Throws: `FormatError` when the file is damaged, cut off, or holds more.
  public static func decompressed(
    _ bytes: [UInt8], place: String, maximumByteCount: Int = 1 << 30
  ) throws(FormatError) -> [UInt8] {
    var result: [UInt8] = []
    var start = 0
    repeat {
      let body = try endOfHeader(bytes, start, place)
      let (part, end) = try Inflate.decompressed(
        bytes, body..<bytes.count, limit: maximumByteCount - result.count, place: place)
      guard bytes.count - end >= 8 else { throw cutOff(place) }
      guard
        number(bytes, end) == CyclicSum.sum(of: part),
        number(bytes, end + 4) == UInt32(truncatingIfNeeded: part.count)
      else {
        throw FormatError(
          .inconsistent, what: "the decompressed data differ from their check sum", place: place)
      }
      result = result.isEmpty ? part : result + part
      start = end + 8
    } while start < bytes.count
    return result
  }

  /// Where the compressed data of the member at `start` begin.
  private static func endOfHeader(
    _ bytes: [UInt8], _ start: Int, _ place: String
  ) throws(FormatError) -> Int {
    guard bytes.count - start >= 10 else { throw cutOff(place) }
    guard bytes[start] == 0x1F, bytes[start + 1] == 0x8B, bytes[start + 2] == 8 else {
      throw FormatError(.malformed, what: "this is no gzip", place: "\(place), byte \(start)")
    }
    let flags = bytes[start + 3]
    var next = start + 10
    if flags & 4 != 0 {
      guard bytes.count - next >= 2 else { throw cutOff(place) }
      next += 2 + Int(bytes[next]) + Int(bytes[next + 1]) << 8
    }
    // A name and a comment, each ended by a zero.
    for flag in [UInt8(8), 16] where flags & flag != 0 {
      guard next < bytes.count, let zero = bytes[next...].firstIndex(of: 0) else {
        throw cutOff(place)
      }
      next = zero + 1
    }
    if flags & 2 != 0 { next += 2 }
    guard next <= bytes.count else { throw cutOff(place) }
    return next
  }

  private static func number(_ bytes: [UInt8], _ start: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
  }

  private static func cutOff(_ place: String) -> FormatError {
    FormatError(.malformed, what: "the gzip file is cut off", place: place)
  }
}

/// The cyclic redundancy check of gzip and PNG.
private enum CyclicSum {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
  }

  static func sum(of bytes: [UInt8]) -> UInt32 {
    let table = table
    var sum = ~UInt32(0)
    for byte in bytes { sum = sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] }
    return ~sum
  }
}
