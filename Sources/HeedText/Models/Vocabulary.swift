// A table from byte strings to ids and back, without a `String` in sight: the bytes of all tokens lie
// in one array, the table holds ids, and a look-up hashes a slice of the caller's array in place.

import HeedFormats

/// Tokens and their ids.
struct Vocabulary: Sendable {
  private let bytes: [UInt8]
  /// First byte of each id's token, by id; the token of an id that is not used has -1.
  private let starts: ContiguousArray<Int32>
  private let lengths: ContiguousArray<Int32>
  private let slots: ContiguousArray<Int32>
  private let mask: Int
  /// How many tokens there are.
  let count: Int
  /// The longest token, in bytes.
  let longest: Int

  /// Ids are accepted up to this one: tables are as long as the largest.
  static let largestID = 1 << 23

  /// A vocabulary of tokens; of equal tokens the last one's id counts.
  init(_ tokens: [(token: [UInt8], id: Int)], place: String) throws(FormatError) {
    var strings = ByteStrings()
    strings.reserveCapacity(tokens.count, byteCount: tokens.reduce(0) { $0 + $1.token.count })
    for (token, _) in tokens { strings.append(token) }
    try self.init(strings, ids: tokens.map(\.id), place: place)
  }

  /// A vocabulary of tokens and their ids; of equal tokens the last one's id counts.
  init(_ tokens: ByteStrings, ids: [Int], place: String) throws(FormatError) {
    var largest = -1
    for id in ids {
      guard (0...Self.largestID).contains(id) else {
        throw FormatError(
          .malformed, what: "the id \(id) of a token", place: place,
          expected: "0 to \(Self.largestID)")
      }
      largest = max(largest, id)
    }
    let bytes = tokens.bytes
    guard bytes.count < Int(Int32.max) else {
      throw FormatError(.limit, what: "a vocabulary over 2 GB", place: place)
    }
    var starts = ContiguousArray<Int32>(repeating: -1, count: largest + 1)
    var lengths = ContiguousArray<Int32>(repeating: 0, count: largest + 1)
    var size = 16
    while size < ids.count * 2 { size *= 2 }
    var slots = ContiguousArray<Int32>(repeating: -1, count: size)
    var count = 0
    var longest = 0
    for (number, id) in ids.enumerated() {
      let token = tokens[number]
      longest = max(longest, token.count)
      starts[id] = Int32(token.lowerBound)
      lengths[id] = Int32(token.count)
      var slot =
        Int(truncatingIfNeeded: Self.hash(bytes, token.lowerBound, token.upperBound)) & (size - 1)
      while true {
        let other = slots[slot]
        if other < 0 {
          slots[slot] = Int32(id)
          count += 1
          break
        }
        let (otherStart, otherLength) = (Int(starts[Int(other)]), Int(lengths[Int(other)]))
        if otherLength == token.count,
          bytes[otherStart..<otherStart + otherLength].elementsEqual(bytes[token])
        {
          slots[slot] = Int32(id)
          break
        }
        slot = (slot + 1) & (size - 1)
      }
    }
    (self.bytes, self.starts, self.lengths, self.slots) = (bytes, starts, lengths, slots)
    (self.mask, self.count, self.longest) = (size - 1, count, longest)
  }

  /// Bytes of all tokens.
  var byteCount: Int { bytes.count }

  /// One more than the largest id.
  var idLimit: Int { starts.count }

  @inline(__always)
  private static func hash(_ bytes: [UInt8], _ start: Int, _ end: Int) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    var place = start
    while place < end {
      hash = (hash ^ UInt64(bytes[place])) &* 0x100_0000_01B3
      place += 1
    }
    return hash ^ hash >> 29
  }

  /// The id of the token that a range of `text` spells.
  func id(of text: [UInt8], _ range: Range<Int>) -> Int? {
    let length = range.count
    if length > longest { return nil }
    var slot =
      Int(truncatingIfNeeded: Self.hash(text, range.lowerBound, range.upperBound)) & mask
    while true {
      let id = slots[slot]
      if id < 0 { return nil }
      if Int(lengths[Int(id)]) == length {
        let start = Int(starts[Int(id)])
        var step = 0
        while step < length, bytes[start + step] == text[range.lowerBound + step] { step += 1 }
        if step == length { return Int(id) }
      }
      slot = (slot + 1) & mask
    }
  }

  /// The same where it is probably `expected`.
  func id(of text: [UInt8], _ range: Range<Int>, expected: Int) -> Int? {
    guard let token = token(of: expected), token.elementsEqual(text[range]),
      // Of equal tokens the last one's id counts.
      count == idLimit
    else { return id(of: text, range) }
    return expected
  }

  func id(of token: [UInt8]) -> Int? { id(of: token, 0..<token.count) }
  func id(of token: String) -> Int? { id(of: Array(token.utf8)) }

  /// The token of an id; nil when it has none.
  func token(of id: Int) -> ArraySlice<UInt8>? {
    guard id >= 0, id < starts.count, starts[id] >= 0 else { return nil }
    return bytes[Int(starts[id])..<Int(starts[id]) + Int(lengths[id])]
  }

  /// All ids with their tokens, by id.
  var entries: [(token: [UInt8], id: Int)] {
    (0..<idLimit).compactMap { id in token(of: id).map { (Array($0), id) } }
  }
}
