/// How often each word of a text occurs, words as byte strings in one array.
struct WordCounter: Sendable {
  private(set) var bytes: [UInt8] = []
  /// First byte of each word, and the end of the last.
  private(set) var starts: ContiguousArray<Int> = [0]
  private(set) var counts: ContiguousArray<Int> = []
  private var slots = ContiguousArray<Int32>(repeating: -1, count: 1 << 12)

  /// How many different words there are.
  var count: Int { counts.count }

  /// The bytes of a word, in the order of first occurrence.
  func word(_ number: Int) -> ArraySlice<UInt8> { bytes[starts[number]..<starts[number + 1]] }

  private static func hash(_ text: [UInt8], _ range: Range<Int>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for place in range { hash = (hash ^ UInt64(text[place])) &* 0x100_0000_01B3 }
    return Int(truncatingIfNeeded: (hash ^ hash >> 29) & 0x7FFF_FFFF_FFFF_FFFF)
  }

  /// Counts the word that a range of a text holds `times` times.
  mutating func add(_ text: [UInt8], _ range: Range<Int>, times: Int = 1) {
    var slot = Self.hash(text, range) & (slots.count - 1)
    while slots[slot] >= 0 {
      let number = Int(slots[slot])
      let start = starts[number]
      if starts[number + 1] - start == range.count {
        var step = 0
        while step < range.count, bytes[start + step] == text[range.lowerBound + step] { step += 1 }
        if step == range.count {
          counts[number] += times
          return
        }
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Int32(truncatingIfNeeded: counts.count)
    bytes += text[range]
    starts.append(bytes.count)
    counts.append(times)
    if counts.count * 2 > slots.count { grow() }
  }

  private mutating func grow() {
    slots = ContiguousArray(repeating: -1, count: slots.count * 2)
    for number in counts.indices {
      var slot = Self.hash(bytes, starts[number]..<starts[number + 1]) & (slots.count - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(truncatingIfNeeded: number)
    }
  }
}
