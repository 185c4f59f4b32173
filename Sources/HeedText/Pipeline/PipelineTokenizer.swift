// A tokenizer as `tokenizer.json` describes it: stages that are values, one after the other.
//
//     text -> added tokens -> normalizer -> pre-tokenizer -> model -> post-processor -> ids
//     ids  -> tokens -> decoder -> text
//
// There are two ways through the stages with the same result. The exact one keeps, for every byte, the
// place in the text that it stands for, and gives an `Encoding`. The fast one gives ids alone; where
// the pre-tokenizer only cuts (as that of every byte-level tokenizer does), words are ranges of the
// text, nothing is copied, and words that were seen before come from a cache.

import HeedFormats

/// A tokenizer of stages.
public struct PipelineTokenizer: Tokenizer {
  let added: AddedTokens
  let normalizer: Normalizer?
  let preTokenizer: PreTokenizer?
  let model: TokenModel
  let postProcessor: PostProcessor?
  let decoder: Decoder?
  /// The truncation that the file asks for; used only when it is passed to `encoding`.
  public let truncation: Truncation?
  /// The padding that the file asks for; used only when it is passed to `encoding`.
  public let padding: Padding?
  /// The tokens that have a role.
  public var specialTokens = SpecialTokens()
  /// The spaces before punctuation are taken out of decoded text; not of that of byte pairs, whose
  /// spaces are the text's own, as in transformers since 5.
  var cleansUpSpaces = false

  /// Patterns that cut one after the other; nil when the pre-tokenizer does more than cut.
  private let cutters: [TextPattern]?
  /// The byte-level stage puts a space before every section.
  private let addsSpace: Bool
  private let specialIDs: Set<Int>
  /// What surrounds the tokens of a single text.
  private let frame: (before: [Int], after: [Int])?

  init(
    added: [AddedToken], normalizer: Normalizer?, preTokenizer: PreTokenizer?, model: TokenModel,
    postProcessor: PostProcessor?, decoder: Decoder?, truncation: Truncation? = nil,
    padding: Padding? = nil
  ) throws(TokenizerError) {
    let added = try AddedTokens(added, normalizer: normalizer)
    self.added = added
    self.normalizer = normalizer
    self.preTokenizer = preTokenizer
    self.model = model
    self.postProcessor = postProcessor
    self.decoder = decoder
    self.truncation = truncation
    self.padding = padding
    var specialIDs: Set<Int> = []
    for token in added.tokens where token.isSpecial {
      specialIDs.insert(token.id)
      if let id = model.vocabulary.id(of: token.content), added.token(of: id) == nil {
        specialIDs.insert(id)
      }
    }
    self.specialIDs = specialIDs.filter { id in
      added.token(of: id).map(added.isSpecial) ?? true
    }
    (cutters, addsSpace) = Self.cutters(preTokenizer, model)
    frame = try Self.frame(postProcessor)
  }

  private static func cutters(
    _ preTokenizer: PreTokenizer?, _ model: TokenModel
  ) -> ([TextPattern]?, Bool) {
    var stages: [PreTokenizer] = []
    if case .sequence(let parts)? = preTokenizer {
      stages = parts
    } else if let preTokenizer {
      stages = [preTokenizer]
    }
    var cutters: [TextPattern] = []
    var addsSpace = false
    for (number, stage) in stages.enumerated() {
      switch stage {
      case .split(let pattern, .isolated, _): cutters.append(pattern)
      case .byteLevel(let wantsSpace, let pattern):
        // Words stay bytes only for the last stage before a model of bytes.
        guard case .bytePair(let model) = model, model.isByteLevel, number == stages.count - 1,
          !wantsSpace || number == 0
        else { return (nil, false) }
        addsSpace = wantsSpace
        if let pattern { cutters.append(pattern) }
      default: return (nil, false)
      }
    }
    return (cutters, addsSpace)
  }

