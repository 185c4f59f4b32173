// Marian's translation models (Junczys-Dowmunt et al. 2018, arXiv 1804.00344) cut source and target
// texts with a SentencePiece model each, and look the pieces up in one vocabulary of their own. A text
// may begin with the target language, `>>fr<<`. Punctuation is not normalised beforehand.

public import HeedFormats

/// The tokenizer of a Marian model: `source.spm`, `target.spm` and `vocab.json`.
public struct MarianTokenizer: Tokenizer {
  private let source: SentencePieceTokenizer
  private let target: SentencePieceTokenizer
  private let vocabulary: Vocabulary
  private let added: AddedTokens
  private let unknownID: Int
  private let endID: Int
  /// The tokens that have a role.
  public let specialTokens: SpecialTokens

  /// A tokenizer of its three files.
  ///
  /// - Throws: `FormatError` when the vocabulary lacks `</s>` or `<unk>`.
  public init(
    source: SentencePieceTokenizer, target: SentencePieceTokenizer, vocabulary: JSONValue,
    place: String
  ) throws(FormatError) {
    self.source = source
    self.target = target
    guard let tokens = vocabulary.object else {
      throw FormatError(.malformed, what: "no vocabulary", place: place, expected: "an object")
    }
    let pieces = try Vocabulary(tokens: tokens, place: place)
    self.vocabulary = pieces
    guard let unknown = pieces.id(of: "<unk>"), let end = pieces.id(of: "</s>")
    else {
      throw FormatError(
        .missing, what: "the vocabulary lacks \"<unk>\" or \"</s>\"", place: place)
    }
    (unknownID, endID) = (unknown, end)
    let known = ["</s>", "<unk>", "<pad>"].compactMap { content in
      pieces.id(of: content).map {
        AddedToken(id: $0, content: content, isSpecial: true)
      }
    }
    do { added = try AddedTokens(known, normalizer: nil) } catch {
      throw FormatError(.malformed, what: error.description, place: place)
    }
    var special = SpecialTokens()
    special.end = end
    special.unknown = unknown
    special.padding = pieces.id(of: "<pad>")
    specialTokens = special
  }

  /// One more than the largest id.
  public var vocabularySize: Int { vocabulary.idLimit }

  /// The piece of an id.
  public func token(of id: Int) -> String? {
    vocabulary.token(of: id).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The id of a piece.
  public func id(of token: String) -> Int? { vocabulary.id(of: token) }

  /// The ids of a text in the source language.
  public func encode(
    _ text: String, addingSpecialTokens: Bool
  ) throws(TokenizerError) -> [Int] {
    try encoding(of: text, and: nil, addingSpecialTokens: addingSpecialTokens).ids
  }

  /// The ids of a text in the target language.
  ///
  /// - Throws: `TokenizerError` when the text is too long.
  public func encodeTarget(
    _ text: String, addingSpecialTokens: Bool = true
  ) throws(TokenizerError) -> [Int] {
    try pieces(of: text, target).ids + (addingSpecialTokens ? [endID] : [])
  }

  /// One text in the source language as tokens with their places.
  ///
  /// - Throws: `TokenizerError` for a second text: these models read one.
  public func encoding(
    of text: String, and second: String?, addingSpecialTokens: Bool
  ) throws(TokenizerError) -> Encoding {
    guard second == nil else {
      throw TokenizerError("a translation model reads one text, not a pair")
    }
    var result = try pieces(of: text, source)
    guard addingSpecialTokens else { return result }
    result.append(Encoding(special: [(endID, "</s>")], typeID: 0))
    return result
  }

  private func pieces(
    of text: String, _ model: SentencePieceTokenizer
  ) throws(TokenizerError) -> Encoding {
    let bytes = Array(text.utf8)
    let places = CodePointPlaces(bytes)
    var result = Encoding()
    func append(_ token: String, _ range: Range<Int>) {
      result.ids.append(vocabulary.id(of: token) ?? unknownID)
      result.tokens.append(token)
      result.offsets.append(places[range.lowerBound]..<places[range.upperBound])
      result.words.append(nil)
    }
    var start = 0
    if let end = Self.languageEnd(bytes) {
      append(String(decoding: bytes[..<end], as: UTF8.self), 0..<end)
      start = end
    }
    for part in added.parts(of: bytes, start..<bytes.count, normalized: false) {
      let content = String(decoding: bytes[part.range], as: UTF8.self)
      if part.token != nil {
        append(content, part.range)
        continue
      }
      let base = part.range.lowerBound
      for piece in try model.pieces(of: content) {
        append(piece.text, base + piece.range.lowerBound..<base + piece.range.upperBound)
      }
    }
    result.typeIDs = [Int](repeating: 0, count: result.count)
    result.specialTokensMask = result.typeIDs
    result.attentionMask = [Int](repeating: 1, count: result.count)
    result.sequences = [Int?](repeating: 0, count: result.count)
    return result
  }

  /// Where `>>fr<<` at the beginning ends.
  private static func languageEnd(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 5, bytes[0] == 0x3E, bytes[1] == 0x3E else { return nil }
    return (3..<bytes.count - 1).last { bytes[$0] == 0x3C && bytes[$0 + 1] == 0x3C }
      .map { $0 + 2 }
  }

  /// The text of `ids`, without white space at its ends.
  public func decode(_ ids: [Int], skippingSpecialTokens: Bool) -> String {
    var result: [UInt8] = []
    for id in ids {
      guard let token = vocabulary.token(of: id) else { continue }
      if added.token(of: id) != nil {
        if !skippingSpecialTokens { result += token + [0x20] }
      } else {
        result += Array(token).replacing(SentencePieceNormalizer.mark, with: [0x20])
      }
    }
    let scalars = Array(String(decoding: result, as: UTF8.self).unicodeScalars)
    guard let first = scalars.firstIndex(where: { !$0.isSpace }),
      let last = scalars.lastIndex(where: { !$0.isSpace })
    else { return "" }
    var text = String.UnicodeScalarView()
    text += scalars[first...last]
    return String(text)
  }
}
