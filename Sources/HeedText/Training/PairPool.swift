/// The words of a text as tokens, and how often each pair of neighbours occurs.
struct PairPool {
  /// A pair of neighbours and how often it occurs.
  struct Candidate: Comparable {
    let count: Int
    let left: Int32
    let right: Int32

    /// The most frequent is least, so that it leaves a heap first.
    static func < (one: Candidate, other: Candidate) -> Bool {
      if one.count != other.count { return one.count > other.count }
      return one.left == other.left ? one.right < other.right : one.left < other.left
    }
  }

  private var symbols: ContiguousArray<Int32>
  private var starts: ContiguousArray<Int32>
  private var lengths: ContiguousArray<Int32>
  private let counts: ContiguousArray<Int>
  private var pairCounts: [UInt64: Int] = [:]
  /// In which words a pair occurs; a word may be listed twice or have lost the pair since.
  private var places: [UInt64: ContiguousArray<Int32>] = [:]
  private var heap = MinimumHeap<Candidate>()

  init(_ words: WordCounter, letterIDs: [Int32]) {
    symbols = ContiguousArray(words.bytes.map { letterIDs[Int($0)] })
    starts = []
    lengths = []
    counts = words.counts
    for number in 0..<words.count {
      let word = words.word(number)
      starts.append(Int32(word.startIndex))
      lengths.append(Int32(word.count))
    }
    for number in 0..<words.count {
      let start = Int(starts[number])
      for place in start..<max(start, start + Int(lengths[number]) - 1) {
        change(symbols[place], symbols[place + 1], by: counts[number], in: Int32(number))
      }
    }
    for (key, count) in pairCounts { offer(key, count) }
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  private mutating func offer(_ key: UInt64, _ count: Int) {
    heap.insert(
      Candidate(
        count: count, left: Int32(truncatingIfNeeded: key >> 32),
        right: Int32(truncatingIfNeeded: key)))
  }

  private mutating func change(_ left: Int32, _ right: Int32, by change: Int, in word: Int32) {
    let key = Self.key(left, right)
    pairCounts[key, default: 0] += change
    if change > 0, places[key]?.last != word { places[key, default: []].append(word) }
  }

  /// The most frequent pair; nil when there is none.
  mutating func mostFrequent() -> Candidate? {
    while let best = heap.removeLeast() {
      let key = Self.key(best.left, best.right)
      let count = pairCounts[key] ?? 0
      if count == best.count { return count > 0 ? best : nil }
      if count > 0 { offer(key, count) }
    }
    return nil
  }

  /// Replaces a pair by one token wherever it occurs.
  mutating func merge(_ pair: Candidate, into id: Int32) {
    let key = Self.key(pair.left, pair.right)
    let words = places.removeValue(forKey: key) ?? []
    var touched: Set<UInt64> = []
    var previous: Int32 = -1
    for word in words where word != previous {
      previous = word
      merge(pair, into: id, word: word, &touched)
    }
    pairCounts[key] = nil
    for key in touched { offer(key, pairCounts[key] ?? 0) }
  }

  private mutating func merge(
    _ pair: Candidate, into id: Int32, word: Int32, _ touched: inout Set<UInt64>
  ) {
    let start = Int(starts[Int(word)])
    let end = start + Int(lengths[Int(word)])
    let count = counts[Int(word)]
    var read = start
    var write = start
    while read < end {
      guard read + 1 < end, symbols[read] == pair.left, symbols[read + 1] == pair.right else {
        symbols[write] = symbols[read]
        read += 1
        write += 1
        continue
      }
      if write > start {
        change(symbols[write - 1], pair.left, by: -count, in: word)
        change(symbols[write - 1], id, by: count, in: word)
        touched.insert(Self.key(symbols[write - 1], id))
      }
      if read + 2 < end {
        change(pair.right, symbols[read + 2], by: -count, in: word)
        change(id, symbols[read + 2], by: count, in: word)
        touched.insert(Self.key(id, symbols[read + 2]))
      }
      symbols[write] = id
      read += 2
      write += 1
    }
    lengths[Int(word)] = Int32(write - start)
  }
}
