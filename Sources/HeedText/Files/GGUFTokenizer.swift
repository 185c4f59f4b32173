// The tokenizer that the metadata of a GGUF file describes (`tokenizer.ggml.*`), as llama.cpp writes
// it: tokens with their kinds, and merges or scores. Byte pairs and word pieces become the
// `tokenizer.json` that they came from, vocabularies with scores a SentencePiece model.
//
// A file that Heed wrote holds the `tokenizer.json` itself as well, because a name cannot say all that
// its stages do; it is preferred.

public import HeedFormats

/// Reads the tokenizer of a GGUF file.
public enum GGUFTokenizer {
  /// Where Heed keeps a whole `tokenizer.json`.
  static let wholeKey = "heed.tokenizer.json"
  /// Spaces before punctuation are taken out of decoded text.
  static let cleansKey = "heed.tokenizer.cleans_up_spaces"
  /// Only the beginning of a text is marked with a space, not every part behind a token.
  static let marksFirstKey = "heed.tokenizer.marks_first_part"
  static let modelKey = "tokenizer.ggml.model"

  /// What a token is for, by its number in `tokenizer.ggml.token_type`.
  enum Kind: Int {
    case normal = 1, unknown, control, userDefined, unused, byte

    /// Whether such tokens are found in a text as they stand.
    var isWhole: Bool { self == .control || self == .unknown || self == .userDefined }
  }

  /// Whether the file describes a tokenizer.
  public static func isPresent(in file: GGUFFile) -> Bool {
    file[wholeKey] != nil || file[modelKey] != nil
  }

  /// The tokenizer of a file.
  ///
  /// - Throws: `FormatError` for a kind of tokenizer that is not known, which names those that are, and
  ///   for metadata that contradicts itself.
  public static func tokenizer(of file: GGUFFile) throws(FormatError) -> any Tokenizer {
    let metadata = Metadata(file)
    if let text = file[wholeKey]?.string {
      let place = "\(file.path), \(wholeKey)"
      let json = try JSONValue(parsing: Array(text.utf8), place: place)
      if json["type"]?.string == "characters" {
        return try CharacterTokenizer(json: json, place: place)
      }
      return metadata.finished(try PipelineTokenizer(json: json, place: place))
    }
    if file[modelKey]?.string == "gpt2" {
      let parts = try BytePairParts(metadata)
      return metadata.finished(
        try PipelineTokenizer(
          json: parts.stages,
          model: { (isByteLevel) throws(FormatError) in
            try parts.model(isByteLevel: isByteLevel)
          }, place: file.path))
    }
    if let json = try json(of: file) {
      return metadata.finished(try PipelineTokenizer(json: json, place: file.path))
    }
    return try sentencePiece(metadata)
  }

  /// The `tokenizer.json` that the metadata stands for; nil for vocabularies with scores.
  public static func json(of file: GGUFFile) throws(FormatError) -> JSONValue? {
    let metadata = Metadata(file)
    if let text = file[wholeKey]?.string {
      return try JSONValue(parsing: Array(text.utf8), place: "\(file.path), \(wholeKey)")
    }
    switch file[modelKey]?.string {
    case "gpt2": return try BytePairParts(metadata).json()
    case "bert": return try wordPiece(metadata)
    case "llama", "t5": return nil
    case let name:
      throw FormatError(
        .unsupported, what: "the tokenizer \"\(name ?? "")\"", place: file.path,
        expected: "gpt2, llama, t5 or bert",
        hint: "a tokenizer.json in the folder of the file is read where the file has none")
    }
  }

  /// What the metadata says of a tokenizer of byte pairs. Its vocabulary goes into the model as it is:
  /// by way of a `tokenizer.json` it would take three times as long.
  private struct BytePairParts {
    private let metadata: Metadata
    private let ignoresMerges: Bool
    private let merges: GGUFArray
    /// The `tokenizer.json` without its model.
    let stages: JSONValue

