// Byte-level vocabularies are written as text, so every byte needs a visible letter. GPT-2 (Radford
// et al. 2019) chose: the visible characters of Latin-1 stand for themselves, the other 68 bytes for
// U+0100 and on, in order.

/// The letters that stand for bytes in byte-level vocabularies.
package enum ByteAlphabet {
  /// The letter of each byte.
  package static let letters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0..<UInt32(256)).compactMap { byte in
      if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE {
        return Unicode.Scalar(byte)
      }
      next += 1
      return Unicode.Scalar(next - 1)
    }
  }()

  /// The byte of each letter; 256 marks a scalar below U+0144 that is no letter.
  private static let bytes: [UInt16] = {
    var result = [UInt16](repeating: 256, count: 0x144)
    for (byte, letter) in letters.enumerated() { result[Int(letter.value)] = UInt16(byte) }
    return result
  }()

  /// The byte that a letter stands for.
  static func byte(of letter: Unicode.Scalar) -> UInt8? {
    guard letter.value < 0x144 else { return nil }
    let byte = bytes[Int(letter.value)]
    return byte < 256 ? UInt8(byte) : nil
  }

  /// The bytes that a token stands for; nil when one of its scalars is no letter.
  package static func bytes(of token: String) -> [UInt8]? { bytes(of: token.utf8) }

  /// The same for the UTF-8 of a token.
  static func bytes(of token: some Collection<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(token.count)
    return append(bytesOf: token, to: &result) ? result : nil
  }

  /// Appends the bytes that a token stands for; false, with some of them appended, when one of its scalars is
  /// no letter.
  @inline(__always)
  static func append(bytesOf token: some Collection<UInt8>, to result: inout [UInt8]) -> Bool {
    let bytes = Self.bytes
    var lead: UInt32 = 0
    for unit in token {
      let value: UInt32
      switch (unit, lead) {
      case (0x80..<0xC0, 1...): value = (lead & 0x1F) << 6 | UInt32(unit & 0x3F)
      case (0..<0x80, 0): value = UInt32(unit)
      // All letters have one unit or two.
      case (0xC2..<0xE0, 0):
        lead = UInt32(unit)
        continue
      default: return false
      }
      lead = 0
      guard value < 0x144, bytes[Int(value)] < 256 else { return false }
      result.append(UInt8(bytes[Int(value)]))
    }
    return lead == 0
  }

  /// Bytes as letters.
  package static func text(of bytes: some Sequence<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(letters[Int(byte)]) }
    return String(text)
  }
}
