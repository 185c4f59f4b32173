// Merging as SentencePiece does it: of all neighbours whose texts together are a piece, the pair with
// the best score becomes one, the leftmost of equals first.
//
// Nearly all models have no piece with a space inside. Then no merge ever crosses from a word to the
// next, words are cut one by one with the same result, and those that were seen before come from the
// cache.

extension SentencePieceTokenizer {
  /// The pieces of a text that was normalised.
  func merged(_ text: [UInt8]) -> [Cut] {
    var cuts: [Cut] = []
    guard cutsAtMarks else {
      merge(text, 0..<text.count, into: &cuts)
      return cuts
    }
    var cache = WordCache(byteCount: text.count)
    var run = TokenRun(keepsPlaces: false)
    var symbols: ContiguousArray<BytePairScratch.Symbol> = []
    var start = 0
    while start < text.count {
      let end = Self.wordEnd(text, from: start)
      let word = start..<end
      start = end
      guard word.count <= WordCache.longestWord else {
        merge(text, word, into: &cuts)
        continue
      }
      let key = WordCache.Key(text, word)
      run.removeAll()
      if cache.give(key, to: &run) {
        var place = word.lowerBound
        for id in run.ids {
          let length = file.pieces[id].text.count
          cuts.append((id, place..<place + length))
          place += length
        }
        continue
      }
      let before = cuts.count
      merge(text, word, into: &cuts)
      symbols.removeAll(keepingCapacity: true)
      for cut in cuts[before...] {
        symbols.append(.init(id: Int32(cut.id), length: Int32(cut.range.count)))
      }
      // How long an unknown piece is, the cache cannot know.
      if !cuts[before...].contains(where: { $0.id == unknownID }) { cache.keep(key, symbols) }
    }
    return cuts
  }

  /// Where a word that begins at `start` ends: before the first mark that follows another character.
  static func wordEnd(_ text: [UInt8], from start: Int) -> Int {
    let mark = SentencePieceNormalizer.mark
    var place = start
    while text.hasBytes(mark, at: place) { place += mark.count }
    while place < text.count, !(text[place] == mark[0] && text.hasBytes(mark, at: place)) {
      place += 1
    }
    return place
  }

  /// Merges neighbours, the pair that makes the best piece first.
  private func merge(_ text: [UInt8], _ range: Range<Int>, into cuts: inout [Cut]) {
    var starts: [Int32] = []
    var lengths: [Int32] = []
    var isFrozen: [Bool] = []
    var place = range.lowerBound
    while place < range.upperBound {
      var end = place + min([UInt8].width(ofScalarLedBy: text[place]), range.upperBound - place)
      let symbol =
        symbols.isEmpty ? nil : symbols.longest(in: text, from: place, end: range.upperBound)
      if let symbol { end = symbol.end }
      starts.append(Int32(place))
      lengths.append(Int32(end - place))
      isFrozen.append(symbol != nil)
      place = end
    }
    let count = starts.count
    var next = (0..<count).map { Int32($0 + 1 < count ? $0 + 1 : -1) }
    var previous = (0..<count).map { Int32($0 - 1) }
    var heap = MinimumHeap<Candidate>()
    /// How long the left halves of unused pieces are, which are taken apart again at the end.
    var leftHalves: [Int32: Int32] = [:]
    func offer(_ left: Int32, _ right: Int32) {
      guard left >= 0, right >= 0, !isFrozen[Int(left)], !isFrozen[Int(right)] else { return }
      let start = Int(starts[Int(left)])
      let size = Int(lengths[Int(left)]) + Int(lengths[Int(right)])
      guard let id = normal.id(of: text, start..<start + size) else { return }
      let piece = file.pieces[id]
      heap.insert(
        Candidate(
          score: piece.score, left: left, right: right, size: Int32(size)))
      if piece.kind == .unused {
        leftHalves[Int32(id)] = lengths[Int(left)]
      }
    }
    for left in 0..<max(count - 1, 0) { offer(Int32(left), Int32(left + 1)) }
    while let best = heap.removeLeast() {
      let (left, right) = (Int(best.left), Int(best.right))
      guard lengths[left] > 0, lengths[right] > 0, lengths[left] + lengths[right] == best.size
      else { continue }
      lengths[left] += lengths[right]
      lengths[right] = 0
      next[left] = next[right]
      if next[right] >= 0 { previous[Int(next[right])] = best.left }
      offer(previous[left], best.left)
      offer(best.left, next[left])
    }
    var symbol: Int32 = 0
    while symbol >= 0 {
      let start = Int(starts[Int(symbol)])
      // Unused pieces fall apart into what they were merged from.
      var waiting = [start..<start + Int(lengths[Int(symbol)])]
      while let range = waiting.popLast() {
        guard let id = normal.id(of: text, range) else {
          cuts.append((unknownID, range))
          continue
        }
        if file.pieces[id].kind == .unused, let left = leftHalves[Int32(id)] {
          let middle = range.lowerBound + Int(left)
          waiting += [middle..<range.upperBound, range.lowerBound..<middle]
        } else {
          cuts.append((id, range))
        }
      }
      symbol = next[Int(symbol)]
    }
  }
}

/// Two neighbours that make a piece; the best one is least, so that it leaves a heap first.
private struct Candidate: Comparable {
  let score: Float
  let left: Int32
  let right: Int32
  let size: Int32

  static func < (one: Candidate, other: Candidate) -> Bool {
    one.score == other.score ? one.left < other.left : one.score > other.score
  }
}
