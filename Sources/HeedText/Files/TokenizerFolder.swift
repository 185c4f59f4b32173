// One way in for every tokenizer: a folder of a model, as it was published, or a single file.

public import HeedFormats

/// Finds and reads the tokenizer of a model.
public enum TokenizerFolder {
  private static let sentencePieceNames = [
    "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model",
    "spm.model",
  ]

  /// What is looked for, in this order.
  private static let expected =
    "tokenizer.json; source.spm and vocab.json; tokenizer.model or spiece.model; vocab.json and "
    + "merges.txt; vocab.txt; *.tiktoken; tok*.bin"

  /// The tokenizer of a folder or file, with what the files beside it say about its tokens.
  ///
  /// - Throws: `FormatError` when there is none, or it cannot be understood.
  public static func tokenizer(at path: String) throws(FormatError) -> any Tokenizer {
    guard FileAccess.isFolder(path) else {
      let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
      return try tokenizer(file: path, TokenizerConfig(folder: folder))
    }
    let config = try TokenizerConfig(folder: path)
    let names = FileAccess.names(in: path)
    let present = Set(names)
    func file(_ name: String) -> String { path + "/" + name }
    if present.contains("tokenizer.json") {
      return try tokenizer(file: file("tokenizer.json"), config)
    }
    if present.isSuperset(of: ["source.spm", "target.spm", "vocab.json"]) {
      return try MarianTokenizer(
        source: sentencePiece(file("source.spm")), target: sentencePiece(file("target.spm")),
        vocabulary: JSONValue(contentsOf: file("vocab.json")), place: file("vocab.json"))
    }
    if let name = sentencePieceNames.first(where: present.contains) {
      return try tokenizer(file: file(name), config)
    }
    for (vocabulary, merges) in [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")]
    where present.isSuperset(of: [vocabulary, merges]) {
      return try bytePair(file(vocabulary), file(merges), config)
    }
    if present.contains("vocab.txt") { return try wordPiece(file("vocab.txt"), config) }
    let rest = names.first {
      $0.hasSuffix(".tiktoken") || $0.hasSuffix(".spm")
        || isNamedLikeLlama2C($0)
    }
    if let rest { return try tokenizer(file: file(rest), config) }
    throw FormatError(.missing, what: "no tokenizer", place: path, expected: expected)
  }

  /// Whether a file is called as llama2.c calls its tokenizers.
  private static func isNamedLikeLlama2C(_ name: String) -> Bool {
    name.hasPrefix("tok") && name.hasSuffix(".bin")
  }

  /// The SentencePiece model of a folder, also as llama2.c has it; nil where it has none.
  static func sentencePieceModel(
    in folder: String
  ) throws(FormatError) -> SentencePieceTokenizer? {
    let present = Set(FileAccess.names(in: folder))
    guard !present.isSuperset(of: ["source.spm", "target.spm"]),
      let name = sentencePieceNames.first(where: present.contains)
        ?? present.sorted().first(where: isNamedLikeLlama2C)
    else { return nil }
    return try tokenizer(file: folder + "/" + name, TokenizerConfig(folder: folder))
      as? SentencePieceTokenizer
  }

  private static func tokenizer(
    file path: String, _ config: TokenizerConfig
  ) throws(FormatError) -> any Tokenizer {
    let name = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    if name.hasSuffix(".json") { return try json(path, config) }
    if name == "vocab.txt" { return try wordPiece(path, config) }
    if name.hasSuffix(".tiktoken") { return try tiktoken(path, name, config) }
    let bytes = try FileAccess.bytes(of: path)
    if name.hasSuffix(".bin") {
      var tokenizer = try SentencePieceTokenizer(
        SentencePieceFile(llamaTokenizer: bytes, place: path), place: path)
      tokenizer.addsBeginning = config.bool("add_bos_token") ?? true
      tokenizer.specialTokens = config.specialTokens(tokenizer)
      return tokenizer
    }
    if name.hasSuffix(".model") || name.hasSuffix(".spm") {
      // Llama 3 ships a tiktoken file under SentencePiece's name; it begins with base64, not 0x0A.
      if bytes.first != 0x0A { return try tiktoken(path, name, config) }
      return try sentencePiece(path, config)
    }
    throw FormatError(
      .unsupported, what: "an unknown kind of tokenizer", place: path, expected: expected)
  }

  private static func json(
    _ path: String, _ config: TokenizerConfig
  ) throws(FormatError) -> any Tokenizer {
    let json = try JSONValue(contentsOf: path)
    if json["type"]?.string == "characters" {
      return try CharacterTokenizer(json: json, place: path)
    }
    return finished(try PipelineTokenizer(json: json, place: path), config)
  }

  private static func finished(
    _ tokenizer: PipelineTokenizer, _ config: TokenizerConfig
  ) -> PipelineTokenizer {
    var tokenizer = tokenizer
    tokenizer.specialTokens = config.specialTokens(tokenizer)
    tokenizer.cleansUpSpaces = config.bool("clean_up_tokenization_spaces") ?? false
    return tokenizer
  }

  private static func sentencePiece(
    _ path: String, _ config: TokenizerConfig? = nil
  ) throws(FormatError) -> SentencePieceTokenizer {
    var file = try SentencePieceFile(FileAccess.bytes(of: path), place: path)
    if let config { file.append(config.addedTokens) }
    var tokenizer = try SentencePieceTokenizer(file, place: path)
    guard let config else { return tokenizer }
    if !config.className.isEmpty {
      // A model of its own takes tokens in a text for text; a folder of transformers finds them.
      let isNewer = config.bool("legacy") == false
      try tokenizer.findPieces(
        isNewer ? .first : .every, described: config.addedTokens, place: path)
    }
    tokenizer.specialTokens = config.specialTokens(tokenizer)
    tokenizer.addsBeginning = config.adds(
      "add_bos_token", classes: ["LlamaTokenizer", "GemmaTokenizer", "MistralTokenizer"])
    tokenizer.addsEnd = config.adds("add_eos_token", classes: ["T5Tokenizer", "MT5Tokenizer"])
    return tokenizer
  }

  private static func tiktoken(
    _ path: String, _ name: String, _ config: TokenizerConfig
  ) throws(FormatError) -> PipelineTokenizer {
    guard let pattern = TiktokenFile.Pattern.of(file: name.lowercased()) else {
      throw FormatError(
        .unsupported, what: "a tiktoken file of an unknown name", place: path,
        expected: "a name with gpt2, r50k, p50k, cl100k, o200k, qwen or multilingual in it",
        hint: "PipelineTokenizer(tiktoken:pattern:) takes any pattern")
    }
    let tokenizer = try PipelineTokenizer(
      tiktoken: FileAccess.bytes(of: path), pattern: pattern, added: config.addedTokens,
      place: path)
    return finished(tokenizer, config)
  }

  /// `vocab.json` and `merges.txt`: byte-level, as GPT-2 and RoBERTa.
  private static func bytePair(
    _ vocabularyPath: String, _ mergesPath: String, _ config: TokenizerConfig
  ) throws(FormatError) -> PipelineTokenizer {
    let json = try JSONValue(contentsOf: vocabularyPath)
    guard let tokens = json.object else {
      throw FormatError(
        .malformed, what: "no vocabulary", place: vocabularyPath, expected: "an object")
    }
    var merges = ByteStrings()
    let lines = try FileAccess.bytes(of: mergesPath).split(separator: 0x0A)
    for (number, line) in lines.enumerated() {
      if number == 0, line.starts(with: Array("#version".utf8)) { continue }
      let parts = line.filter { $0 != 0x0D }.split(separator: 0x20)
      guard parts.count == 2 else {
        throw FormatError(
          .malformed, what: "line \(number + 1)", place: mergesPath, expected: "two tokens")
      }
      for part in parts { merges.append(part) }
    }
    let vocabulary = try Vocabulary(tokens: tokens, place: vocabularyPath)
    let model = try BytePairModel(
      vocabulary: vocabulary, merges: merges, options: .init(), isByteLevel: true,
      place: mergesPath)
    var added = config.addedTokens
    for content in ["<|endoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>"]
    where !added.contains(where: { $0.content == content }) {
      guard let id = vocabulary.id(of: content) else { continue }
      added.append(AddedToken(id: id, content: content, isSpecial: true))
    }
    let pattern = try TextPattern(PreTokenizer.wordPattern, place: mergesPath)
    let wantsSpace = config.bool("add_prefix_space") ?? false
    var frame: PostProcessor?
    if config.className == "RobertaTokenizer" || config.className == "BartTokenizer",
      let beginning = vocabulary.id(of: "<s>"), let end = vocabulary.id(of: "</s>")
    {
      frame = .roberta(
        beginning: .init(id: beginning, text: "<s>"), separator: .init(id: end, text: "</s>"),
        trims: true, addsSpace: wantsSpace)
    }
    return finished(
      try assembled(
        added, nil, .byteLevel(addsSpace: wantsSpace, pattern: pattern), .bytePair(model), frame,
        .byteLevel, mergesPath), config)
  }

  /// `vocab.txt`: one word piece a line, as BERT.
  private static func wordPiece(
    _ path: String, _ config: TokenizerConfig
  ) throws(FormatError) -> PipelineTokenizer {
    var tokens: [(token: [UInt8], id: Int)] = []
    let lines = try FileAccess.bytes(of: path).split(
      separator: 0x0A, omittingEmptySubsequences: false)
    for (id, line) in lines.enumerated() where !line.isEmpty {
      tokens.append((Array(line.last == 0x0D ? line.dropLast() : line), id))
    }
    let vocabulary = try Vocabulary(tokens, place: path)
    guard let beginning = vocabulary.id(of: "[CLS]"), let end = vocabulary.id(of: "[SEP]") else {
      throw FormatError(.missing, what: "no \"[CLS]\" or no \"[SEP]\"", place: path)
    }
    let added = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { content in
      vocabulary.id(of: content).map { AddedToken(id: $0, content: content, isSpecial: true) }
    }
    let lowercases = config.bool("do_lower_case") ?? true
    let normalizer = Normalizer.bert(
      cleans: true, separatesChinese: config.bool("tokenize_chinese_chars") ?? true,
      stripsAccents: config.bool("strip_accents") ?? lowercases, lowercases: lowercases)
    let model = WordPieceModel(
      vocabulary: vocabulary, unknownToken: "[UNK]", prefix: "##", mostCharacters: 100)
    return finished(
      try assembled(
        added, normalizer, .bert, .wordPiece(model),
        .bert(
          beginning: .init(id: beginning, text: "[CLS]"), separator: .init(id: end, text: "[SEP]")),
        .wordPiece(prefix: Array("##".utf8), cleans: true), path), config)
  }

  private static func assembled(
    _ added: [AddedToken], _ normalizer: Normalizer?, _ preTokenizer: PreTokenizer,
    _ model: TokenModel, _ postProcessor: PostProcessor?, _ decoder: Decoder, _ place: String
  ) throws(FormatError) -> PipelineTokenizer {
    do {
      return try PipelineTokenizer(
        added: added, normalizer: normalizer, preTokenizer: preTokenizer, model: model,
        postProcessor: postProcessor, decoder: decoder)
    } catch {
      throw FormatError(.malformed, what: error.description, place: place)
    }
  }
}
