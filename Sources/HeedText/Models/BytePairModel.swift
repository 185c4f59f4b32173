// Byte-pair encoding (Gage 1994; Sennrich et al. 2016, arXiv 1508.07909): a word begins as single
// characters or bytes; of all neighbours that may merge, those of the lowest rank do, the leftmost
// first, until none is left.
//
// Ranks are looked up by pairs of ids, never by text. Byte-level vocabularies (GPT-2) are written in
// letters that stand for bytes; they are translated to the bytes once, when the vocabulary is read,
// so that text is never spelled out. Short words merge by scanning their pairs, long ones by a heap:
// a text of one letter a million times takes n log n steps, not n squared.

import HeedFormats

/// Merges pairs by rank.
struct BytePairModel: Sendable {
  /// How the vocabulary is to be used.
  struct Options: Sendable {
    var unknownToken: String?
    /// Put before every character of a word but the first.
    var prefix = ""
    /// Put after the last character of a word.
    var suffix = ""
    /// Neighbouring unknown characters become one unknown token.
    var fusesUnknown = false
    /// Unknown characters become tokens of their bytes.
    var usesBytes = false
    /// A word that is a token is that token, whatever the merges say.
    var ignoresMerges = false
  }

  let vocabulary: Vocabulary
  /// The bytes of tokens as they stand in texts: those of the letters in byte-level vocabularies.
  private let lookup: Vocabulary
  let options: Options
  private let pairs: PairTable
  /// The id of each byte alone, of byte-level vocabularies without prefix and suffix.
  private let singleBytes: [Int32]?
  private let byteTokens: [Int]?
  private let unknownID: Int?
  /// True when words are bytes, not characters.
  let isByteLevel: Bool
  private let prefix: [UInt8]
  private let suffix: [UInt8]

  /// - Parameters:
  ///   - vocabulary: the tokens as they are written.
  ///   - merges: pairs of ids and what they become, in order of rank.
  ///   - isByteLevel: tokens are written in the letters of `ByteAlphabet`, and words are raw bytes.
  init(
    vocabulary: Vocabulary, pairs: PairTable, options: Options, isByteLevel: Bool, place: String
  ) throws(FormatError) {
    self.vocabulary = vocabulary
    self.pairs = pairs
    self.options = options
    self.isByteLevel = isByteLevel
    prefix = Array(options.prefix.utf8)
    suffix = Array(options.suffix.utf8)
    if isByteLevel {
      var spelled = ByteStrings()
      var ids: [Int] = []
      spelled.reserveCapacity(vocabulary.idLimit, byteCount: vocabulary.byteCount)
      ids.reserveCapacity(vocabulary.idLimit)
      for id in 0..<vocabulary.idLimit {
        guard let token = vocabulary.token(of: id), spelled.append(bytesOf: token) else { continue }
        ids.append(id)
      }
      lookup = try Vocabulary(spelled, ids: ids, place: place)
    } else {
      lookup = vocabulary
    }
    let lookup = lookup
    unknownID = options.unknownToken.flatMap { vocabulary.id(of: $0) }
    if options.usesBytes {
      let ids = (0..<256).map { vocabulary.id(of: ByteToken.text(of: UInt8($0))) }
      byteTokens = ids.contains(nil) ? nil : ids.compactMap { $0 }
    } else {
      byteTokens = nil
    }
    if isByteLevel, options.prefix.isEmpty, options.suffix.isEmpty {
      let ids = (0..<256).map { lookup.id(of: [UInt8($0)]) }
      singleBytes = ids.contains(nil) ? nil : ids.compactMap { $0.map { Int32($0) } }
    } else {
      singleBytes = nil
    }
  }

  /// A model of tokens and merges in order of rank, two strings for each.
  init(
    vocabulary: Vocabulary, merges: ByteStrings, options: Options, isByteLevel: Bool, place: String
  ) throws(FormatError) {
    var pairs = PairTable(capacity: merges.count / 2)
    let prefix = Array(options.prefix.utf8)
    let bytes = merges.bytes
    // Merges usually make one token after the other.
    var expected = 0
    for rank in 0..<merges.count / 2 {
      let (left, right) = (merges[2 * rank], merges[2 * rank + 1])
      // Both lie side by side; the prefix of the right one is left out where there is one.
      let hasPrefix = !prefix.isEmpty && bytes[right].starts(with: prefix)
      let joined =
        hasPrefix
        ? vocabulary.id(of: Array(bytes[left] + bytes[right].dropFirst(prefix.count)))
        : vocabulary.id(of: bytes, left.lowerBound..<right.upperBound, expected: expected)
      guard let leftID = vocabulary.id(of: bytes, left),
        let rightID = vocabulary.id(of: bytes, right), let id = joined
      else {
        throw FormatError(
          .inconsistent,
          what: "merge \(rank) is of, or makes, a token that is not in the vocabulary",
          place: place)
      }
      pairs.set(Int32(leftID), Int32(rightID), .init(rank: UInt32(rank), id: UInt32(id)))
      expected = id + 1
    }
    try self.init(
      vocabulary: vocabulary, pairs: pairs, options: options, isByteLevel: isByteLevel,
      place: place)
  }

