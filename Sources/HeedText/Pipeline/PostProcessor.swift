// The last stage of encoding: what is put around the tokens of one text, or of two.

import HeedFormats

/// How one or two encodings become what a model reads.
indirect enum PostProcessor: Sendable {
  /// A token by its id and text.
  struct Token: Sendable {
    var id: Int
    var text: String
  }

  /// A part of a template.
  enum Piece: Sendable {
    case text(Int, typeID: Int)
    case tokens([Token], typeID: Int)
  }

  case template(single: [Piece], pair: [Piece])
  case bert(beginning: Token, separator: Token)
  case roberta(beginning: Token, separator: Token, trims: Bool, addsSpace: Bool)
  case byteLevel(trims: Bool, addsSpace: Bool)
  case sequence([PostProcessor])

  /// How many tokens are added.
  func addedCount(isPair: Bool) -> Int {
    switch self {
    case .template(let single, let pair):
      (isPair ? pair : single).reduce(0) { count, piece in
        if case .tokens(let tokens, _) = piece { count + tokens.count } else { count }
      }
    case .bert: isPair ? 3 : 2
    case .roberta: isPair ? 4 : 2
    case .byteLevel: 0
    case .sequence(let stages): stages.reduce(0) { $0 + $1.addedCount(isPair: isPair) }
    }
  }

  /// The encodings, one a text at first, with what is put around them.
  func process(
    _ encodings: [Encoding], addsSpecialTokens: Bool
  ) throws(TokenizerError) -> [Encoding] {
    switch self {
    case .template(let single, let pair):
      return try Self.apply(
        encodings.count > 1 ? pair : single, encodings, addsSpecialTokens: addsSpecialTokens)
    case .bert(let beginning, let separator):
      guard addsSpecialTokens else { return encodings }
      return encodings.enumerated().map { place, encoding in
        encoding.surrounded(
          before: place == 0 ? [beginning] : [], after: [separator], typeID: place == 0 ? 0 : 1)
      }
    case .roberta(let beginning, let separator, let trims, let addsSpace):
      var encodings = encodings
      for place in encodings.indices {
        if trims { encodings[place].trimOffsets(addsSpace: addsSpace) }
        encodings[place].setType(0)
      }
      guard addsSpecialTokens else { return encodings }
      return encodings.enumerated().map { place, encoding in
        encoding.surrounded(
          before: [place == 0 ? beginning : separator], after: [separator], typeID: 0)
      }
    case .byteLevel(let trims, let addsSpace):
      var encodings = encodings
      for place in encodings.indices {
        if trims { encodings[place].trimOffsets(addsSpace: addsSpace) }
        encodings[place].setSequence(place)
      }
      return encodings
    case .sequence(let stages):
      var encodings = encodings
      for stage in stages {
        encodings = try stage.process(encodings, addsSpecialTokens: addsSpecialTokens)
      }
      return encodings
    }
  }

  private static func apply(
    _ template: [Piece], _ encodings: [Encoding], addsSpecialTokens: Bool
  ) throws(TokenizerError) -> [Encoding] {
    var result: [Encoding] = []
    for piece in template {
      switch piece {
      case .text(let number, let typeID):
        guard number < encodings.count else {
          throw TokenizerError("the template of the tokenizer asks for a second text")
        }
        var encoding = encodings[number]
        encoding.setType(typeID)
        encoding.setSequence(number)
        result.append(encoding)
      case .tokens(let tokens, let typeID):
        guard addsSpecialTokens else { continue }
        result.append(Encoding(special: tokens.map { ($0.id, $0.text) }, typeID: typeID))
      }
    }
    return result
  }
}

extension Encoding {
  fileprivate func surrounded(
    before: [PostProcessor.Token], after: [PostProcessor.Token], typeID: Int
  ) -> Encoding {
    var plain = self
    plain.overflowing = []
    var result = Encoding(special: before.map { ($0.id, $0.text) }, typeID: typeID)
    result.append(plain)
    result.append(Encoding(special: after.map { ($0.id, $0.text) }, typeID: typeID))
    result.overflowing = overflowing.map { part in
      part.surrounded(before: before, after: after, typeID: typeID)
    }
    return result
  }

