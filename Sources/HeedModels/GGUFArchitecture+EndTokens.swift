import HeedFormats

// Tokens that end a text. The metadata has an id for the end of a text, of a turn and of a message; models
// that talk have others too, which llama.cpp knows by what they are called. A file that Heed wrote says
// them all, because the same vocabulary serves models that end in other ways.

extension GGUFArchitecture {
  private static let key = "heed.end_token_ids"
  private static let roles = ["eos", "eot", "eom"].map { "tokenizer.ggml.\($0)_token_id" }

  /// What tokens are called that end a text, a turn or a message, as llama.cpp has them.
  private static let names: Set<String> = [
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
    "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
    "<｜end▁of▁sentence｜>", "[e~[",
  ]

  /// The ids of the tokens that end a text, those with a role first.
  static func endTokens(of file: any GGUFContent) -> [Int] {
    if let ids = file[key]?.array?.integers { return ids }
    var ends: [Int] = []
    for id in roles.compactMap({ file[$0]?.integer }) + namedEnds(file) where !ends.contains(id) {
      ends.append(id)
    }
    return ends
  }

  /// The tokens that are called like an end and are no words of a text.
  private static func namedEnds(_ file: any GGUFContent) -> [Int] {
    guard let tokens = file["tokenizer.ggml.tokens"]?.array,
      let kinds = file["tokenizer.ggml.token_type"]?.array?.integers, kinds.count == tokens.count
    else { return [] }
    let (control, userDefined) = (3, 4)
    var ends: [String: Int] = [:]
    // Few tokens are no words of a text, and only those are made strings.
    for (id, token) in tokens.strings(where: { kinds[$0] == control || kinds[$0] == userDefined })
    where names.contains(token) {
      // Gemma has the tags of HTML as words of its users.
      if kinds[id] == control || token != "</s>" { ends[token] = id }
    }
    // With these two a model goes on behind the end of a message (gpt-oss).
    if ends["<|return|>"] != nil && ends["<|call|>"] != nil
      || ends["<|calls|>"] != nil && ends["<|flush|>"] != nil
    {
      ends["<|end|>"] = nil
    }
    return ends.values.sorted()
  }

  /// What the metadata says of the tokens that end a text.
  static func statements(ofEndTokens ids: [Int]) -> [(key: String, value: GGUFValue)] {
    guard !ids.isEmpty else { return [] }
    return zip(roles, ids).map { ($0, .uint32(UInt32(clamping: $1))) }
      + [(key, .array(GGUFArray(ids.map { Int32(clamping: $0) })))]
  }
}
