// DEFLATE, the compression inside gzip, zlib and PNG (RFC 1951): bytes, or copies of earlier bytes,
// written with prefix codes that each block may bring along.
//
// Codes are read with one table of 2^(longest code) entries: the next bits of the stream, taken as a
// number, are the place of the symbol. Tables of two levels save memory that 32,768 entries do not
// need. The result may be a thousand times as long as what is read, so its length has a limit.

/// Reads DEFLATE.
struct Inflate {
  private let source: [UInt8]
  private let end: Int
  private let limit: Int
  private let place: String
  /// The next byte that has not been taken into `bits`.
  private var next: Int
  private var bits: UInt64 = 0
  private var bitCount = 0
  private var result: [UInt8] = []

  /// What a stream holds, and where it ends.
  ///
  /// - Parameters:
  ///   - range: where in `source` the stream begins, and where it must have ended.
  ///   - limit: the most bytes that it may hold.
  static func decompressed(
    _ source: [UInt8], _ range: Range<Int>, limit: Int, place: String
  ) throws(FormatError) -> (bytes: [UInt8], end: Int) {
    var state = Inflate(
      source: source, end: range.upperBound, limit: limit, place: place, next: range.lowerBound)
    try state.readBlocks()
    // Whole bytes that were taken in advance have not been used.
    return (state.result, state.next - state.bitCount / 8)
  }

  private init(source: [UInt8], end: Int, limit: Int, place: String, next: Int) {
    self.source = source
    self.end = end
    self.limit = limit
    self.place = place
    self.next = next
  }

  private mutating func readBlocks() throws(FormatError) {
    var isLast = false
    while !isLast {
      isLast = try read(1) == 1
      switch try read(2) {
      case 0: try readStored()
      case 1: try readCompressed(Self.fixedLiterals, Self.fixedDistances)
      case 2:
        let (literals, distances) = try readCodes()
        try readCompressed(literals, distances)
      default: throw malformed("a block of the kind 3")
      }
    }
  }

  // MARK: Bits

  /// Takes bytes until there are `count` bits; behind the end there are zeros.
  private mutating func fill(_ count: Int) {
    while bitCount < count, next < end {
      bits |= UInt64(source[next]) << UInt64(bitCount)
      next += 1
      bitCount += 8
    }
  }

  private mutating func read(_ count: Int) throws(FormatError) -> Int {
    fill(count)
    guard bitCount >= count else { throw malformed("the data end too early") }
    let value = Int(bits & (1 << UInt64(count) - 1))
    bits >>= UInt64(count)
    bitCount -= count
    return value
  }

  private mutating func symbol(_ code: PrefixCode) throws(FormatError) -> Int {
    fill(code.longest)
    let entry = code.table[Int(bits & (1 << UInt64(code.longest) - 1))]
    let length = Int(entry & 15)
    guard length > 0 else { throw malformed("bits that are no code") }
    guard length <= bitCount else { throw malformed("the data end too early") }
    bits >>= UInt64(length)
    bitCount -= length
    return Int(entry >> 4)
  }

  // MARK: Blocks

  private mutating func readStored() throws(FormatError) {
    _ = try read(bitCount % 8)
    let count = try read(16)
    guard try read(16) == count ^ 0xFFFF else { throw malformed("two lengths that differ") }
    try requireRoom(count)
    for _ in 0..<count { result.append(UInt8(try read(8))) }
  }

  /// The codes of a block, themselves written with a code (section 3.2.7).
  private mutating func readCodes() throws(FormatError) -> (PrefixCode, PrefixCode) {
    let literalCount = try read(5) + 257
    let distanceCount = try read(5) + 1
    let lengthCount = try read(4) + 4
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    var lengths = [UInt8](repeating: 0, count: 19)
    for entry in order.prefix(lengthCount) { lengths[entry] = UInt8(try read(3)) }
    guard let code = PrefixCode(lengths[...]) else { throw malformed("a code that is none") }
    let count = literalCount + distanceCount
    lengths = []
    while lengths.count < count {
      let symbol = try symbol(code)
      switch symbol {
      case 16:
        guard let last = lengths.last else { throw malformed("a repeat of nothing") }
        lengths += [UInt8](repeating: last, count: 3 + (try read(2)))
      case 17: lengths += [UInt8](repeating: 0, count: 3 + (try read(3)))
      case 18: lengths += [UInt8](repeating: 0, count: 11 + (try read(7)))
      default: lengths.append(UInt8(symbol))
      }
    }
    guard lengths.count == count, let literals = PrefixCode(lengths[..<literalCount]),
      let distances = PrefixCode(lengths[literalCount...])
    else { throw malformed("codes that are none") }
    return (literals, distances)
  }

