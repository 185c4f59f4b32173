/// An RGB picture and its PNG file (ISO/IEC 15948). Packed by `RunDeflate`, so that no library is
/// needed.
struct PNGImage {
  let width: Int
  let height: Int
  private(set) var pixels: [UInt8]

  /// A white picture.
  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    pixels = [UInt8](repeating: 255, count: width * height * 3)
  }

  subscript(x: Int, y: Int) -> (UInt8, UInt8, UInt8) {
    get {
      let at = (y * width + x) * 3
      return (pixels[at], pixels[at + 1], pixels[at + 2])
    }
    set {
      let at = (y * width + x) * 3
      (pixels[at], pixels[at + 1], pixels[at + 2]) = newValue
    }
  }

  /// Writes letters in black: to the right from the top left corner of the first, or upwards from its
  /// bottom left. What is outside of the picture is left out.
  mutating func write(_ text: String, x: Int, y: Int, upwards: Bool = false) {
    for (place, letter) in text.unicodeScalars.enumerated() {
      for row in 0..<DotFont.height {
        for column in 0..<DotFont.width where DotFont.isSet(letter, x: column, y: row) {
          let along = place * DotFont.advance + column
          let (left, top) = upwards ? (x + row, y - along) : (x + along, y + row)
          guard (0..<width).contains(left), (0..<height).contains(top) else { continue }
          self[left, top] = (0, 0, 0)
        }
      }
    }
  }

  /// The bytes of the file.
  ///
  /// - Parameter texts: what it says of itself, by keywords of 1 to 79 letters of ASCII.
  func file(texts: [(keyword: String, text: String)] = []) -> [UInt8] {
    var rows: [UInt8] = []
    rows.reserveCapacity((width * 3 + 1) * height)
    for y in 0..<height {
      rows.append(0)  // no filter
      rows += pixels[y * width * 3..<(y + 1) * width * 3]
    }
    let header = Self.big(UInt32(width)) + Self.big(UInt32(height)) + [8, 2, 0, 0, 0]
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + Self.chunk("IHDR", header) + texts.flatMap { Self.textChunk($0.keyword, $0.text) }
      + Self.chunk("IDAT", Self.compressed(rows, rowLength: width * 3 + 1)) + Self.chunk("IEND", [])
  }

  /// A zlib stream (RFC 1950).
  private static func compressed(_ bytes: [UInt8], rowLength: Int) -> [UInt8] {
    // The row above, four rows above (hatching repeats every four), the pixel and four pixels before.
    let distances = [rowLength, 4 * rowLength, 3, 12].filter { $0 <= 32_768 }
    let result: [UInt8] = [0x78, 0x01] + RunDeflate.compressed(bytes, distances: distances)
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      a = (a + UInt32(byte)) % 65_521
      b = (b + a) % 65_521
    }
    return result + big(b << 16 | a)
  }

  /// A text in ASCII, or as UTF-8 where it has other letters. Zeros, which end texts, are U+FFFD.
  private static func textChunk(_ keyword: String, _ text: String) -> [UInt8] {
    let text = text.replacing("\0", with: "\u{FFFD}")
    return text.utf8.allSatisfy { $0 < 0x80 }
      ? chunk("tEXt", Array(keyword.utf8) + [0] + Array(text.utf8))
      : chunk("iTXt", Array(keyword.utf8) + [0, 0, 0, 0, 0] + Array(text.utf8))
  }

  private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(type.utf8) + data
    return big(UInt32(data.count)) + body + big(checksum(body))
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = .max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }

  private static func big(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
  }
}
