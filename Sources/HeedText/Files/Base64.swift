/// Base64 (RFC 4648) in the alphabet of `+` and `/`.
package enum Base64 {
  /// The bytes that `text` stands for; nil when it is not well formed.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count / 4 * 3)
    var gathered: UInt32 = 0
    var count = 0
    var padding = 0
    for byte in text {
      if byte == 0x3D {
        padding += 1
        continue
      }
      let value = values[Int(byte)]
      guard value < 64, padding == 0 else { return nil }
      gathered = gathered << 6 | UInt32(value)
      count += 1
      if count == 4 {
        result.append(UInt8(truncatingIfNeeded: gathered >> 16))
        result.append(UInt8(truncatingIfNeeded: gathered >> 8))
        result.append(UInt8(truncatingIfNeeded: gathered))
        (gathered, count) = (0, 0)
      }
    }
    switch (count, padding) {
    // Lone padding stands for nothing; Whisper's vocabulary has such a line.
    case (0, _): break
    case (2, 0), (2, 2): result.append(UInt8(truncatingIfNeeded: gathered >> 4))
    case (3, 0), (3, 1):
      result.append(UInt8(truncatingIfNeeded: gathered >> 10))
      result.append(UInt8(truncatingIfNeeded: gathered >> 2))
    default: return nil
    }
    return result
  }

  /// The text that stands for `bytes`, padded.
  package static func encode(_ bytes: [UInt8]) -> String {
    var result: [UInt8] = []
    result.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var word: UInt32 = 0
      for (place, byte) in group.enumerated() { word |= UInt32(byte) << UInt32(16 - 8 * place) }
      for place in 0..<4 {
        let isThere = place <= group.count
        result.append(isThere ? alphabet[Int(word >> UInt32(18 - 6 * place) & 63)] : 0x3D)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
    return values
  }()
}