    init(_ metadata: Metadata) throws(FormatError) {
      let path = metadata.file.path
      let name = metadata.file["tokenizer.ggml.pre"]?.string ?? "default"
      guard let cut = GGUFPreTokenizer.named(name) else {
        throw FormatError(
          .unsupported, what: "the pre-tokenizer \"\(name)\"", place: path,
          expected: GGUFPreTokenizer.all.flatMap(\.names).joined(separator: ", "))
      }
      let tokens = try metadata.tokenArray()
      let kinds = try metadata.kinds(count: tokens.count)
      guard let merges = metadata.file["tokenizer.ggml.merges"]?.array, merges.hasStrings else {
        throw FormatError(
          .missing, what: "no \"tokenizer.ggml.merges\"", place: path,
          expected: "pairs of tokens")
      }
      func framing(_ flag: String, _ role: String) throws(FormatError) -> (id: Int, text: String)? {
        guard metadata.adds(flag, unless: false), let id = metadata.id(role) else { return nil }
        return (id, try metadata.token(id, of: tokens))
      }
      let whole = tokens.strings { kinds[$0].isWhole }
      let frame = TokenizerJSON.frame(
        before: try framing("add_bos_token", "bos_token_id"),
        after: try framing("add_eos_token", "eos_token_id"))
      self.metadata = metadata
      self.merges = merges
      ignoresMerges = cut.ignoresMerges
      stages = [
        "added_tokens": added(whole.map { ($0.text, $0.number) }, kinds), "normalizer": .null,
        "pre_tokenizer": cut.json,
        "post_processor": frame, "decoder": ["type": "ByteLevel"],
      ]
    }

    func model(isByteLevel: Bool) throws(FormatError) -> BytePairModel {
      let path = metadata.file.path
      var tokens = ByteStrings()
      let array = try metadata.tokenArray()
      tokens.reserveCapacity(array.count, byteCount: array.byteCount)
      array.forEachString { tokens.append($0) }
      var pairs = ByteStrings()
      pairs.reserveCapacity(2 * merges.count, byteCount: merges.byteCount)
      var broken: Int?
      var rank = 0
      merges.forEachString {
        if !pairs.append(merge: $0) { broken = broken ?? rank }
        rank += 1
      }
      if let broken {
        throw FormatError(
          .malformed, what: "merge \(broken)", place: path, expected: "two tokens")
      }
      var options = BytePairModel.Options()
      options.ignoresMerges = ignoresMerges
      return try BytePairModel(
        vocabulary: Vocabulary(tokens, ids: Array(0..<tokens.count), place: path), merges: pairs,
        options: options, isByteLevel: isByteLevel, place: path)
    }

    /// The whole `tokenizer.json`.
    func json() throws(FormatError) -> JSONValue {
      var vocabulary = JSONObject()
      for (id, token) in try metadata.tokens().enumerated() { vocabulary[token] = .integer(id) }
      let model: JSONValue = [
        "type": "BPE", "ignore_merges": .bool(ignoresMerges), "vocab": .object(vocabulary),
        "merges": .array((merges.strings ?? []).map { .string($0) }),
      ]
      guard case .object(var json) = stages else { return model }
      json["model"] = model
      return .object(json)
    }
  }

  /// Words begin with the mark of a space in the file, and in BERT's own vocabulary without one.
  private static func wordPiece(_ metadata: Metadata) throws(FormatError) -> JSONValue {
    let tokens = try metadata.tokens()
    let kinds = try metadata.kinds(count: tokens.count)
    var vocabulary = JSONObject()
    var names: [String] = []
    for (id, token) in tokens.enumerated() {
      var name = token
      if name.hasPrefix("\u{2581}") {
        name.removeFirst()
      } else if kinds[id] == .normal, !(name.hasPrefix("[") && name.hasSuffix("]")) {
        name = "##" + name
      }
      names.append(name)
      vocabulary[name] = .integer(id)
    }
    func special(_ key: String, _ text: String) throws(FormatError) -> JSONValue {
      guard let id = metadata.id(key) ?? vocabulary[text]?.integer, names.indices.contains(id)
      else {
        throw FormatError(.missing, what: "no \"\(text)\"", place: metadata.file.path)
      }
      return [.string(names[id]), .integer(id)]
    }
    return [
      "added_tokens": added(names.enumerated().map { ($1, $0) }, kinds),
      "normalizer": [
        "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": .null, "lowercase": true,
      ],
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "post_processor": [
        "type": "BertProcessing", "sep": try special("seperator_token_id", "[SEP]"),
        "cls": try special("cls_token_id", "[CLS]"),
      ],
      "decoder": ["type": "WordPiece", "prefix": "##", "cleanup": true],
      "model": [
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": .object(vocabulary),
      ],
    ]
  }

  /// The tokens that are found in a text as they stand.
  private static func added(_ tokens: [(text: String, id: Int)], _ kinds: [Kind]) -> JSONValue {
    TokenizerJSON.added(
      tokens.filter { kinds[$0.id].isWhole }.map { ($0.id, $0.text, kinds[$0.id] != .userDefined) })
  }

