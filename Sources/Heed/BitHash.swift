/// FNV-1a over words of 32 bits: a check against mistakes, not against attacks.
package struct BitHash {
  private var hash: UInt64 = 0xCBF2_9CE4_8422_2325

  /// The hash of nothing.
  package init() {}

  /// Goes on with more words.
  package mutating func add(_ words: [UInt32]) {
    for word in words { hash = (hash ^ UInt64(word)) &* 0x100_0000_01B3 }
  }

  /// Hexadecimal digits.
  package var text: String { String(hash, radix: 16) }
}
