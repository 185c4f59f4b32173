public import HeedFormats

/// How those who published a model let it write: their `generation_config.json`, or the sampling members of
/// a GGUF file.
///
///     let published = try PublishedGeneration(path: "model")
///     let temperature = published.temperature ?? 1
///
/// A member that is absent or null is nil. Numbers are as they stand in the file: what a range excludes
/// is for whoever uses them to say. Names follow transformers' `GenerationConfig`.
public struct PublishedGeneration: Sendable, Hashable {
  /// Whether tokens are drawn, `do_sample`; the likeliest are taken otherwise.
  public var isSampling: Bool?
  /// What scores are divided by, `temperature`.
  public var temperature: Double?
  /// How many of the likeliest tokens may be drawn, `top_k`; 0 for all.
  public var topK: Int?
  /// The share of probability that may be drawn, `top_p`.
  public var topP: Double?
  /// The least probability, as a share of the largest, `min_p`.
  public var minP: Double?
  /// The share of probability of the most typical tokens, `typical_p`.
  public var typicalP: Double?
  /// The least probability, `epsilon_cutoff`.
  public var epsilonCutoff: Double?
  /// The least probability where the entropy is low, `eta_cutoff`.
  public var etaCutoff: Double?
  /// What scores of earlier tokens are divided by, `repetition_penalty`.
  public var repetitionPenalty: Double?
  /// The length of sequences that do not occur twice, `no_repeat_ngram_size`; 0 for none.
  public var noRepeatLength: Int?
  /// How much contrastive search keeps from what was said, `penalty_alpha`.
  public var penaltyAlpha: Double?
  /// Beams of a search, `num_beams`.
  public var beamCount: Int?
  /// The power of the length by which the score of a beam is divided, `length_penalty`.
  public var lengthPenalty: Double?
  /// The most new tokens, `max_new_tokens`.
  public var maximumNewTokens: Int?
  /// The most tokens with those of the prompt, `max_length`.
  public var maximumLength: Int?
  /// The fewest new tokens before an end, `min_new_tokens`.
  public var minimumNewTokens: Int?
  /// The fewest tokens, with those of the prompt, before an end, `min_length`.
  public var minimumLength: Int?
  /// Sequences that never occur, `bad_words_ids`.
  public var forbiddenSequences: [[Int]]?
  /// Tokens that never occur, `suppress_tokens`.
  public var suppressedTokens: [Int]?
  /// Tokens that are not the first, `begin_suppress_tokens`.
  public var suppressedFirstTokens: [Int]?
  /// The first token, `forced_bos_token_id`.
  public var forcedFirstToken: Int?
  /// Tokens that are the last one of a text that would become too long, `forced_eos_token_id`.
  public var forcedLastTokens: [Int]?
  /// Tokens that end a text, `eos_token_id`.
  public var endTokens: [Int]?
  /// The token before a text, `bos_token_id`.
  public var beginningToken: Int?
  /// The token that fills the places of shorter texts, `pad_token_id`.
  public var paddingToken: Int?

  /// Nothing is said.
  public init() {}

  /// What is said beside the model at `path`: a folder, a `.gguf` or a `.bin` file; nothing where the folder
  /// has no `generation_config.json`.
  ///
  /// - Throws: `FormatError` for a file that cannot be read and a member that is of another type.
  public init(path: String) throws(FormatError) {
    self.init()
    if path.hasSuffix(".gguf") {
      self.init(try GGUFFile(path: path))
    } else if !path.hasSuffix(".bin") {
      let file = path + "/generation_config.json"
      guard FileAccess.exists(file) else { return }
      let options = JSONOptions(allowsNonFiniteNumbers: true)
      try self.init(try JSONValue(contentsOf: file, options: options), place: file)
    }
  }

