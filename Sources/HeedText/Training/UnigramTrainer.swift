// Learns the pieces of a unigram model (Kudo 2018, arXiv 1804.10959): begin with all frequent parts of
// words, then again and again estimate how likely each piece is (expectation maximisation over all
// cuts of all words) and drop those that are missed least, until the size is right.
//
// The first pieces come from counting all substrings of the different words up to a length, not from a
// suffix array: words are short and repeat, so the counts stay small. Characters are never dropped:
// every text of the same alphabet stays sayable.

public import HeedFormats

/// Learns unigram vocabularies whose words begin with U+2581.
///
///     var trainer = try UnigramTrainer(vocabularySize: 2000)
///     try trainer.add(text)
///     try trainer.trained().write(to: "tokenizer.json")
public struct UnigramTrainer: Sendable {
  /// How many pieces the vocabulary is to have, the unknown and special ones included.
  public let vocabularySize: Int
  /// Tokens that are found as a whole; they follow the unknown one.
  public let specialTokens: [String]
  private var words = WordCounter()

  /// The longest piece, in characters.
  private static let longestPiece = 16
  /// The part of the pieces that a round keeps.
  private static let keptPart = 0.75

  /// A trainer that has seen no text.
  ///
  /// - Throws: `TokenizerError` when the size has no room for the special tokens.
  public init(vocabularySize: Int, specialTokens: [String] = []) throws(TokenizerError) {
    guard (specialTokens.count + 2...Vocabulary.largestID).contains(vocabularySize),
      Set(specialTokens).count == specialTokens.count, !specialTokens.contains("")
    else {
      throw TokenizerError(
        "a vocabulary of \(vocabularySize) pieces: give at least \(specialTokens.count + 2), and "
          + "special tokens once each")
    }
    self.vocabularySize = vocabularySize
    self.specialTokens = specialTokens
  }

  /// Counts the words of a text: what stands between white space, each with a mark before it.
  ///
  /// - Throws: `TokenizerError` when the text is longer than 128 MB: give it in parts.
  public mutating func add(_ text: String) throws(TokenizerError) {
    try PipelineTokenizer.checkLength(text.utf8.count)
    var word = SentencePieceNormalizer.mark
    func flush(_ words: inout WordCounter) {
      if word.count > SentencePieceNormalizer.mark.count { words.add(word, 0..<word.count) }
      word = SentencePieceNormalizer.mark
    }
    for scalar in text.unicodeScalars {
      if scalar.isSpace { flush(&words) } else { word.append(scalar) }
    }
    flush(&words)
    guard words.bytes.count < 1 << 27 else {
      throw TokenizerError("the different words of the text have more than 128 MB")
    }
  }

  /// Learns the vocabulary and gives it as a `tokenizer.json`.
  ///
  /// The vocabulary is larger than asked for when the text has more different characters.
  public func trained() -> JSONValue {
    let room = max(vocabularySize - specialTokens.count - 1, 1)
    var pieces = firstPieces(most: max(room * 8, 20_000))
    while true {
      for _ in 0..<2 { pieces = UnigramEstimate(pieces, words).pieces(least: room) }
      let goal = max(room, Int(Double(pieces.count) * Self.keptPart))
      if pieces.count <= room { break }
      let kept = UnigramEstimate(pieces, words).pruned(to: goal)
      // Characters are all that is left.
      if kept.count == pieces.count { break }
      pieces = kept
    }
    pieces.sort {
      $0.score == $1.score ? $0.text.lexicographicallyPrecedes($1.text) : $0.score > $1.score
    }
    return json(pieces)
  }

  /// All characters, and the parts of words that occur most often, long ones counting for more.
  private func firstPieces(most: Int) -> [UnigramPiece] {
    var parts = WordCounter()
    for number in 0..<words.count {
      let word = words.word(number)
      let starts = word.indices.filter { words.bytes[$0] & 0xC0 != 0x80 } + [word.endIndex]
      for first in 0..<starts.count - 1 {
        for last in first + 1...min(first + Self.longestPiece, starts.count - 1) {
          parts.add(words.bytes, starts[first]..<starts[last], times: words.counts[number])
        }
      }
    }
    var characters: [UnigramPiece] = []
    var longer: [(text: [UInt8], gain: Int)] = []
    for number in 0..<parts.count {
      let text = Array(parts.word(number))
      let length = text.reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
      if length == 1 {
        characters.append(UnigramPiece(text: text, score: Double(parts.counts[number])))
      } else if parts.counts[number] > 1 {
        longer.append((text, parts.counts[number] * length))
      }
    }
    longer.sort {
      $0.gain == $1.gain ? $0.text.lexicographicallyPrecedes($1.text) : $0.gain > $1.gain
    }
    let pieces =
      characters
      + longer.prefix(most).map { UnigramPiece(text: $0.text, score: Double($0.gain)) }
    let sum = pieces.reduce(0) { $0 + $1.score }
    return pieces.map { UnigramPiece(text: $0.text, score: Logarithm.of($0.score / sum)) }
  }

  private func json(_ pieces: [UnigramPiece]) -> JSONValue {
    var vocabulary: [JSONValue] = [["<unk>", 0.0]]
    vocabulary += specialTokens.map { [.string($0), 0.0] }
    vocabulary += pieces.map {
      [.string(String(decoding: $0.text, as: UTF8.self)), .number($0.score)]
    }
    let added = (["<unk>"] + specialTokens).enumerated().map { id, token -> JSONValue in
      [
        "id": .integer(id), "content": .string(token), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true,
      ]
    }
    let metaspace: JSONValue = [
      "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true,
    ]
    return [
      "version": "1.0", "truncation": .null, "padding": .null, "added_tokens": .array(added),
      "normalizer": .null,
      "pre_tokenizer": [
        "type": "Sequence", "pretokenizers": [["type": "WhitespaceSplit"], metaspace],
      ],
      "post_processor": .null, "decoder": metaspace,
      "model": [
        "type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": .array(vocabulary),
      ],
    ]
  }
}

/// A piece and the logarithm of its probability.
struct UnigramPiece: Sendable {
  var text: [UInt8]
  var score: Double
}