  /// Takes the white space of tokens out of their offsets.
  ///
  /// - Parameter addsSpace: one space before the first word was added by the tokenizer and is part
  ///   of no text.
  fileprivate mutating func trimOffsets(addsSpace: Bool) {
    let space = ByteAlphabet.letters[0x20]
    for place in tokens.indices {
      let scalars = tokens[place].unicodeScalars
      let isBlank = { (scalar: Unicode.Scalar) in scalar == space || scalar.isSpace }
      var leading = scalars.prefix(while: isBlank).count
      let trailing = scalars.reversed().prefix(while: isBlank).count
      if leading == 0, trailing == 0 { continue }
      var (start, end) = (offsets[place].lowerBound, offsets[place].upperBound)
      if addsSpace, leading == 1, place == 0 || start == 0 { leading = 0 }
      start = min(start + leading, end)
      if trailing > 0, end >= trailing { end = max(end - trailing, start) }
      offsets[place] = start..<end
    }
    for place in overflowing.indices { overflowing[place].trimOffsets(addsSpace: addsSpace) }
  }
}

extension PostProcessor {
  /// Reads the member "post_processor" of `tokenizer.json`.
  init(_ fields: JSONFields, depth: Int = 0) throws(FormatError) {
    switch try fields.requiredString("type") {
    case "TemplateProcessing":
      let tokens = try Self.templateTokens(fields)
      self = .template(
        single: try Self.template(fields, "single", tokens),
        pair: try Self.template(fields, "pair", tokens))
    case "BertProcessing":
      self = .bert(
        beginning: try Self.token(fields, "cls"), separator: try Self.token(fields, "sep"))
    case "RobertaProcessing":
      self = .roberta(
        beginning: try Self.token(fields, "cls"), separator: try Self.token(fields, "sep"),
        trims: try fields.bool("trim_offsets", default: true),
        addsSpace: try fields.bool("add_prefix_space", default: true))
    case "ByteLevel":
      self = .byteLevel(
        trims: try fields.bool("trim_offsets", default: true),
        addsSpace: try fields.bool("add_prefix_space", default: true))
    case "Sequence":
      try fields.checkDepth(depth)
      var stages: [PostProcessor] = []
      for stage in try fields.array("processors") {
        stages.append(try PostProcessor(stage, depth: depth + 1))
      }
      self = .sequence(stages)
    case let type: throw fields.unsupported("the post_processor \"\(type)\"")
    }
  }

  /// `["[SEP]", 102]`
  private static func token(_ fields: JSONFields, _ key: String) throws(FormatError) -> Token {
    guard let pair = try fields.required(key).array, pair.count == 2, let text = pair[0].string,
      let id = pair[1].integer, (0...Vocabulary.largestID).contains(id)
    else {
      throw FormatError(
        .malformed, what: "\"\(key)\" is no token", place: fields.place,
        expected: "its text and its id")
    }
    return Token(id: id, text: text)
  }

  private static func templateTokens(
    _ fields: JSONFields
  ) throws(FormatError) -> [String: [Token]] {
    var result: [String: [Token]] = [:]
    for (name, entry) in try fields.object("special_tokens").members {
      let ids = entry["ids"]?.array ?? []
      let texts = entry["tokens"]?.array ?? []
      var tokens: [Token] = []
      for (id, text) in zip(ids, texts) {
        guard let id = id.integer, (0...Vocabulary.largestID).contains(id), let text = text.string
        else { break }
        tokens.append(Token(id: id, text: text))
      }
      guard ids.count == texts.count, tokens.count == ids.count else {
        throw FormatError(
          .malformed, what: "the special token \"\(name)\"", place: fields.place,
          expected: "as many ids as tokens")
      }
      result[name] = tokens
    }
    return result
  }

  private static func template(
    _ fields: JSONFields, _ key: String, _ tokens: [String: [Token]]
  ) throws(FormatError) -> [Piece] {
    var pieces: [Piece] = []
    for piece in try fields.array(key) {
      if let text = piece["Sequence"] {
        let entry = JSONFields(text, place: piece.place)
        let id = try entry.requiredString("id")
        guard id == "A" || id == "B" else { throw piece.unsupported("the text \"\(id)\"") }
        pieces.append(.text(id == "A" ? 0 : 1, typeID: try entry.count("type_id") ?? 0))
      } else if let token = piece["SpecialToken"] {
        let entry = JSONFields(token, place: piece.place)
        let id = try entry.requiredString("id")
        guard let known = tokens[id] else {
          throw FormatError(
            .inconsistent, what: "the template names \"\(id)\"", place: piece.place,
            expected: "a member of special_tokens")
        }
        pieces.append(.tokens(known, typeID: try entry.count("type_id") ?? 0))
      } else {
        throw FormatError(
          .malformed, what: "an unknown part of a template", place: piece.place,
          expected: "Sequence or SpecialToken")
      }
    }
    return pieces
  }
}