  /// What a `generation_config.json` that stands at `place` says.
  ///
  /// - Throws: `FormatError` for a member that is of another type.
  public init(_ config: JSONValue, place: String) throws(FormatError) {
    let reader = ConfigReader(config, place: place)
    isSampling =
      reader.member("do_sample") == nil ? nil : try reader.flag("do_sample", default: false)
    func number(_ key: String) throws(FormatError) -> Double? { try reader.optionalNumber(key) }
    func count(_ key: String) throws(FormatError) -> Int? {
      reader.member(key) == nil ? nil : try reader.index(key, default: 0)
    }
    func tokens(_ key: String) throws(FormatError) -> [Int]? {
      reader.member(key) == nil ? nil : try reader.tokens(key)
    }
    temperature = try number("temperature")
    topK = try count("top_k")
    topP = try number("top_p")
    minP = try number("min_p")
    typicalP = try number("typical_p")
    epsilonCutoff = try number("epsilon_cutoff")
    etaCutoff = try number("eta_cutoff")
    repetitionPenalty = try number("repetition_penalty")
    noRepeatLength = try count("no_repeat_ngram_size")
    penaltyAlpha = try number("penalty_alpha")
    beamCount = try count("num_beams")
    lengthPenalty = try number("length_penalty")
    maximumNewTokens = try count("max_new_tokens")
    maximumLength = try count("max_length")
    minimumNewTokens = try count("min_new_tokens")
    minimumLength = try count("min_length")
    forbiddenSequences = try reader.tokenSequences("bad_words_ids")
    suppressedTokens = try tokens("suppress_tokens")
    suppressedFirstTokens = try tokens("begin_suppress_tokens")
    forcedFirstToken = try count("forced_bos_token_id")
    forcedLastTokens = try tokens("forced_eos_token_id")
    endTokens = try tokens("eos_token_id")
    beginningToken = try tokens("bos_token_id")?.first
    paddingToken = try tokens("pad_token_id")?.first
  }

}

// The few settings that GGUF files have words for, both ways.
extension PublishedGeneration {
  private static let topK = "general.sampling.top_k"
  private static let suppressed = "tokenizer.ggml.suppress_tokens"

  /// The numbers of the metadata, and what a `generation_config.json` calls them.
  private static var numbers:
    [(key: String, member: String, path: WritableKeyPath<PublishedGeneration, Double?>)]
  {
    [
      ("general.sampling.temp", "temperature", \.temperature),
      ("general.sampling.top_p", "top_p", \.topP), ("general.sampling.min_p", "min_p", \.minP),
      ("general.sampling.penalty_repeat", "repetition_penalty", \.repetitionPenalty),
    ]
  }

  /// What the metadata of a GGUF file says.
  init(_ file: GGUFFile) {
    self.init()
    for (key, _, path) in Self.numbers { self[keyPath: path] = file[key]?.number }
    topK = file[Self.topK]?.integer
    suppressedTokens = file[Self.suppressed]?.array?.integers
    beginningToken = file["tokenizer.ggml.bos_token_id"]?.integer
    paddingToken = file["tokenizer.ggml.padding_token_id"]?.integer
  }

  /// The metadata of a GGUF file; without what would make a model draw that is not to.
  var metadata: [(key: String, value: GGUFValue)] {
    var result: [(key: String, value: GGUFValue)] = []
    if isSampling != false {
      for (key, _, path) in Self.numbers {
        if let number = self[keyPath: path] { result.append((key, .float32(Float(number)))) }
      }
      if let topK { result.append((Self.topK, .int32(Int32(clamping: topK)))) }
    }
    if let suppressedTokens {
      let ids = suppressedTokens.map { Int32(clamping: $0) }
      result.append((Self.suppressed, .array(GGUFArray(ids))))
    }
    return result
  }

  /// The members of a `generation_config.json` for what GGUF files have words for.
  var members: [(key: String, value: JSONValue)] {
    var result: [(key: String, value: JSONValue)] = []
    for (_, member, path) in Self.numbers {
      if let number = self[keyPath: path] { result.append((member, .number(number))) }
    }
    if let topK { result.append(("top_k", .integer(topK))) }
    if !result.isEmpty { result.insert(("do_sample", .bool(true)), at: 0) }
    if let suppressedTokens {
      result.append(("suppress_tokens", .array(suppressedTokens.map { .integer($0) })))
    }
    return result
  }
}

extension ConfigReader {
  /// Lists of ids; nil when absent.
  fileprivate func tokenSequences(_ key: String) throws(FormatError) -> [[Int]]? {
    guard let value = member(key) else { return nil }
    let expected = "a list of lists of ids"
    guard let lists = value.array else { throw wrong(key, expected) }
    var result: [[Int]] = []
    for list in lists {
      let ids = list.array?.compactMap(\.integer) ?? []
      guard !ids.isEmpty, ids.count == list.array?.count else { throw wrong(key, expected) }
      result.append(ids)
    }
    return result
  }
}
