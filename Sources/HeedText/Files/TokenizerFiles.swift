public import HeedFormats

/// The files of a folder that a tokenizer of another kind becomes: `tokenizer.json`, and
/// `tokenizer_config.json` with its special tokens and the template of conversations.
public enum TokenizerFiles {
  /// The tokenizer of a GGUF file.
  ///
  /// - Returns: names and contents; empty where the file has no tokenizer.
  /// - Throws: `FormatError` for a kind of tokenizer that is not known.
  public static func files(
    of file: GGUFFile
  ) throws(FormatError) -> [(name: String, content: JSONValue)] {
    guard GGUFTokenizer.isPresent(in: file) else { return [] }
    let tokenizer = try GGUFTokenizer.tokenizer(of: file)
    guard
      let json = try GGUFTokenizer.json(of: file) ?? (tokenizer as? SentencePieceTokenizer)?.json
    else { return [] }
    return [
      ("tokenizer.json", json),
      (
        "tokenizer_config.json",
        config(
          tokenizer, templates: try NamedTemplates(file),
          cleansUpSpaces: (tokenizer as? PipelineTokenizer)?.cleansUpSpaces ?? false)
      ),
    ]
  }

  /// A SentencePiece model, or llama2.c's vocabulary; empty for other tokenizers, whose own files can be
  /// copied.
  public static func files(
    of tokenizer: any Tokenizer
  ) -> [(name: String, content: JSONValue)] {
    guard let model = tokenizer as? SentencePieceTokenizer else { return [] }
    return [
      ("tokenizer.json", model.json),
      (
        "tokenizer_config.json", config(tokenizer, templates: nil, cleansUpSpaces: false)
      ),
    ]
  }

  private static func config(
    _ tokenizer: any Tokenizer, templates: NamedTemplates?, cleansUpSpaces: Bool
  ) -> JSONValue {
    // The class that takes everything from tokenizer.json.
    var result = JSONObject()
    result["tokenizer_class"] = "PreTrainedTokenizerFast"
    let tokens = tokenizer.specialTokens
    for (key, id) in [
      ("bos_token", tokens.beginning), ("eos_token", tokens.end), ("pad_token", tokens.padding),
      ("unk_token", tokens.unknown), ("sep_token", tokens.separator),
      ("cls_token", tokens.classification), ("mask_token", tokens.mask),
    ] {
      guard let text = id.flatMap(tokenizer.token) else { continue }
      result[key] = .string(text)
    }
    result["clean_up_tokenization_spaces"] = .bool(cleansUpSpaces)
    if let templates = templates?.json { result["chat_template"] = templates }
    return .object(result)
  }
}
