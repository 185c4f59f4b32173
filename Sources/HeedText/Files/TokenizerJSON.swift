import HeedFormats

/// Parts of a `tokenizer.json` that is made of other files.
enum TokenizerJSON {
  typealias Token = (id: Int, text: String)

  /// Puts a token before a text, behind it, both or none.
  static func frame(before: Token?, after: Token?) -> JSONValue {
    if before == nil, after == nil { return .null }
    func text(_ name: String, _ type: Int) -> JSONValue {
      ["Sequence": ["id": .string(name), "type_id": .integer(type)]]
    }
    func special(_ token: Token?, _ type: Int) -> [JSONValue] {
      token.map { [["SpecialToken": ["id": .string($0.text), "type_id": .integer(type)]]] } ?? []
    }
    var known = JSONObject()
    for token in [before, after].compactMap({ $0 }) {
      let id: JSONValue = .string(token.text)
      known[token.text] = ["id": id, "ids": [.integer(token.id)], "tokens": [id]]
    }
    let single = special(before, 0) + [text("A", 0)] + special(after, 0)
    let second = special(before, 1) + [text("B", 1)] + special(after, 1)
    return [
      "type": "TemplateProcessing", "single": .array(single), "pair": .array(single + second),
      "special_tokens": .object(known),
    ]
  }

  /// Tokens that are found in a text as they stand.
  static func added(_ tokens: [(id: Int, text: String, isSpecial: Bool)]) -> JSONValue {
    .array(
      tokens.map { token in
        [
          "id": .integer(token.id), "content": .string(token.text),
          "special": .bool(token.isSpecial), "normalized": false, "lstrip": false, "rstrip": false,
          "single_word": false,
        ]
      })
  }

  /// Stages one after the other.
  static func sequence(_ name: String, _ stages: [JSONValue]) -> JSONValue {
    var object = JSONObject()
    object["type"] = "Sequence"
    object[name] = .array(stages)
    return stages.isEmpty ? .null : .object(object)
  }

  /// Every `pattern` becomes `content`.
  static func replacement(_ pattern: JSONValue, _ content: String) -> JSONValue {
    ["type": "Replace", "pattern": pattern, "content": .string(content)]
  }
}
