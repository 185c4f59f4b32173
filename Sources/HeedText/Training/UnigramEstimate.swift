#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Natural logarithms and powers of the C library.
enum Logarithm {
  static func of(_ value: Double) -> Double { log(value) }
  static func exponential(_ value: Double) -> Double { exp(value) }

  /// log(exp(a) + exp(b)) without overflow.
  static func sum(_ a: Double, _ b: Double) -> Double {
    if a == -.infinity { return b }
    if b == -.infinity { return a }
    return max(a, b) + log1p(exp(-abs(a - b)))
  }
}

/// One round of expectation maximisation over words and their counts.
struct UnigramEstimate {
  private let old: [UnigramPiece]
  private let trie: ByteTrie
  private let words: WordCounter
  private let expected: [Double]

  /// How often each piece is expected, over all cuts of all words with their probabilities.
  init(_ pieces: [UnigramPiece], _ words: WordCounter) {
    var trie = ByteTrie(capacity: pieces.count * 4)
    for (place, piece) in pieces.enumerated() { trie.insert(piece.text, value: Int32(place)) }
    self.trie = trie
    self.words = words
    old = pieces
    var expected = [Double](repeating: 0, count: pieces.count)
    var edges: [(from: Int, to: Int, piece: Int)] = []
    for number in 0..<words.count {
      let (start, end) = (words.starts[number], words.starts[number + 1])
      edges.removeAll(keepingCapacity: true)
      Self.collect(trie, words.bytes, start, end, &edges)
      var forward = [Double](repeating: -.infinity, count: end - start + 1)
      var backward = forward
      forward[0] = 0
      for edge in edges {
        forward[edge.to] = Logarithm.sum(
          forward[edge.to], forward[edge.from] + pieces[edge.piece].score)
      }
      backward[end - start] = 0
      for edge in edges.reversed() {
        backward[edge.from] = Logarithm.sum(
          backward[edge.from], backward[edge.to] + pieces[edge.piece].score)
      }
      let whole = forward[end - start]
      guard whole.isFinite else { continue }
      let count = Double(words.counts[number])
      for edge in edges {
        let share = forward[edge.from] + pieces[edge.piece].score + backward[edge.to] - whole
        expected[edge.piece] += count * Logarithm.exponential(share)
      }
    }
    self.expected = expected
  }

  /// The pieces in a word, in order of where they begin.
  private static func collect(
    _ trie: ByteTrie, _ bytes: [UInt8], _ start: Int, _ end: Int,
    _ edges: inout [(from: Int, to: Int, piece: Int)]
  ) {
    for from in start..<end where bytes[from] & 0xC0 != 0x80 {
      var node: Int32 = 0
      var place = from
      while place < end, let next = trie.child(node, bytes[place]) {
        node = next
        place += 1
        let piece = trie.value(node)
        if piece >= 0 { edges.append((from - start, place - start, Int(piece))) }
      }
    }
  }

  private static func isCharacter(_ piece: UnigramPiece) -> Bool {
    piece.text.reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 } == 1
  }

  /// The pieces with new probabilities; those that are hardly expected are gone, unless fewer than
  /// `least` would be left.
  func pieces(least: Int) -> [UnigramPiece] {
    var kept: [Int] = []
    var dropped: [Int] = []
    for place in old.indices {
      if expected[place] >= 0.5 || Self.isCharacter(old[place]) {
        kept.append(place)
      } else {
        dropped.append(place)
      }
    }
    if kept.count < least {
      dropped.sort { expected[$0] == expected[$1] ? $0 < $1 : expected[$0] > expected[$1] }
      kept = (kept + dropped.prefix(least - kept.count)).sorted()
    }
    let sum = kept.reduce(0) { $0 + max(expected[$1], 1e-3) }
    return kept.map { place in
      UnigramPiece(
        text: old[place].text, score: Logarithm.of(max(expected[place], 1e-3) / sum))
    }
  }

  /// The `goal` pieces that are missed most, and all characters.
  ///
  /// A piece is missed by how much its occurrences lose when they are cut in the next best way.
  func pruned(to goal: Int) -> [UnigramPiece] {
    var losses: [(loss: Double, place: Int)] = []
    var kept: [Int] = []
    for (place, piece) in old.enumerated() {
      if Self.isCharacter(piece) {
        kept.append(place)
        continue
      }
      let other = alternative(to: place)
      losses.append((expected[place] * (piece.score - other), place))
    }
    losses.sort { $0.loss == $1.loss ? $0.place < $1.place : $0.loss > $1.loss }
    kept += losses.prefix(max(0, goal - kept.count)).map(\.place)
    return kept.sorted().map { old[$0] }
  }

  /// The score of the best cut of a piece into others.
  private func alternative(to place: Int) -> Double {
    let text = old[place].text
    var edges: [(from: Int, to: Int, piece: Int)] = []
    Self.collect(trie, text, 0, text.count, &edges)
    var best = [Double](repeating: -.infinity, count: text.count + 1)
    best[0] = 0
    for edge in edges where edge.piece != place {
      best[edge.to] = max(best[edge.to], best[edge.from] + old[edge.piece].score)
    }
    return best[text.count]
  }
}