  private mutating func readCompressed(
    _ literals: PrefixCode, _ distances: PrefixCode
  ) throws(FormatError) {
    while true {
      let symbol = try symbol(literals)
      if symbol < 256 {
        try requireRoom(1)
        result.append(UInt8(symbol))
        continue
      }
      if symbol == 256 { return }
      guard symbol < 286 else { throw malformed("a length of the code \(symbol)") }
      let length = try length(symbol - 257)
      let distance = try distance(try self.symbol(distances))
      guard distance <= result.count else { throw malformed("a copy from before the beginning") }
      try requireRoom(length)
      // A copy may overlap itself, so it is made byte by byte.
      for _ in 0..<length { result.append(result[result.count - distance]) }
    }
  }

  /// 3 to 258: groups of four codes, each group with one extra bit more (section 3.2.5).
  private mutating func length(_ code: Int) throws(FormatError) -> Int {
    if code == 28 { return 258 }
    if code < 8 { return 3 + code }
    let extra = code / 4 - 1
    return 3 + (4 + code % 4) << extra + (try read(extra))
  }

  /// 1 to 32,768: groups of two codes, each group with one extra bit more (section 3.2.5).
  private mutating func distance(_ code: Int) throws(FormatError) -> Int {
    guard code < 30 else { throw malformed("a distance of the code \(code)") }
    if code < 4 { return 1 + code }
    let extra = code / 2 - 1
    return 1 + (2 + code % 2) << extra + (try read(extra))
  }

  private func requireRoom(_ count: Int) throws(FormatError) {
    guard count <= limit - result.count else {
      throw FormatError(
        .limit, what: "the decompressed data are longer than \(limit) bytes", place: place)
    }
  }

  private func malformed(_ what: String) -> FormatError {
    FormatError(.malformed, what: what, place: "\(place), compressed byte \(next)")
  }

  // MARK: Codes

  /// Symbols by the bits that begin with their code.
  private struct PrefixCode: Sendable {
    /// Bits of the longest code.
    var longest = 1
    /// `symbol << 4 | length`; 0 where no code is.
    var table: [UInt32]

    /// The code whose symbols have these lengths (section 3.2.2); nil when more codes are asked for
    /// than there are, or lengths leave some of them out. One code alone may be half of it, and none
    /// at all is the code of distances where nothing is copied.
    init?(_ lengths: ArraySlice<UInt8>) {
      var counts = [Int](repeating: 0, count: 16)
      for length in lengths where length > 0 { counts[Int(length)] += 1 }
      longest = counts.lastIndex { $0 > 0 } ?? 1
      var starts = [Int](repeating: 0, count: 17)
      var free = 1
      for length in 1...15 {
        free = 2 * free - counts[length]
        guard free >= 0 else { return nil }
        starts[length + 1] = (starts[length] + counts[length]) << 1
      }
      guard free == 0 || counts.reduce(0, +) <= 1 else { return nil }
      table = [UInt32](repeating: 0, count: 1 << longest)
      for (symbol, length) in lengths.enumerated() where length > 0 {
        let length = Int(length)
        let code = starts[length]
        starts[length] += 1
        // The stream has a code's highest bit first.
        var mirrored = 0
        for bit in 0..<length { mirrored |= (code >> bit & 1) << (length - 1 - bit) }
        for place in stride(from: mirrored, to: table.count, by: 1 << length) {
          table[place] = UInt32(symbol << 4 | length)
        }
      }
    }

    private init(empty: Void) { table = [0, 0] }

    /// A code without symbols.
    static let none = PrefixCode(empty: ())
  }

  /// The codes of blocks that bring none (section 3.2.6).
  private static let fixedLiterals: PrefixCode =
    PrefixCode(
      ([UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112)
        + [UInt8](repeating: 7, count: 24) + [UInt8](repeating: 8, count: 8))[...]) ?? .none
  private static let fixedDistances: PrefixCode =
    PrefixCode([UInt8](repeating: 5, count: 32)[...]) ?? .none
}