  private static func sentencePiece(
    _ metadata: Metadata
  ) throws(FormatError) -> SentencePieceTokenizer {
    let (file, path) = (metadata.file, metadata.file.path)
    let tokens = try metadata.tokens()
    let kinds = try metadata.kinds(count: tokens.count)
    guard let scores = file["tokenizer.ggml.scores"]?.array?.numbers,
      scores.count == tokens.count, scores.allSatisfy({ $0.isFinite })
    else {
      throw FormatError(
        .inconsistent, what: "\"tokenizer.ggml.scores\"", place: path,
        expected: "a finite number for each of \(tokens.count) tokens")
    }
    var model = SentencePieceFile()
    for (id, token) in tokens.enumerated() {
      var piece = SentencePieceFile.Piece(text: Array(token.utf8), score: Float(scores[id]))
      piece.kind = SentencePieceFile.Kind(rawValue: UInt64(kinds[id].rawValue)) ?? .normal
      model.pieces.append(piece)
    }
    let isUnigram = file[modelKey]?.string == "t5"
    model.algorithm = isUnigram ? .unigram : .bytePair
    model.usesBytes = kinds.contains(.byte)
    model.normalization.addsDummyPrefix = metadata.adds("add_space_prefix", unless: true)
    model.normalization.removesExtraSpaces = metadata.adds(
      "remove_extra_whitespaces", unless: isUnigram)
    if let map = file["tokenizer.ggml.precompiled_charsmap"]?.array?.integers, !map.isEmpty {
      model.normalization.map = try CharacterMap(
        map.map { UInt8(truncatingIfNeeded: $0) }, "\(path), tokenizer.ggml.precompiled_charsmap")
    }
    var tokenizer = try SentencePieceTokenizer(model, place: path)
    tokenizer.addsBeginning = metadata.adds("add_bos_token", unless: !isUnigram)
    tokenizer.addsEnd = metadata.adds("add_eos_token", unless: isUnigram)
    tokenizer.specialTokens = metadata.specialTokens(
      tokenizer.specialTokens, below: tokenizer.vocabularySize)
    let marksFirst = file[marksFirstKey]?.bool ?? false
    try tokenizer.findPieces(marksFirst ? .first : .every, place: path)
    return tokenizer
  }

  /// The members `tokenizer.ggml.*` of a file.
  private struct Metadata {
    let file: GGUFFile

    init(_ file: GGUFFile) { self.file = file }

    func tokens() throws(FormatError) -> [String] { try tokenArray().strings ?? [] }

    /// The tokens as the file has them.
    func tokenArray() throws(FormatError) -> GGUFArray {
      guard let tokens = file["tokenizer.ggml.tokens"]?.array, tokens.hasStrings, tokens.count > 0
      else {
        throw FormatError(.missing, what: "no \"tokenizer.ggml.tokens\"", place: file.path)
      }
      return tokens
    }

    /// What each token is for: normal where the file does not say.
    func kinds(count: Int) throws(FormatError) -> [Kind] {
      guard let value = file["tokenizer.ggml.token_type"] else {
        return [Kind](repeating: .normal, count: count)
      }
      let kinds = (value.array?.integers ?? []).compactMap(Kind.init)
      guard kinds.count == count else {
        throw FormatError(
          .inconsistent, what: "\"tokenizer.ggml.token_type\"", place: file.path,
          expected: "a kind from 1 to 6 for each of \(count) tokens")
      }
      return kinds
    }

    func adds(_ key: String, unless missing: Bool) -> Bool {
      file["tokenizer.ggml." + key]?.bool ?? missing
    }

    func id(_ key: String) -> Int? { file["tokenizer.ggml." + key]?.integer }

    func token(_ id: Int, of tokens: GGUFArray) throws(FormatError) -> String {
      guard let token = tokens.strings(where: { $0 == id }).first else {
        throw FormatError(
          .inconsistent, what: "the token \(id) with a role", place: file.path,
          expected: "0 to \(tokens.count - 1)")
      }
      return token.text
    }

    func specialTokens(_ known: SpecialTokens, below limit: Int) -> SpecialTokens {
      var result = known
      func set(_ path: WritableKeyPath<SpecialTokens, Int?>, _ key: String) {
        if let id = id(key), (0..<limit).contains(id) { result[keyPath: path] = id }
      }
      set(\.beginning, "bos_token_id")
      set(\.end, "eos_token_id")
      set(\.padding, "padding_token_id")
      set(\.unknown, "unknown_token_id")
      // The key has been misspelt since the first files.
      set(\.separator, "seperator_token_id")
      set(\.classification, "cls_token_id")
      set(\.mask, "mask_token_id")
      return result
    }

    func finished(_ tokenizer: PipelineTokenizer) -> PipelineTokenizer {
      var tokenizer = tokenizer
      tokenizer.specialTokens = specialTokens(
        tokenizer.specialTokens, below: tokenizer.vocabularySize)
      tokenizer.cleansUpSpaces = file[cleansKey]?.bool ?? false
      return tokenizer
    }
  }
}