  /// A model of bytes and ranks (tiktoken): two tokens merge when their bytes together are a token,
  /// and the rank of the merge is that token's id.
  init(ranked tokens: [(token: [UInt8], id: Int)], place: String) throws(FormatError) {
    let raw = try Vocabulary(tokens, place: place)
    var pairs = PairTable(capacity: tokens.count * 4)
    for (token, id) in tokens where token.count > 1 {
      for cut in 1..<token.count {
        if let left = raw.id(of: token, 0..<cut), let right = raw.id(of: token, cut..<token.count) {
          pairs.set(Int32(left), Int32(right), .init(rank: UInt32(id), id: UInt32(id)))
        }
      }
    }
    var options = Options()
    options.ignoresMerges = true
    let written = try Vocabulary(
      tokens.map { (Array(ByteAlphabet.text(of: $0.token).utf8), $0.id) }, place: place)
    try self.init(
      vocabulary: written, pairs: pairs, options: options, isByteLevel: true, place: place)
  }

  /// The bytes that a token stands for, of byte-level vocabularies.
  func rawBytes(of id: Int) -> ArraySlice<UInt8>? { lookup.token(of: id) }

  /// Appends the tokens of a word.
  @inline(__always)
  func append(
    _ text: [UInt8], _ range: Range<Int>, to run: inout TokenRun, _ scratch: inout BytePairScratch
  ) throws(TokenizerError) {
    if range.isEmpty { return }
    if run.keepsPlaces || range.count > WordCache.longestWord {
      try tokenize(text, range, &scratch)
      scratch.give(to: &run)
      return
    }
    let key = WordCache.Key(text, range)
    if scratch.cache.give(key, to: &run) { return }
    try tokenize(text, range, &scratch)
    scratch.cache.keep(key, scratch.symbols)
    scratch.give(to: &run)
  }

  private func tokenize(
    _ text: [UInt8], _ range: Range<Int>, _ scratch: inout BytePairScratch
  ) throws(TokenizerError) {
    scratch.symbols.removeAll(keepingCapacity: true)
    if options.ignoresMerges, let id = lookup.id(of: text, range) {
      scratch.symbols.append(.init(id: Int32(id), length: Int32(range.count)))
      return
    }
    if let singleBytes {
      for place in range {
        scratch.symbols.append(.init(id: singleBytes[Int(text[place])], length: 1))
      }
    } else {
      try spell(text, range, &scratch)
    }
    if scratch.symbols.count <= 48 {
      mergeShort(&scratch)
    } else {
      mergeLong(&scratch)
    }
  }

  /// The characters (or bytes) of a word as tokens, with what is unknown.
  private func spell(
    _ text: [UInt8], _ range: Range<Int>, _ scratch: inout BytePairScratch
  ) throws(TokenizerError) {
    var place = range.lowerBound
    var unknownLength: Int32 = 0
    func flush() {
      guard unknownLength > 0, let unknownID else { return }
      scratch.symbols.append(.init(id: Int32(unknownID), length: unknownLength))
      unknownLength = 0
    }
    while place < range.upperBound {
      let width =
        isByteLevel
        ? 1 : min([UInt8].width(ofScalarLedBy: text[place]), range.upperBound - place)
      let character = place..<place + width
      let isFirst = place == range.lowerBound
      let isLast = character.upperBound == range.upperBound
      place += width
      var spelled: [UInt8]?
      if (!isFirst && !prefix.isEmpty) || (isLast && !suffix.isEmpty) {
        spelled = (isFirst ? [] : prefix) + text[character] + (isLast ? suffix : [])
      }
      if let id = spelled.map({ lookup.id(of: $0) }) ?? lookup.id(of: text, character) {
        flush()
        scratch.symbols.append(.init(id: Int32(id), length: Int32(width)))
        continue
      }
      if let byteTokens {
        // An unknown token that waits is given out later, as the reference does.
        for byte in spelled ?? Array(text[character]) {
          scratch.symbols.append(.init(id: Int32(byteTokens[Int(byte)]), length: 1))
        }
        continue
      }
      guard options.unknownToken != nil else { continue }
      guard unknownID != nil else {
        throw TokenizerError(
          "the vocabulary lacks its unknown token \"\(options.unknownToken ?? "")\"")
      }
      if !options.fusesUnknown { flush() }
      unknownLength += Int32(width)
    }
    flush()
  }