  private static func frame(
    _ postProcessor: PostProcessor?
  ) throws(TokenizerError) -> (before: [Int], after: [Int])? {
    guard let postProcessor else { return ([], []) }
    let marked = Encoding(special: [(id: -1, token: "")], typeID: 0)
    var ids: [Int] = []
    for part in try postProcessor.process([marked], addsSpecialTokens: true) { ids += part.ids }
    guard let place = ids.firstIndex(of: -1), ids.lastIndex(of: -1) == place else { return nil }
    return (Array(ids[..<place]), Array(ids[(place + 1)...]))
  }

  /// One more than the largest id.
  public var vocabularySize: Int {
    max(model.vocabulary.idLimit, (added.tokens.map(\.id).max() ?? -1) + 1)
  }

  /// How many different tokens there are.
  public var tokenCount: Int {
    let vocabulary = model.vocabulary
    let contents = Set(added.tokens.map { ExactString($0.content) })
    return vocabulary.count + contents.count { vocabulary.id(of: $0.text) == nil }
  }

  /// The added tokens, in the order of the file.
  public var addedTokens: [AddedToken] { added.tokens }

  /// The token of an id as the vocabulary writes it.
  public func token(of id: Int) -> String? {
    added.token(of: id)
      ?? model.vocabulary.token(of: id).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The id of a token as the vocabulary writes it.
  public func id(of token: String) -> Int? { added.id(of: token) ?? model.vocabulary.id(of: token) }

  // MARK: Ids

  /// The ids of `text`.
  public func encode(
    _ text: String, addingSpecialTokens: Bool
  ) throws(TokenizerError) -> [Int] {
    guard addingSpecialTokens else { return try ids(of: text) }
    guard let frame else {
      return try encoding(of: text, and: nil, addingSpecialTokens: true).ids
    }
    return try frame.before + ids(of: text) + frame.after
  }

  private func ids(of text: String) throws(TokenizerError) -> [Int] {
    let bytes = Array(text.utf8)
    try Self.checkLength(bytes.count)
    var work = Work(self, byteCount: bytes.count)
    work.run.ids.reserveCapacity(bytes.count / 4)
    for part in added.parts(of: bytes, 0..<bytes.count, normalized: false) {
      if let token = part.token {
        work.run.ids.append(token.id)
      } else if normalizer == nil, !added.hasNormalized, cutters != nil {
        try appendWords(bytes, part.range, &work)
      } else {
        try appendNormalized(bytes, part.range, &work)
      }
    }
    return work.run.ids
  }

  /// What one text's encoding needs to remember.
  private struct Work {
    var run = TokenRun(keepsPlaces: false)
    var scratch: BytePairScratch
    var searches: [TextPattern.Search]

    init(_ tokenizer: PipelineTokenizer, byteCount: Int) {
      scratch = BytePairScratch(byteCount: byteCount)
      searches = (tokenizer.cutters ?? []).map { TextPattern.Search($0, byteCount: byteCount) }
    }
  }

  private func appendNormalized(
    _ bytes: [UInt8], _ range: Range<Int>, _ work: inout Work
  ) throws(TokenizerError) {
    let keepsPlaces = (preTokenizer?.asksForStart ?? false) && normalizer != nil
    var text = AlignedText(bytes, range: range, keepsPlaces: keepsPlaces)
    try normalizer?.apply(to: &text)
    for part in added.parts(of: text.bytes, text.fullRange, normalized: true) {
      if let token = part.token {
        work.run.ids.append(token.id)
      } else if cutters != nil {
        try appendWords(text.bytes, part.range, &work)
      } else {
        let start = range.lowerBound + part.range.lowerBound
        for piece in try pieces(TextPiece(text, range: part.range, originalStart: start)) {
          try model.append(piece.text.bytes, piece.range, to: &work.run, &work.scratch)
        }
      }
    }
  }

  private func appendWords(
    _ bytes: [UInt8], _ range: Range<Int>, _ work: inout Work
  ) throws(TokenizerError) {
    if range.isEmpty { return }
    if addsSpace, bytes[range.lowerBound] != 0x20 {
      let spaced = [0x20] + bytes[range]
      try cut(spaced, 0..<spaced.count, level: 0, &work)
    } else {
      try cut(bytes, range, level: 0, &work)
    }
  }

  private func cut(
    _ bytes: [UInt8], _ range: Range<Int>, level: Int, _ work: inout Work
  ) throws(TokenizerError) {
    guard let cutters, level < cutters.count else {
      try model.append(bytes, range, to: &work.run, &work.scratch)
      return
    }
    if level == cutters.count - 1, case .bytePair(let model) = model {
      try cut(bytes, range, cutters[level], model, &work.searches[level], &work.run, &work.scratch)
      return
    }
    var done = range.lowerBound
    for match in try cutters[level].matches(in: bytes, range: range) {
      if done < match.lowerBound {
        try cut(bytes, done..<match.lowerBound, level: level + 1, &work)
      }
      if !match.isEmpty { try cut(bytes, match, level: level + 1, &work) }
      done = match.upperBound
    }
    if done < range.upperBound {
      try cut(bytes, done..<range.upperBound, level: level + 1, &work)
    }
  }

  /// The loop that nearly all of the time is spent in.
  private func cut(
    _ bytes: [UInt8], _ range: Range<Int>, _ pattern: TextPattern, _ model: BytePairModel,
    _ search: inout TextPattern.Search, _ run: inout TokenRun, _ scratch: inout BytePairScratch
  ) throws(TokenizerError) {
    var done = range.lowerBound
    var position = done
    while position < range.upperBound,
      let match = try pattern.next(in: bytes, range: range, from: position, &search)
    {
      if done < match.lowerBound {
        try model.append(bytes, done..<match.lowerBound, to: &run, &scratch)
        done = match.lowerBound
      }
      position = match.upperBound
      if match.isEmpty {
        if position >= range.upperBound { break }
        position += [UInt8].width(ofScalarLedBy: bytes[position])
      } else {
        try model.append(bytes, match, to: &run, &scratch)
        done = position
      }
    }
    if done < range.upperBound {
      try model.append(bytes, done..<range.upperBound, to: &run, &scratch)
    }
  }

  func pieces(_ piece: TextPiece) throws(TokenizerError) -> [TextPiece] {
    guard let preTokenizer else { return piece.range.isEmpty ? [] : [piece] }
    var spellsBytes = true
    if case .bytePair(let model) = model { spellsBytes = !model.isByteLevel }
    var pieces: [TextPiece] = []
    try preTokenizer.cut(piece, spellsBytes: spellsBytes, into: &pieces)
    return pieces
  }

  /// Places are numbers of 32 bits, and normalisation may make a text longer.
  static func checkLength(_ count: Int) throws(TokenizerError) {
    guard count < 1 << 27 else {
      throw TokenizerError("the text has \(count) bytes, at most 128 MB are read at once: split it")
    }
  }

  // MARK: Text

  /// The text of `ids`; ids that are none are left out, as in the reference implementation.
  public func decode(_ ids: [Int], skippingSpecialTokens: Bool) -> String {
    var tokens: [[UInt8]] = []
    tokens.reserveCapacity(ids.count)
    let rawModel: BytePairModel? =
      if case .byteLevel? = decoder, case .bytePair(let model) = model, model.isByteLevel {
        model
      } else {
        nil
      }
    for id in ids where !skippingSpecialTokens || !specialIDs.contains(id) {
      if let token = added.token(of: id) {
        tokens.append(
          rawModel != nil ? Decoder.bytes(ofSpelled: Array(token.utf8)) : Array(token.utf8))
      } else if let rawModel, let bytes = rawModel.rawBytes(of: id) {
        tokens.append(Array(bytes))
      } else if let token = model.vocabulary.token(of: id) {
        tokens.append(rawModel != nil ? Decoder.bytes(ofSpelled: Array(token)) : Array(token))
      }
    }
    var bytes: [UInt8]
    if rawModel != nil {
      bytes = Array(tokens.joined())
    } else if let decoder {
      // A pattern that gives up leaves the tokens as they are: decoding does not fail.
      bytes = Array(((try? decoder.apply(to: tokens)) ?? tokens).joined())
    } else {
      bytes = Array(tokens.joined(separator: [0x20]))
    }
    if cleansUpSpaces, !model.isBytePair { bytes = Decoder.cleaned(bytes, contracts: false) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
