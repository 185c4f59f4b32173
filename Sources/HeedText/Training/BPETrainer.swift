// Learns a byte-level vocabulary of merges from text (Sennrich et al. 2016, arXiv 1508.07909; over
// bytes as in Radford et al. 2019): the most frequent pair of neighbours becomes a token, again and
// again.
//
// Only different words are kept, with their counts; for every pair, how often it occurs and in which
// words. A merge then touches only the words that have the pair. Candidates wait in a heap with the
// count they had when they were put there; one whose count has changed since goes back. Of equal
// counts the pair of the lower ids is first, so that the result depends on the text alone.

public import HeedFormats

/// Learns byte-level vocabularies.
///
///     var trainer = BPETrainer(vocabularySize: 4096, specialTokens: ["<|endoftext|>"])
///     try trainer.add(text)
///     try trainer.trained().write(to: "tokenizer.json")
public struct BPETrainer: Sendable {
  /// How many tokens the vocabulary is to have, special ones and the 256 bytes included.
  public let vocabularySize: Int
  /// Tokens that are found as a whole; they have the first ids.
  public let specialTokens: [String]
  /// Pairs that occur less often make no token.
  public let leastCount: Int
  private let pattern: TextPattern
  private let special: AddedTokens
  private var words = WordCounter()

  /// A trainer that has seen no text.
  ///
  /// - Throws: `TokenizerError` when the size has no room for the bytes and the special tokens.
  public init(
    vocabularySize: Int, specialTokens: [String] = [], leastCount: Int = 2
  ) throws(TokenizerError) {
    let least = 256 + specialTokens.count
    guard (least...Vocabulary.largestID).contains(vocabularySize), leastCount >= 1,
      Set(specialTokens).count == specialTokens.count, !specialTokens.contains("")
    else {
      throw TokenizerError(
        "a vocabulary of \(vocabularySize) tokens: give at least \(least), special tokens once "
          + "each and a least count of 1 or more")
    }
    self.vocabularySize = vocabularySize
    self.specialTokens = specialTokens
    self.leastCount = leastCount
    special = try AddedTokens(
      specialTokens.enumerated().map { AddedToken(id: $0, content: $1, isSpecial: true) },
      normalizer: nil)
    do { pattern = try TextPattern(PreTokenizer.wordPattern, place: "BPETrainer") } catch {
      throw TokenizerError(error.description)
    }
  }

  /// Counts the words of a text. Special tokens in it are left out: they end the words beside them.
  ///
  /// - Throws: `TokenizerError` when the text is longer than 128 MB: give it in parts.
  public mutating func add(_ text: String) throws(TokenizerError) {
    let bytes = Array(text.utf8)
    try PipelineTokenizer.checkLength(bytes.count)
    var search = TextPattern.Search(pattern, byteCount: bytes.count)
    for part in special.parts(of: bytes, 0..<bytes.count, normalized: false)
    where part.token == nil {
      var position = part.range.lowerBound
      while let match = try pattern.next(in: bytes, range: part.range, from: position, &search) {
        words.add(bytes, match)
        position = match.upperBound
      }
    }
    guard words.bytes.count < 1 << 30 else {
      throw TokenizerError("the different words of the text have more than 1 GB")
    }
  }

  /// The merges that the text asks for, as pairs of ids; the result of merge n has the id
  /// 256 + n after the special tokens.
  private func merges() -> [(Int32, Int32)] {
    var pool = PairPool(words, letterIDs: letterIDs)
    let most = vocabularySize - 256 - specialTokens.count
    var merges: [(Int32, Int32)] = []
    while merges.count < most, let best = pool.mostFrequent(), best.count >= leastCount {
      let id = Int32(specialTokens.count + 256 + merges.count)
      merges.append((best.left, best.right))
      pool.merge(best, into: id)
    }
    return merges
  }

  /// Ids of bytes: in the order of the letters that stand for them.
  private var letterIDs: [Int32] {
    let order = (0..<256).sorted { ByteAlphabet.letters[$0] < ByteAlphabet.letters[$1] }
    var ids = [Int32](repeating: 0, count: 256)
    for (place, byte) in order.enumerated() { ids[byte] = Int32(specialTokens.count + place) }
    return ids
  }

  /// Learns the vocabulary and gives it as a `tokenizer.json`.
  public func trained() -> JSONValue {
    var tokens = specialTokens
    let ids = letterIDs
    var letters = [String](repeating: "", count: 256)
    for (byte, id) in ids.enumerated() {
      letters[Int(id) - specialTokens.count] = String(ByteAlphabet.letters[byte])
    }
    tokens += letters
    var merges: [JSONValue] = []
    for (left, right) in self.merges() {
      merges.append(.array([.string(tokens[Int(left)]), .string(tokens[Int(right)])]))
      tokens.append(tokens[Int(left)] + tokens[Int(right)])
    }
    var vocabulary = JSONObject()
    for (id, token) in tokens.enumerated() { vocabulary[token] = .integer(id) }
    let added = specialTokens.enumerated().map { id, token -> JSONValue in
      [
        "id": .integer(id), "content": .string(token), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true,
      ]
    }
    func byteLevel(trims: Bool) -> JSONValue {
      [
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": .bool(trims),
        "use_regex": true,
      ]
    }
    return [
      "version": "1.0", "truncation": .null, "padding": .null, "added_tokens": .array(added),
      "normalizer": .null, "pre_tokenizer": byteLevel(trims: true),
      "post_processor": byteLevel(trims: false), "decoder": byteLevel(trims: true),
      "model": [
        "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": false, "vocab": .object(vocabulary), "merges": .array(merges),
      ],
    ]
  }
}
