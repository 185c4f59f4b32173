// Words repeat: nine of ten words of a text have been cut before. The cache holds words of at most
// fifteen bytes and at most four tokens in entries of one size, which covers nearly all; a newcomer
// takes the place of whoever was there, so it neither grows nor is ever cleared.

/// Recently cut words.
struct WordCache: Sendable {
  static let longestWord = 15

  /// The bytes of a word and its length as two words.
  struct Key: Sendable {
    var low: UInt64
    var high: UInt64

    @inline(__always)
    init(_ text: [UInt8], _ range: Range<Int>) {
      let start = range.lowerBound
      let count = range.count
      (low, high) = (0, 0)
      var step = min(count, 8)
      while step > 0 {
        step -= 1
        low = low << 8 | UInt64(text[start + step])
      }
      step = count
      while step > 8 {
        step -= 1
        high = high << 8 | UInt64(text[start + step])
      }
      high |= UInt64(count) << 56
    }

    @inline(__always)
    var hash: Int {
      let mixed = (low ^ high &* 0x9FB2_1C65_1E98_DF25) &* 0x9E37_79B9_7F4A_7C15
      return Int(truncatingIfNeeded: mixed >> 40)
    }
  }

  private struct Entry: Sendable {
    var low: UInt64 = 0
    /// No word has a length of zero, so that an unused entry matches none.
    var high: UInt64 = 0
    var tokens = SIMD4<Int32>(repeating: -1)
  }

  private var entries: ContiguousArray<Entry>
  private let mask: Int

  /// A cache of a size that suits a text of `byteCount` bytes.
  init(byteCount: Int) {
    var size = 16
    while size < 1 << 15, size < byteCount / 16 { size *= 2 }
    entries = ContiguousArray(repeating: Entry(), count: size)
    mask = size - 1
  }

  /// Appends the tokens of a word that is here.
  @inline(__always)
  func give(_ key: Key, to run: inout TokenRun) -> Bool {
    let entry = entries[key.hash & mask]
    guard entry.low == key.low, entry.high == key.high else { return false }
    run.ids.append(Int(entry.tokens.x))
    if entry.tokens.y < 0 { return true }
    run.ids.append(Int(entry.tokens.y))
    if entry.tokens.z < 0 { return true }
    run.ids.append(Int(entry.tokens.z))
    if entry.tokens.w >= 0 { run.ids.append(Int(entry.tokens.w)) }
    return true
  }

  /// Keeps the tokens of a word, if they are one to four.
  mutating func keep(_ key: Key, _ symbols: ContiguousArray<BytePairScratch.Symbol>) {
    guard (1...4).contains(symbols.count) else { return }
    var tokens = SIMD4<Int32>(repeating: -1)
    for (index, symbol) in symbols.enumerated() { tokens[index] = symbol.id }
    entries[key.hash & mask] = Entry(low: key.low, high: key.high, tokens: tokens)
  }
}
