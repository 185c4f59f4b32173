/// Byte strings one after the other in one array: a vocabulary or its merges without an allocation for
/// each.
struct ByteStrings: Sendable {
  private(set) var bytes: [UInt8] = []
  /// Where each ends.
  private var ends: [Int] = []

  var count: Int { ends.count }

  /// The place of a string in `bytes`.
  subscript(index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  mutating func reserveCapacity(_ count: Int, byteCount: Int) {
    ends.reserveCapacity(count)
    bytes.reserveCapacity(byteCount)
  }

  mutating func append(_ string: some Sequence<UInt8>) {
    bytes.append(contentsOf: string)
    ends.append(bytes.count)
  }

  /// Appends the bytes that a token in letters stands for (`ByteAlphabet`); false, with nothing appended, where
  /// it stands for none.
  mutating func append(bytesOf token: ArraySlice<UInt8>) -> Bool {
    let count = bytes.count
    guard ByteAlphabet.append(bytesOf: token, to: &bytes) else {
      bytes.removeSubrange(count...)
      return false
    }
    ends.append(bytes.count)
    return true
  }
}
