// Unigram (Kudo 2018, arXiv 1804.10959): every piece has a log probability, and a text is cut so that
// the sum is largest. One pass from the left keeps, for every place, the best way to get there
// (Viterbi); characters that no piece covers cost ten more than the rarest piece, and neighbours of
// that kind become one unknown token.

import HeedFormats

/// The likeliest cut into pieces.
struct UnigramModel: Sendable {
  let vocabulary: Vocabulary
  let unknownID: Int?
  private let scores: [Double]
  private let trie: ByteTrie
  private let unknownScore: Double
  /// The ids of `<0x00>` to `<0xFF>`; nil without byte fallback.
  private let byteIDs: [Int?]?

  init(
    pieces: [(token: [UInt8], score: Double)], unknownID: Int?, usesBytes: Bool, place: String
  ) throws(FormatError) {
    if let unknownID, !pieces.indices.contains(unknownID) {
      throw FormatError(
        .inconsistent, what: "unk_id \(unknownID) of \(pieces.count) pieces", place: place)
    }
    vocabulary = try Vocabulary(
      pieces.enumerated().map { ($0.element.token, $0.offset) }, place: place)
    scores = pieces.map(\.score)
    guard scores.allSatisfy(\.isFinite) else {
      throw FormatError(.malformed, what: "a score is not finite", place: place)
    }
    var trie = ByteTrie(capacity: pieces.count * 4)
    for (id, piece) in pieces.enumerated() { trie.insert(piece.token, value: Int32(id)) }
    self.trie = trie
    self.unknownID = unknownID
    unknownScore = (scores.min() ?? 0) - 10
    let vocabulary = vocabulary
    byteIDs =
      usesBytes ? (0..<256).map { vocabulary.id(of: ByteToken.text(of: UInt8($0))) } : nil
  }

  func append(
    _ text: [UInt8], _ range: Range<Int>, to run: inout TokenRun
  ) throws(TokenizerError) {
    let count = range.count
    var best = [Double](repeating: 0, count: count + 1)
    var from = [Int32](repeating: -1, count: count + 1)
    var ids = [Int32](repeating: -1, count: count + 1)
    var place = 0
    while place < count {
      let here = best[place]
      let width = min([UInt8].width(ofScalarLedBy: text[range.lowerBound + place]), count - place)
      var coversOne = false
      var node: Int32 = 0
      var end = place
      while end < count, let next = trie.child(node, text[range.lowerBound + end]) {
        node = next
        end += 1
        let id = trie.value(node)
        if id < 0 { continue }
        let score = here + scores[Int(id)]
        if from[end] < 0 || score > best[end] {
          (best[end], from[end], ids[end]) = (score, Int32(place), id)
        }
        if end - place == width { coversOne = true }
      }
      if !coversOne {
        let score = here + unknownScore
        let end = place + width
        if from[end] < 0 || score > best[end] {
          guard let unknownID else {
            throw TokenizerError("a character is unknown, and the vocabulary has no unknown token")
          }
          (best[end], from[end], ids[end]) = (score, Int32(place), Int32(unknownID))
        }
      }
      place += width
    }
    var cuts: [(start: Int, end: Int, id: Int)] = []
    var end = count
    while end > 0 {
      let start = Int(from[end])
      let id = Int(ids[end])
      if id == unknownID, let last = cuts.last, last.id == unknownID {
        cuts[cuts.count - 1].start = start
      } else {
        cuts.append((start, end, id))
      }
      end = start
    }
    for cut in cuts.reversed() {
      appendToken(text, range.lowerBound, cut, to: &run)
    }
  }

  private func appendToken(
    _ text: [UInt8], _ base: Int, _ cut: (start: Int, end: Int, id: Int), to run: inout TokenRun
  ) {
    guard cut.id == unknownID else {
      run.append(cut.id, cut.start, cut.end)
      return
    }
    // Several unknown characters together may be a piece that was too unlikely alone.
    if let id = vocabulary.id(of: text, base + cut.start..<base + cut.end) {
      run.append(id, cut.start, cut.end)
      return
    }
    let bytes = byteIDs.map { ids in
      text[base + cut.start..<base + cut.end].map { ids[Int($0)] }
    }
    if let bytes, !bytes.contains(nil) {
      for id in bytes.compactMap({ $0 }) { run.append(id, cut.start, cut.end) }
    } else {
      run.append(cut.id, cut.start, cut.end)
    }
  }
}

/// Tokens that stand for single bytes: `<0x0A>`.
enum ByteToken {
  private static let digits = Array("0123456789ABCDEF".utf8)

  static func bytes(of byte: UInt8) -> [UInt8] {
    [0x3C, 0x30, 0x78, digits[Int(byte >> 4)], digits[Int(byte & 15)], 0x3E]
  }

  static func text(of byte: UInt8) -> String { String(decoding: bytes(of: byte), as: UTF8.self) }

  /// The byte that a token stands for, in either case of letters.
  static func byte(of token: some BidirectionalCollection<UInt8>) -> UInt8? {
    guard token.count == 6, token.starts(with: [0x3C, 0x30, 0x78]), token.last == 0x3E else {
      return nil
    }
    let digits = token.dropFirst(3).prefix(2).compactMap {
      Character(Unicode.Scalar($0)).hexDigitValue
    }
    return digits.count == 2 ? UInt8(digits[0] << 4 | digits[1]) : nil
  }
}
