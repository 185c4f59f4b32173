import HeedFormats
import HeedText

/// Texts to ids and back (`tokenizers`): ids, tokens, offsets in code points, decoded texts, pairs,
/// truncation and padding. Everything has to be equal.
struct TokenizersRunner: CaseRunner {
  func prepared(for file: ReferenceFile) throws -> any CaseRunner {
    let path = "\(file.folder)/tokenizer.json"
    if fileExists(path) {
      return PipelineTokenizerRunner(tokenizer: try PipelineTokenizer(contentsOf: path))
    }
    let tokenizer = try TokenizerFolder.tokenizer(at: file.folder)
    return PlainTokenizerRunner(tokenizer: tokenizer)
  }
}

/// Tokenizers of `tokenizer.json`.
private struct PipelineTokenizerRunner: CaseRunner {
  let tokenizer: PipelineTokenizer

  func values(
    of referenceCase: ReferenceCase, in file: ReferenceFile
  ) throws -> [String: JSONValue] {
    let check = referenceCase.attributes
    let text = check["text"]?.string ?? ""
    switch referenceCase.entry["kind"]?.string {
    case "encode":
      let encoding = try tokenizer.encoding(of: text, addingSpecialTokens: false)
      let framed = try tokenizer.encode(text, addingSpecialTokens: true)
      // The way that gives ids alone has to agree with the one that gives everything.
      let ids = try tokenizer.encode(text, addingSpecialTokens: false)
      guard ids == encoding.ids else {
        throw TokenizerError(
          "ids alone are \(ids.prefix(40)), ids with places \(encoding.ids.prefix(40))")
      }
      return [
        "ids": .ids(ids), "tokens": .array(encoding.tokens.map { .string($0) }),
        "offsets": .offsets(encoding), "ids_with_special": .ids(framed),
        "decoded": .string(tokenizer.decode(ids, skippingSpecialTokens: false)),
        "decoded_skip_special": .string(tokenizer.decode(framed, skippingSpecialTokens: true)),
      ]
    case "decode_ids":
      let ids = (check["ids"]?.array ?? []).compactMap(\.integer)
      return [
        "decoded": .string(tokenizer.decode(ids, skippingSpecialTokens: false)),
        "decoded_skip_special": .string(tokenizer.decode(ids, skippingSpecialTokens: true)),
      ]
    case "pairs":
      return values(
        try tokenizer.encoding(
          of: text, and: check["pair"]?.string, addingSpecialTokens: true))
    case "truncation_padding": return try cutAndPadded(check)
    case "vocabulary": return ["value": .integer(tokenizer.tokenCount)]
    case let kind: throw Unsupported("checks of the kind \(kind ?? "without a name")")
    }
  }

  private func values(_ encoding: Encoding) -> [String: JSONValue] {
    [
      "ids": .ids(encoding.ids), "type_ids": .ids(encoding.typeIDs),
      "attention_mask": .ids(encoding.attentionMask),
      "special_tokens_mask": .ids(encoding.specialTokensMask), "offsets": .offsets(encoding),
      "sequence_ids": .ids(encoding.sequences.map { $0 ?? -1 }),
      "overflowing": .array(encoding.overflowing.map { .ids($0.ids) }),
    ]
  }

  private func cutAndPadded(_ check: JSONValue) throws -> [String: JSONValue] {
    var truncation = check["truncation"].flatMap(Truncation.init(reference:))
    var padding = check["padding"].flatMap(Padding.init(reference:))
    if let texts = check["texts"]?.array?.compactMap(\.string) {
      if padding == nil { padding = Padding() }
      let batch = try tokenizer.encodings(of: texts, truncation: truncation, padding: padding)
      return [
        "ids": .array(batch.map { .ids($0.ids) }),
        "attention_mask": .array(batch.map { .ids($0.attentionMask) }),
      ]
    }
    if truncation == nil, let name = check["name"]?.string, name.hasPrefix("pair_"),
      let length = name.split(separator: "_").last.flatMap({ Int($0) })
    {
      // The length of these stands in their name alone.
      truncation = Truncation(maximumLength: length)
    }
    return values(
      try tokenizer.encoding(
        of: check["text"]?.string ?? "", and: check["pair"]?.string, truncation: truncation,
        padding: padding))
  }
}

/// SentencePiece models and those of Marian.
private struct PlainTokenizerRunner: CaseRunner {
  let tokenizer: any Tokenizer

  func values(
    of referenceCase: ReferenceCase, in file: ReferenceFile
  ) throws -> [String: JSONValue] {
    let check = referenceCase.attributes
    let text = check["text"]?.string ?? ""
    switch referenceCase.entry["kind"]?.string {
    case "encode", "source":
      let encoding = try tokenizer.encoding(of: text, addingSpecialTokens: false)
      let ids = try tokenizer.encode(text)
      return [
        "ids": .ids(ids), "pieces": .array(encoding.tokens.map { .string($0) }),
        "decoded": .string(tokenizer.decode(ids, skippingSpecialTokens: true)),
      ]
    case "target":
      guard let marian = tokenizer as? MarianTokenizer else {
        throw Unsupported("a target language of a tokenizer that has none")
      }
      return ["ids": .ids(try marian.encodeTarget(text))]
    case "decode_ids":
      let ids = (check["ids"]?.array ?? []).compactMap(\.integer)
      return ["decoded": .string(tokenizer.decode(ids, skippingSpecialTokens: false))]
    case "vocabulary":
      let special = tokenizer.specialTokens
      return [
        "value": .ids(
          [special.beginning, special.end, special.unknown, special.padding].map { $0 ?? -1 })
      ]
    case let kind: throw Unsupported("checks of the kind \(kind ?? "without a name")")
    }
  }
}

extension JSONValue {
  fileprivate static func ids(_ ids: [Int]) -> JSONValue { .array(ids.map { .integer($0) }) }

  /// Beginnings and ends in one list.
  fileprivate static func offsets(_ encoding: Encoding) -> JSONValue {
    .ids(encoding.offsets.flatMap { [$0.lowerBound, $0.upperBound] })
  }
}

extension Truncation {
  fileprivate init?(reference: JSONValue) {
    guard let length = reference["max_length"]?.integer else { return nil }
    self.init(
      maximumLength: length, stride: reference["stride"]?.integer ?? 0,
      side: reference["direction"]?.string == "left" ? .left : .right)
  }
}

extension Padding {
  fileprivate init?(reference: JSONValue) {
    guard reference.object != nil else { return nil }
    self.init(
      length: reference["length"]?.integer.map { .fixed($0) } ?? .longest,
      side: reference["direction"]?.string == "left" ? .left : .right,
      multiple: reference["pad_to_multiple_of"]?.integer, id: reference["pad_id"]?.integer ?? 0,
      token: reference["pad_token"]?.string ?? "[PAD]")
  }
}
