import HeedFormats

// A SentencePiece model is what GGUF's kinds "llama" (merged pairs) and "t5" (unigram) were made for: the
// metadata says all of it, and it comes back as it was.

extension GGUFTokenizer {
  /// The metadata of a SentencePiece model; nil for one with rules that have no name there: marks of
  /// spaces behind words or none at all, and rules for decoded text.
  static func metadata(
    of tokenizer: SentencePieceTokenizer
  ) -> [(key: String, value: GGUFValue)]? {
    let (model, rules) = (tokenizer.file, tokenizer.file.normalization)
    guard !model.spacesAreSuffixes, rules.escapesSpaces, model.denormalization == nil else {
      return nil
    }
    var members: [(key: String, value: GGUFValue)] = [
      (modelKey, .string(model.algorithm == .unigram ? "t5" : "llama")),
      ("tokenizer.ggml.pre", .string("default")),
      (
        "tokenizer.ggml.tokens",
        .array(GGUFArray(model.pieces.map { String(decoding: $0.text, as: UTF8.self) }))
      ),
      ("tokenizer.ggml.scores", .array(GGUFArray(model.pieces.map(\.score)))),
      (
        "tokenizer.ggml.token_type",
        .array(GGUFArray(model.pieces.map { Int32($0.kind.rawValue) }))
      ),
      ("tokenizer.ggml.add_bos_token", .bool(tokenizer.addsBeginning)),
      ("tokenizer.ggml.add_eos_token", .bool(tokenizer.addsEnd)),
      ("tokenizer.ggml.add_space_prefix", .bool(rules.addsDummyPrefix)),
      ("tokenizer.ggml.remove_extra_whitespaces", .bool(rules.removesExtraSpaces)),
    ]
    if tokenizer.added?.marked == .first, rules.addsDummyPrefix {
      members.append((marksFirstKey, .bool(true)))
    }
    if let map = rules.map {
      members.append(("tokenizer.ggml.precompiled_charsmap", .array(GGUFArray(map.bytes))))
    }
    return members
  }

  /// The metadata of the model that a `tokenizer.json` beside it was made of, with the tokens that were
  /// added and with what it puts around texts; nil where it is another tokenizer.
  static func metadata(
    of tokenizer: SentencePieceTokenizer, as other: any Tokenizer
  ) -> [(key: String, value: GGUFValue)]? {
    guard let other = other as? PipelineTokenizer, let frame = try? other.encode("") else {
      return nil
    }
    var model = tokenizer.file
    for (id, piece) in model.pieces.enumerated() {
      guard other.token(of: id).map({ Array($0.utf8) }) == piece.text else { return nil }
    }
    for token in other.added.tokens.sorted(by: { $0.id < $1.id }) {
      if token.id == model.pieces.count {
        model.pieces.append(.init(text: Array(token.content.utf8)))
      }
      guard token.id < model.pieces.count else { return nil }
      if model.pieces[token.id].kind == .unknown { continue }
      model.pieces[token.id].kind = token.isSpecial ? .control : .userDefined
    }
    guard var changed = try? SentencePieceTokenizer(model, place: "") else { return nil }
    let roles = other.specialTokens
    changed.addsBeginning = roles.beginning != nil && frame.first == roles.beginning
    changed.addsEnd = roles.end != nil && frame.last == roles.end
    return metadata(of: changed)
  }
}
