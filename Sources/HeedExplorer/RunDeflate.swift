/// DEFLATE (RFC 1951) with the fixed code and repeats at a few given distances: enough for pictures,
/// where a pixel repeats its neighbour or the row above, in fifty lines.
enum RunDeflate {
  /// - Parameter distances: how far back a repeat may begin; each at most 32,768.
  static func compressed(_ bytes: [UInt8], distances: [Int]) -> [UInt8] {
    var bits = BitWriter()
    bits.write(1, count: 1)  // the last block
    bits.write(1, count: 2)  // fixed Huffman code
    var at = 0
    while at < bytes.count {
      var best = (length: 2, distance: 0)
      for distance in distances where distance <= at {
        var length = 0
        while length < 258, at + length < bytes.count,
          bytes[at + length] == bytes[at + length - distance]
        { length += 1 }
        if length > best.length { best = (length, distance) }
        if length == 258 { break }
      }
      if best.distance > 0 {
        writeLength(best.length, &bits)
        writeDistance(best.distance, &bits)
        at += best.length
      } else {
        writeSymbol(Int(bytes[at]), &bits)
        at += 1
      }
    }
    writeSymbol(256, &bits)
    return bits.finished()
  }

  /// A literal, the end or a length code (section 3.2.6).
  private static func writeSymbol(_ symbol: Int, _ bits: inout BitWriter) {
    switch symbol {
    case ..<144: bits.writeCode(0x30 + symbol, count: 8)
    case ..<256: bits.writeCode(0x190 + symbol - 144, count: 9)
    case ..<280: bits.writeCode(symbol - 256, count: 7)
    default: bits.writeCode(0xC0 + symbol - 280, count: 8)
    }
  }

  /// Lengths 3 to 258: groups of four codes, each group with one extra bit more (section 3.2.5).
  private static func writeLength(_ length: Int, _ bits: inout BitWriter) {
    if length == 258 { return writeSymbol(285, &bits) }
    let offset = length - 3
    guard offset >= 8 else { return writeSymbol(257 + offset, &bits) }
    let extra = Int.bitWidth - 1 - offset.leadingZeroBitCount - 2
    let code = 257 + 4 * extra + (offset >> extra)
    writeSymbol(code, &bits)
    bits.write(offset & ((1 << extra) - 1), count: extra)
  }

  /// Distances: groups of two codes, each group with one extra bit more (section 3.2.5).
  private static func writeDistance(_ distance: Int, _ bits: inout BitWriter) {
    let offset = distance - 1
    guard offset >= 4 else { return bits.writeCode(offset, count: 5) }
    let extra = Int.bitWidth - 1 - offset.leadingZeroBitCount - 1
    bits.writeCode(2 * extra + (offset >> extra), count: 5)
    bits.write(offset & ((1 << extra) - 1), count: extra)
  }

  /// Bits from the lowest of each byte on; codes have their highest bit first.
  private struct BitWriter {
    private var bytes: [UInt8] = []
    private var pending = 0
    private var count = 0

    mutating func write(_ value: Int, count added: Int) {
      pending |= value << count
      count += added
      while count >= 8 {
        bytes.append(UInt8(pending & 255))
        pending >>= 8
        count -= 8
      }
    }

    mutating func writeCode(_ code: Int, count added: Int) {
      for bit in (0..<added).reversed() { write(code >> bit & 1, count: 1) }
    }

    mutating func finished() -> [UInt8] {
      if count > 0 { write(0, count: 8 - count) }
      return bytes
    }
  }
}
