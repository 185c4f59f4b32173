// WordPiece (Schuster & Nakajima 2012; as in BERT): from the left, the longest piece that the
// vocabulary has; pieces inside a word carry a prefix there. A word with a part that no piece covers
// is unknown as a whole. Two tries, one without the prefix, find each longest piece in one pass
// instead of trying every length.

/// Longest pieces from the left.
struct WordPieceModel: Sendable {
  let vocabulary: Vocabulary
  private let first: ByteTrie
  private let following: ByteTrie
  private let unknownToken: String
  private let unknownID: Int?
  private let mostCharacters: Int

  init(
    vocabulary: Vocabulary, unknownToken: String, prefix: String, mostCharacters: Int
  ) {
    self.vocabulary = vocabulary
    self.unknownToken = unknownToken
    self.mostCharacters = mostCharacters
    unknownID = vocabulary.id(of: unknownToken)
    let prefixBytes = Array(prefix.utf8)
    var first = ByteTrie(capacity: vocabulary.count * 4)
    var following = ByteTrie(capacity: vocabulary.count * 4)
    for (token, id) in vocabulary.entries {
      first.insert(token, value: Int32(id))
      if token.starts(with: prefixBytes) {
        following.insert(token.dropFirst(prefixBytes.count), value: Int32(id))
      }
    }
    (self.first, self.following) = (first, following)
  }

  func append(
    _ text: [UInt8], _ range: Range<Int>, to run: inout TokenRun
  ) throws(TokenizerError) {
    let characters = text[range].reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
    let before = run.ids.count
    var place = range.lowerBound
    var isKnown = characters <= mostCharacters
    while isKnown, place < range.upperBound {
      let trie = place == range.lowerBound ? first : following
      guard let piece = trie.longest(in: text, from: place, end: range.upperBound) else {
        isKnown = false
        break
      }
      run.append(
        Int(piece.value), place - range.lowerBound, piece.end - range.lowerBound)
      place = piece.end
    }
    if isKnown { return }
    guard let unknownID else {
      throw TokenizerError("the vocabulary lacks its unknown token \"\(unknownToken)\"")
    }
    run.ids.removeLast(run.ids.count - before)
    if run.keepsPlaces {
      run.starts.removeLast(run.starts.count - before)
      run.ends.removeLast(run.ends.count - before)
    }
    run.append(unknownID, 0, range.count)
  }
}
