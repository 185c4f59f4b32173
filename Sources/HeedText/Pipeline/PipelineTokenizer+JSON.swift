public import HeedFormats

extension PipelineTokenizer {
  /// Reads a `tokenizer.json`.
  ///
  /// - Throws: `FormatError` that names the stage that is not understood, or what is wrong with it.
  public init(json: JSONValue, place: String) throws(FormatError) {
    try self.init(json: json, model: nil, place: place)
  }

  /// The same with the model of byte pairs made from something else than the member "model".
  init(
    json: JSONValue, model: ((_ isByteLevel: Bool) throws(FormatError) -> BytePairModel)?,
    place: String
  ) throws(FormatError) {
    let fields = JSONFields(json, place: place)
    func stage<Stage>(
      _ key: String, _ make: (JSONFields) throws(FormatError) -> Stage
    ) throws(FormatError) -> Stage? {
      guard let value = fields[key] else { return nil }
      return try make(JSONFields(value, place: "\(place), \(key)"))
    }
    let normalizer = try stage("normalizer") { (fields) throws(FormatError) in
      try Normalizer(fields)
    }
    let preTokenizer = try stage("pre_tokenizer") { (fields) throws(FormatError) in
      try PreTokenizer(fields)
    }
    let postProcessor = try stage("post_processor") { (fields) throws(FormatError) in
      try PostProcessor(fields)
    }
    let decoder = try stage("decoder") { (fields) throws(FormatError) in try Decoder(fields) }
    let isByteLevel = preTokenizer?.endsWithByteLevel ?? false
    let tokenModel =
      if let model {
        TokenModel.bytePair(try model(isByteLevel))
      } else {
        try TokenModel(
          JSONFields(try fields.required("model"), place: "\(place), model"),
          isByteLevel: isByteLevel)
      }
    var added: [AddedToken] = []
    for entry in try fields.array("added_tokens") { added.append(try AddedToken(entry)) }
    let truncation = try stage("truncation") { (fields) throws(FormatError) in
      try Truncation(fields)
    }
    let padding = try stage("padding") { (fields) throws(FormatError) in try Padding(fields) }
    do {
      try self.init(
        added: added, normalizer: normalizer, preTokenizer: preTokenizer, model: tokenModel,
        postProcessor: postProcessor, decoder: decoder, truncation: truncation, padding: padding)
    } catch {
      throw FormatError(.malformed, what: error.description, place: place)
    }
  }

  /// Reads the file at `path`.
  public init(contentsOf path: String) throws(FormatError) {
    try self.init(json: JSONValue(contentsOf: path), place: path)
  }
}

extension AddedToken {
  fileprivate init(_ fields: JSONFields) throws(FormatError) {
    guard let id = try fields.count("id", most: Vocabulary.largestID) else {
      throw FormatError(.missing, what: "no \"id\"", place: fields.place)
    }
    self.init(id: id, content: try fields.requiredString("content"))
    isSingleWord = try fields.bool("single_word", default: false)
    stripsLeft = try fields.bool("lstrip", default: false)
    stripsRight = try fields.bool("rstrip", default: false)
    isSpecial = try fields.bool("special", default: false)
    isNormalized = try fields.bool("normalized", default: !isSpecial)
  }
}

extension Truncation {
  fileprivate init(_ fields: JSONFields) throws(FormatError) {
    let strategy: Strategy
    switch try fields.string("strategy", default: "LongestFirst") {
    case "LongestFirst": strategy = .longestFirst
    case "OnlyFirst": strategy = .onlyFirst
    case "OnlySecond": strategy = .onlySecond
    case let name: throw fields.unsupported("the strategy \"\(name)\"")
    }
    self.init(
      maximumLength: try fields.count("max_length") ?? 512,
      stride: try fields.count("stride") ?? 0, strategy: strategy,
      side: try Side(fields.string("direction", default: "Right"), fields))
  }
}

extension Truncation.Side {
  fileprivate init(_ name: String, _ fields: JSONFields) throws(FormatError) {
    switch name {
    case "Left": self = .left
    case "Right": self = .right
    default: throw fields.unsupported("the direction \"\(name)\"")
    }
  }
}

extension Padding {
  fileprivate init(_ fields: JSONFields) throws(FormatError) {
    var length = Length.longest
    if let strategy = fields["strategy"], strategy.string != "BatchLongest" {
      guard let fixed = strategy["Fixed"]?.integer, (0...Self.largest).contains(fixed) else {
        throw fields.unsupported("the strategy \(strategy.text().prefix(40))")
      }
      length = .fixed(fixed)
    }
    self.init(
      length: length,
      side: try Truncation.Side(fields.string("direction", default: "Right"), fields),
      multiple: try fields.count("pad_to_multiple_of", most: Self.largest),
      id: try fields.count("pad_id") ?? 0, typeID: try fields.count("pad_type_id") ?? 0,
      token: try fields.string("pad_token", default: "[PAD]"))
  }
}

