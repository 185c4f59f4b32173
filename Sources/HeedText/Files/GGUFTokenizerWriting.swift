public import HeedFormats

extension GGUFTokenizer {
  /// The metadata of a folder's tokenizer and chat template, to be written into a GGUF file: as
  /// llama.cpp's files have it where its names can say what the tokenizer does, and the whole
  /// `tokenizer.json` for Heed, so that every tokenizer comes back as it was.
  ///
  /// - Returns: the members, empty where the folder has no `tokenizer.json` and no SentencePiece model,
  ///   and what other programs will miss.
  /// - Throws: `FormatError` for files that cannot be read.
  public static func metadata(
    ofFolder folder: String
  ) throws(FormatError) -> (members: [(key: String, value: GGUFValue)], missing: String?) {
    let path = folder + "/tokenizer.json"
    var members: [(key: String, value: GGUFValue)] = []
    let tokenizer: any Tokenizer
    let native: [(key: String, value: GGUFValue)]?
    if FileAccess.exists(path) {
      let json = try JSONValue(contentsOf: path)
      tokenizer = try TokenizerFolder.tokenizer(at: path)
      members.append((wholeKey, .string(json.text())))
      if (tokenizer as? PipelineTokenizer)?.cleansUpSpaces == true {
        members.append((cleansKey, .bool(true)))
      }
      var named = try self.native(json)
      // Where the same tokenizer lies there as a SentencePiece model too, its kind has a name.
      if named == nil, let model = try? TokenizerFolder.sentencePieceModel(in: folder) {
        named = metadata(of: model, as: tokenizer)
      }
      native = named
    } else if let model = try TokenizerFolder.sentencePieceModel(in: folder) {
      tokenizer = model
      native = metadata(of: model)
      guard native != nil else {
        return ([], "GGUF has no name for this tokenizer's rules: the file will have no tokenizer")
      }
    } else {
      return (
        [],
        "no tokenizer.json and no SentencePiece model in \(folder): the file will have no tokenizer"
      )
    }
    members += native ?? []
    members += roles(tokenizer.specialTokens)
    members += try NamedTemplates(folder: folder).metadata
    return (
      members,
      native == nil
        ? "GGUF has no name for this tokenizer's stages: only Heed will find it in the file" : nil
    )
  }

  private static func roles(_ tokens: SpecialTokens) -> [(key: String, value: GGUFValue)] {
    [
      ("bos", tokens.beginning), ("eos", tokens.end), ("padding", tokens.padding),
      ("unknown", tokens.unknown), ("seperator", tokens.separator),
      ("cls", tokens.classification), ("mask", tokens.mask),
    ].compactMap { name, id in
      guard let id, let word = UInt32(exactly: id) else { return nil }
      return ("tokenizer.ggml.\(name)_token_id", .uint32(word))
    }
  }

  /// Byte pairs over a known way to cut; nil for any other tokenizer. That texts are brought to NFC
  /// first has no name in GGUF and is left out, as llama.cpp does it.
  private static func native(
    _ json: JSONValue
  ) throws(FormatError) -> [(key: String, value: GGUFValue)]? {
    guard let model = json["model"], model["type"]?.string == "BPE",
      let stage = json["pre_tokenizer"], let cut = GGUFPreTokenizer(stage),
      ["NFC", nil].contains(json["normalizer"]?["type"]?.string),
      let vocabulary = model["vocab"]?.object,
      model["unk_token"]?.string == nil, model["byte_fallback"]?.bool != true,
      model["continuing_subword_prefix"]?.string ?? "" == "",
      model["end_of_word_suffix"]?.string ?? "" == "",
      model["ignore_merges"]?.bool ?? false == cut.ignoresMerges
    else { return nil }
    var tokens: [Int: (text: String, kind: Kind)] = [:]
    for (text, id) in vocabulary.members {
      guard let id = id.integer else { return nil }
      tokens[id] = (text, .normal)
    }
    for entry in json["added_tokens"]?.array ?? [] {
      guard let id = entry["id"]?.integer, let text = entry["content"]?.string,
        entry["lstrip"]?.bool != true, entry["rstrip"]?.bool != true,
        entry["single_word"]?.bool != true
      else { return nil }
      tokens[id] = (text, entry["special"]?.bool == true ? .control : .userDefined)
    }
    let count = (tokens.keys.max() ?? -1) + 1
    guard count > 0, count <= 2 * tokens.count else { return nil }
    let list = (0..<count).map { tokens[$0] ?? ("[PAD\($0)]", .unused) }
    let merges = (model["merges"]?.array ?? []).compactMap { merge in
      merge.string
        ?? merge.array.map { $0.compactMap(\.string).joined(separator: " ") }
    }
    guard let addsBeginning = addsBeginning(json["post_processor"]) else { return nil }
    return [
      (modelKey, .string("gpt2")), ("tokenizer.ggml.pre", .string(cut.names[0])),
      ("tokenizer.ggml.tokens", .array(GGUFArray(list.map(\.text)))),
      ("tokenizer.ggml.token_type", .array(GGUFArray(list.map { Int32($0.kind.rawValue) }))),
      ("tokenizer.ggml.merges", .array(GGUFArray(merges))),
      ("tokenizer.ggml.add_bos_token", .bool(addsBeginning)),
    ]
  }

  /// Whether one token is put before a text; nil for any other frame, which has no name.
  private static func addsBeginning(_ stage: JSONValue?) -> Bool? {
    guard let stage, stage.object != nil else { return false }
    let stages = (stage["processors"]?.array ?? [stage]).filter {
      $0["type"]?.string != "ByteLevel"  // changes offsets only
    }
    guard let frame = stages.first else { return false }
    let single = frame["single"]?.array ?? []
    guard stages.count == 1, frame["type"]?.string == "TemplateProcessing", single.count <= 2,
      single.last?["Sequence"] != nil
    else { return nil }
    return single.count == 2
  }
}
