import HeedFormats

/// What stands beside a tokenizer: `tokenizer_config.json` and `special_tokens_map.json`.
struct TokenizerConfig {
  private let members: [JSONValue]

  init(folder: String) throws(FormatError) {
    var members: [JSONValue] = []
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
      let path = folder + "/" + name
      if FileAccess.exists(path) {
        members.append(
          try JSONValue(contentsOf: path, options: JSONOptions(allowsNonFiniteNumbers: true)))
      }
    }
    self.members = members
  }

  func bool(_ key: String) -> Bool? { members.lazy.compactMap { $0[key]?.bool }.first }

  /// The class without the mark of its fast twin.
  var className: String {
    let name = members.lazy.compactMap { $0["tokenizer_class"]?.string }.first ?? ""
    return name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
  }

  /// The text of a token with a role: a string, or an object with its content.
  private func token(_ key: String) -> String? {
    members.lazy.compactMap { $0[key]?.string ?? $0[key]?["content"]?.string }.first
  }

  /// The tokens that have a role, where the tokenizer knows them; others stay as they are.
  func specialTokens(_ tokenizer: some Tokenizer) -> SpecialTokens {
    var result = tokenizer.specialTokens
    func set(_ path: WritableKeyPath<SpecialTokens, Int?>, _ key: String) {
      if let id = token(key).flatMap(tokenizer.id) { result[keyPath: path] = id }
    }
    set(\.beginning, "bos_token")
    set(\.end, "eos_token")
    set(\.padding, "pad_token")
    set(\.unknown, "unk_token")
    set(\.separator, "sep_token")
    set(\.classification, "cls_token")
    set(\.mask, "mask_token")
    return result
  }

  /// `added_tokens_decoder`: tokens that are in no other file.
  var addedTokens: [AddedToken] {
    var result: [AddedToken] = []
    for (key, entry) in members.lazy.compactMap({ $0["added_tokens_decoder"]?.object }).first?
      .members ?? []
    {
      guard let id = Int(key), (0...Vocabulary.largestID).contains(id),
        let content = entry["content"]?.string
      else { continue }
      var token = AddedToken(id: id, content: content)
      token.isSpecial = entry["special"]?.bool ?? false
      token.isNormalized = entry["normalized"]?.bool ?? false
      token.stripsLeft = entry["lstrip"]?.bool ?? false
      token.stripsRight = entry["rstrip"]?.bool ?? false
      token.isSingleWord = entry["single_word"]?.bool ?? false
      result.append(token)
    }
    return result
  }

  /// Whether a token for the beginning or the end is added, where only a class name may say so.
  func adds(_ key: String, classes: Set<String>) -> Bool {
    bool(key) ?? classes.contains(className)
  }
}