extension TokenModel {
  /// Reads the member "model".
  fileprivate init(_ fields: JSONFields, isByteLevel: Bool) throws(FormatError) {
    switch try fields.string("type") ?? Self.guessedType(fields) {
    case "BPE": self = .bytePair(try BytePairModel(fields, isByteLevel: isByteLevel))
    case "WordPiece":
      self = .wordPiece(
        WordPieceModel(
          vocabulary: try Vocabulary(fields),
          unknownToken: try fields.string("unk_token", default: "[UNK]"),
          prefix: try fields.string("continuing_subword_prefix", default: "##"),
          mostCharacters: try fields.count("max_input_chars_per_word") ?? 100))
    case "WordLevel":
      self = .wordLevel(
        WordLevelModel(
          vocabulary: try Vocabulary(fields),
          unknownToken: try fields.string("unk_token", default: "<unk>")))
    case "Unigram":
      var pieces: [(token: [UInt8], score: Double)] = []
      for (number, entry) in (try fields.required("vocab").array ?? []).enumerated() {
        guard let pair = entry.array, pair.count == 2, let token = pair[0].string,
          let score = pair[1].number
        else {
          throw FormatError(
            .malformed, what: "entry \(number) of \"vocab\"", place: fields.place,
            expected: "a piece and its score")
        }
        pieces.append((Array(token.utf8), score))
      }
      self = .unigram(
        try UnigramModel(
          pieces: pieces, unknownID: try fields.count("unk_id"),
          usesBytes: try fields.bool("byte_fallback", default: false), place: fields.place))
    case let type: throw fields.unsupported("the model \"\(type)\"")
    }
  }

  /// Old files do not name the type.
  private static func guessedType(_ fields: JSONFields) -> String {
    if fields["merges"] != nil { return "BPE" }
    if fields["vocab"]?.array != nil { return "Unigram" }
    return fields["continuing_subword_prefix"] != nil ? "WordPiece" : "WordLevel"
  }
}

extension Vocabulary {
  /// Reads the member "vocab": an object of tokens and ids.
  fileprivate init(_ fields: JSONFields) throws(FormatError) {
    try self.init(tokens: fields.object("vocab"), place: fields.place)
  }

  /// Reads an object of tokens and ids.
  init(tokens: JSONObject, place: String) throws(FormatError) {
    var entries: [(token: [UInt8], id: Int)] = []
    entries.reserveCapacity(tokens.count)
    for (token, id) in tokens.members {
      guard let id = id.integer else {
        throw FormatError(
          .malformed, what: "the id of \"\(token.prefix(40))\"", place: place,
          expected: "a whole number")
      }
      entries.append((Array(token.utf8), id))
    }
    try self.init(entries, place: place)
  }
}

extension BytePairModel {
  fileprivate init(_ fields: JSONFields, isByteLevel: Bool) throws(FormatError) {
    guard (fields["dropout"]?.number ?? 0) == 0 else {
      throw fields.unsupported("dropout of merges, which is for training,")
    }
    var options = Options()
    options.unknownToken = try fields.string("unk_token")
    options.prefix = try fields.string("continuing_subword_prefix", default: "")
    options.suffix = try fields.string("end_of_word_suffix", default: "")
    options.fusesUnknown = try fields.bool("fuse_unk", default: false)
    options.usesBytes = try fields.bool("byte_fallback", default: false)
    options.ignoresMerges = try fields.bool("ignore_merges", default: false)
    var merges = ByteStrings()
    for (number, entry) in try fields.array("merges").map(\.value).enumerated() {
      let isPair: Bool
      if let text = entry.string {
        isPair = merges.append(merge: Array(text.utf8))
      } else {
        let parts = (entry.array ?? []).compactMap(\.string)
        isPair = parts.count == 2
        for part in parts { merges.append(part.utf8) }
      }
      guard isPair else {
        throw FormatError(
          .malformed, what: "merge \(number)", place: fields.place, expected: "two tokens")
      }
    }
    try self.init(
      vocabulary: Vocabulary(fields), merges: merges, options: options, isByteLevel: isByteLevel,
      place: fields.place)
  }
}

extension ByteStrings {
  /// Appends both tokens of a merge as it is written, with one space between them; false, with nothing
  /// to be used, where that is not so.
  mutating func append(merge text: some Collection<UInt8>) -> Bool {
    guard let space = text.firstIndex(of: 0x20) else { return false }
    let right = text[text.index(after: space)...]
    append(text[..<space])
    append(right)
    return !right.contains(0x20)
  }
}
