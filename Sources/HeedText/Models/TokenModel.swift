import HeedFormats

/// Tokens of one word, as a model finds them.
///
/// Places are bytes of the word. Where nobody asks for them, only the ids are kept.
struct TokenRun: Sendable {
  var ids: [Int] = []
  var starts: [Int32] = []
  var ends: [Int32] = []
  let keepsPlaces: Bool

  init(keepsPlaces: Bool) { self.keepsPlaces = keepsPlaces }

  @inline(__always)
  mutating func append(_ id: Int, _ start: Int, _ end: Int) {
    ids.append(id)
    if keepsPlaces {
      starts.append(Int32(truncatingIfNeeded: start))
      ends.append(Int32(truncatingIfNeeded: end))
    }
  }

  mutating func removeAll() {
    ids.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
  }
}

/// The four ways to cut a word into tokens.
enum TokenModel: Sendable {
  case bytePair(BytePairModel)
  case wordPiece(WordPieceModel)
  case unigram(UnigramModel)
  case wordLevel(WordLevelModel)

  var isBytePair: Bool { if case .bytePair = self { true } else { false } }

  var vocabulary: Vocabulary {
    switch self {
    case .bytePair(let model): model.vocabulary
    case .wordPiece(let model): model.vocabulary
    case .unigram(let model): model.vocabulary
    case .wordLevel(let model): model.vocabulary
    }
  }

  /// Words are counted in 32 bits.
  static func checkLength(_ range: Range<Int>) throws(TokenizerError) {
    guard range.count < 1 << 30 else {
      throw TokenizerError("normalisation made a text of \(range.count) bytes, which is too long")
    }
  }

  /// Appends the tokens of the word that a range of `text` holds.
  func append(
    _ text: [UInt8], _ range: Range<Int>, to run: inout TokenRun, _ scratch: inout BytePairScratch
  ) throws(TokenizerError) {
    try Self.checkLength(range)
    switch self {
    case .bytePair(let model): try model.append(text, range, to: &run, &scratch)
    case .wordPiece(let model): try model.append(text, range, to: &run)
    case .unigram(let model): try model.append(text, range, to: &run)
    case .wordLevel(let model): try model.append(text, range, to: &run)
    }
  }

  /// The id that stands for what the vocabulary does not know, where tokens show the text instead.
  var shownAsText: Int? {
    if case .unigram(let model) = self { model.unknownID } else { nil }
  }
}

/// A word is a token or unknown.
struct WordLevelModel: Sendable {
  let vocabulary: Vocabulary
  let unknownToken: String

  func append(
    _ text: [UInt8], _ range: Range<Int>, to run: inout TokenRun
  ) throws(TokenizerError) {
    guard let id = vocabulary.id(of: text, range) ?? vocabulary.id(of: unknownToken) else {
      throw TokenizerError("the vocabulary lacks its unknown token \"\(unknownToken)\"")
    }
    run.append(id, 0, range.count)
  }
}