  /// Merges by scanning all pairs for the best one.
  private func mergeShort(_ scratch: inout BytePairScratch) {
    let none = PairTable.Merge(rank: .max, id: 0)
    var count = scratch.symbols.count
    scratch.merges.removeAll(keepingCapacity: true)
    if count < 2 { return }
    for place in 0..<count - 1 {
      scratch.merges.append(
        pairs.merge(scratch.symbols[place].id, scratch.symbols[place + 1].id) ?? none)
    }
    while count > 1 {
      var best = 0
      var rank = scratch.merges[0].rank
      var place = 1
      while place < count - 1 {
        if scratch.merges[place].rank < rank {
          best = place
          rank = scratch.merges[place].rank
        }
        place += 1
      }
      if rank == .max { break }
      scratch.symbols[best].id = Int32(truncatingIfNeeded: scratch.merges[best].id)
      scratch.symbols[best].length += scratch.symbols[best + 1].length
      scratch.symbols.remove(at: best + 1)
      scratch.merges.remove(at: best)
      count -= 1
      if best > 0 {
        scratch.merges[best - 1] =
          pairs.merge(scratch.symbols[best - 1].id, scratch.symbols[best].id) ?? none
      }
      if best < count - 1 {
        scratch.merges[best] =
          pairs.merge(scratch.symbols[best].id, scratch.symbols[best + 1].id) ?? none
      }
    }
  }

  /// Merges by a heap of candidates over a linked list.
  private func mergeLong(_ scratch: inout BytePairScratch) {
    let count = scratch.symbols.count
    var next = ContiguousArray<Int32>((1...Int32(count)).map { $0 })
    var previous = ContiguousArray<Int32>((-1..<Int32(count) - 1).map { $0 })
    next[count - 1] = -1
    var heap = MinimumHeap<Candidate>()
    func offer(_ left: Int, _ symbols: ContiguousArray<BytePairScratch.Symbol>) {
      let right = Int(next[left])
      if right >= 0, let merge = pairs.merge(symbols[left].id, symbols[right].id) {
        heap.insert(
          Candidate(
            rank: merge.rank, place: Int32(left), left: symbols[left].id,
            right: symbols[right].id, id: Int32(truncatingIfNeeded: merge.id)))
      }
    }
    for left in 0..<count - 1 { offer(left, scratch.symbols) }
    while let candidate = heap.removeLeast() {
      let left = Int(candidate.place)
      let right = Int(next[left])
      guard right >= 0, scratch.symbols[left].length > 0,
        scratch.symbols[left].id == candidate.left, scratch.symbols[right].id == candidate.right
      else { continue }
      scratch.symbols[left].id = candidate.id
      scratch.symbols[left].length += scratch.symbols[right].length
      scratch.symbols[right].length = 0
      next[left] = next[right]
      if next[right] >= 0 { previous[Int(next[right])] = Int32(left) }
      if previous[left] >= 0 { offer(Int(previous[left]), scratch.symbols) }
      offer(left, scratch.symbols)
    }
    scratch.symbols.removeAll { $0.length == 0 }
  }

  /// Two neighbours that may merge, ordered by rank and then by place.
  private struct Candidate: Comparable {
    let rank: UInt32
    let place: Int32
    let left: Int32
    let right: Int32
    let id: Int32

    static func < (one: Candidate, other: Candidate) -> Bool {
      one.rank == other.rank ? one.place < other.place : one.rank < other.rank
    }
  }
}

/// What the merging of one text's words needs to remember.
struct BytePairScratch: Sendable {
  /// A token of a word and how many bytes of the word it takes.
  struct Symbol: Sendable {
    var id: Int32
    var length: Int32
  }

  var symbols: ContiguousArray<Symbol> = []
  var merges: ContiguousArray<PairTable.Merge> = []
  var cache: WordCache

  /// Scratch for a text of `byteCount` bytes.
  init(byteCount: Int) { cache = WordCache(byteCount: byteCount) }

  func give(to run: inout TokenRun) {
    var place = 0
    for symbol in symbols {
      run.append(Int(symbol.id), place, place + Int(symbol.length))
      place += Int(symbol.length)
    }
  }
}
