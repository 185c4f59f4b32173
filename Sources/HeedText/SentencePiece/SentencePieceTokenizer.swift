// SentencePiece (Kudo & Richardson 2018, arXiv 1808.06226): the text is normalised, spaces become the
// visible mark U+2581, and the whole is cut by a unigram model or by merging pairs. What is unknown
// becomes bytes, or one unknown token for neighbouring characters.
//
// The arithmetic is the reference's, float for float, because ties decide between cuts.

public import HeedFormats

/// A tokenizer of a SentencePiece model (`tokenizer.model`, `spiece.model`, `*.spm`).
public struct SentencePieceTokenizer: Tokenizer {
  let file: SentencePieceFile
  private let normalizer: SentencePieceNormalizer
  private let denormalizer: SentencePieceNormalizer?
  let symbols: ByteTrie
  /// Pieces that texts are cut into.
  let normal: Vocabulary
  private let trie: ByteTrie
  private let all: Vocabulary
  let unknownID: Int
  /// No piece holds a mark behind another character, so that words can be cut one by one.
  let cutsAtMarks: Bool
  private let byteIDs: [Int]?
  private let leastScore: Float
  private let greatestScore: Float
  /// Put a token for the beginning before a text, for the end behind it.
  var addsBeginning = false
  var addsEnd = false
  /// Pieces that are found in a text as they stand; none in SentencePiece itself.
  var added: AddedPieces?
  /// The tokens that have a role.
  public var specialTokens = SpecialTokens()

  /// Reads the bytes of a model.
  ///
  /// - Throws: `FormatError` when they are none, or of a kind that is not known.
  public init(bytes: [UInt8], place: String) throws(FormatError) {
    try self.init(SentencePieceFile(bytes, place: place), place: place)
  }

  init(_ file: SentencePieceFile, place: String) throws(FormatError) {
    guard file.algorithm == .unigram || file.algorithm == .bytePair else {
      throw FormatError(
        .unsupported, what: "a SentencePiece model of words or characters", place: place,
        expected: "unigram or BPE")
    }
    self.file = file
    var symbols = ByteTrie(capacity: 64)
    var trie = ByteTrie(capacity: file.pieces.count * 4)
    var normal: [(token: [UInt8], id: Int)] = []
    var unknown: Int?
    for (id, piece) in file.pieces.enumerated() {
      switch piece.kind {
      case .userDefined:
        symbols.insert(piece.text, value: Int32(id))
        normal.append((piece.text, id))
      case .normal, .unused: normal.append((piece.text, id))
      case .unknown:
        guard unknown == nil else {
          throw FormatError(.inconsistent, what: "two unknown pieces", place: place)
        }
        unknown = id
      case .control, .byte: break
      }
    }
    guard let unknown else {
      throw FormatError(.missing, what: "no unknown piece", place: place)
    }
    for (token, id) in normal { trie.insert(token, value: Int32(id)) }
    cutsAtMarks = normal.allSatisfy { Self.wordEnd($0.token, from: 0) == $0.token.count }
    self.symbols = symbols
    self.trie = trie
    self.normal = try Vocabulary(normal, place: place)
    all = try Vocabulary(
      file.pieces.enumerated().map { ($0.element.text, $0.offset) }, place: place)
    unknownID = unknown
    let scores = file.pieces.filter { $0.kind == .normal }.map(\.score)
    leastScore = scores.min() ?? 0
    // Never below the least positive number: the reference starts its search there.
    greatestScore = max(scores.max() ?? 0, .leastNormalMagnitude)
    if file.usesBytes {
      var ids = [Int](repeating: -1, count: 256)
      for (id, piece) in file.pieces.enumerated() where piece.kind == .byte {
        if let byte = ByteToken.byte(of: piece.text) { ids[Int(byte)] = id }
      }
      guard !ids.contains(-1) else {
        throw FormatError(
          .inconsistent, what: "the model falls back to bytes but lacks some", place: place,
          expected: "256 byte pieces")
      }
      byteIDs = ids
    } else {
      byteIDs = nil
    }
    normalizer = SentencePieceNormalizer(
      file.normalization, spacesAreSuffixes: file.spacesAreSuffixes, symbols: symbols)
    denormalizer = file.denormalization.map { map in
      var rules = SentencePieceFile.Normalization()
      rules.map = map
      (rules.addsDummyPrefix, rules.removesExtraSpaces, rules.escapesSpaces) = (false, false, false)
      return SentencePieceNormalizer(
        rules, spacesAreSuffixes: false, symbols: ByteTrie(capacity: 1))
    }
    let all = all
    func control(_ text: String) -> Int? {
      all.id(of: text).flatMap { file.pieces[$0].kind == .control ? $0 : nil }
    }
    specialTokens.unknown = unknown
    specialTokens.beginning = control("<s>") ?? control("<bos>")
    specialTokens.end = control("</s>") ?? control("<eos>")
    specialTokens.padding = control("<pad>")
    specialTokens.classification = control("[CLS]")
    specialTokens.separator = control("[SEP]")
    specialTokens.mask = control("[MASK]")
  }

  /// How many pieces there are.
  public var vocabularySize: Int { file.pieces.count }

  /// The piece of an id.
  public func token(of id: Int) -> String? {
    file.pieces.indices.contains(id) ? String(decoding: file.pieces[id].text, as: UTF8.self) : nil
  }

  /// The id of a piece.
  public func id(of token: String) -> Int? { all.id(of: token) }

  /// The ids of `text`.
  public func encode(
    _ text: String, addingSpecialTokens: Bool
  ) throws(TokenizerError) -> [Int] {
    let ids = try ids(of: text)
    guard addingSpecialTokens else { return ids }
    return (addsBeginning ? specialTokens.beginning.map { [$0] } ?? [] : []) + ids
      + (addsEnd ? specialTokens.end.map { [$0] } ?? [] : [])
  }

  /// One text, or two one after the other, as tokens with their places.
  public func encoding(
    of text: String, and second: String?, addingSpecialTokens: Bool
  ) throws(TokenizerError) -> Encoding {
    var result = Encoding()
    for (number, text) in [text, second].compactMap({ $0 }).enumerated() {
      func add(_ id: Int?) {
        guard addingSpecialTokens, let id else { return }
        result.append(Encoding(special: [(id, token(of: id) ?? "")], typeID: number))
      }
      if addsBeginning { add(specialTokens.beginning) }
      let places = CodePointPlaces(Array(text.utf8))
      var part = Encoding()
      for piece in try pieces(of: text) {
        part.ids.append(piece.id)
        part.tokens.append(piece.text)
        part.offsets.append(places[piece.range.lowerBound]..<places[piece.range.upperBound])
        part.words.append(nil)
      }
      part.specialTokensMask = [Int](repeating: 0, count: part.count)
      part.attentionMask = [Int](repeating: 1, count: part.count)
      part.setType(number)
      part.setSequence(number)
      result.append(part)
      if addsEnd { add(specialTokens.end) }
    }
    return result
  }

  /// A piece of a text.
  struct FoundPiece {
    var id: Int
    /// As it stands in the normalised text; unknown pieces show what is unknown.
    var text: String
    /// The bytes of the text that it stands for.
    var range: Range<Int>
  }

  /// The changed text, where its bytes came from, and how it is cut.
  private func cut(
    _ text: [UInt8], isMarked: Bool
  ) throws(TokenizerError) -> (bytes: [UInt8], places: [Int32], cuts: [Cut]) {
    let (normalized, places) = normalizer.normalized(text, isMarked: isMarked)
    try TokenModel.checkLength(0..<normalized.count)
    if normalized.isEmpty { return ([], [], []) }
    return (
      normalized, places, file.algorithm == .unigram ? likeliest(normalized) : merged(normalized)
    )
  }

  private func ids(of text: String) throws(TokenizerError) -> [Int] {
    let bytes = Array(text.utf8)
    try PipelineTokenizer.checkLength(bytes.count)
    var ids: [Int] = []
    for (part, isMarked) in parts(of: bytes) {
      if let token = part.token {
        ids.append(token.id)
      } else {
        try append(Self.bytes(of: part, in: bytes), isMarked, to: &ids)
      }
    }
    return ids
  }

  /// A part as a text of its own, without a copy where it is the whole.
  private static func bytes(of part: AddedTokens.Part, in text: [UInt8]) -> [UInt8] {
    part.range == text.indices ? text : Array(text[part.range])
  }

  private func append(
    _ text: [UInt8], _ isMarked: Bool, to ids: inout [Int]
  ) throws(TokenizerError) {
    let (bytes, _, cuts) = try cut(text, isMarked: isMarked)
    ids.reserveCapacity(ids.count + cuts.count)
    var followsUnknown = false
    for cut in cuts {
      let isUnknown = cut.id == unknownID
      if isUnknown, let byteIDs {
        for place in cut.range { ids.append(byteIDs[Int(bytes[place])]) }
      } else if !isUnknown || !followsUnknown {
        ids.append(cut.id)
      }
      followsUnknown = isUnknown
    }
  }

  func pieces(of text: String) throws(TokenizerError) -> [FoundPiece] {
    let bytes = Array(text.utf8)
    try PipelineTokenizer.checkLength(bytes.count)
    var result: [FoundPiece] = []
    for (part, isMarked) in parts(of: bytes) {
      if let token = part.token {
        result.append(FoundPiece(id: token.id, text: token.content, range: part.range))
        continue
      }
      for var piece in try pieces(of: Self.bytes(of: part, in: bytes), isMarked: isMarked) {
        let (start, end) = (piece.range.lowerBound, piece.range.upperBound)
        piece.range = part.range.lowerBound + start..<part.range.lowerBound + end
        result.append(piece)
      }
    }
    return result
  }

  private func pieces(
    of text: [UInt8], isMarked: Bool
  ) throws(TokenizerError) -> [FoundPiece] {
    let (normalized, places, cuts) = try cut(text, isMarked: isMarked)
    var result: [FoundPiece] = []
    var followsUnknown = false
    for cut in cuts {
      let range = cut.range
      let start = Int(places[range.lowerBound])
      let end = max(start, Int(places[range.upperBound]))
      let isUnknown = cut.id == unknownID
      if isUnknown, let byteIDs {
        for place in range {
          let isLast = place == range.upperBound - 1
          result.append(
            FoundPiece(
              id: byteIDs[Int(normalized[place])], text: ByteToken.text(of: normalized[place]),
              range: start..<(isLast ? end : start)))
        }
      } else if isUnknown, followsUnknown, let last = result.popLast() {
        result.append(
          FoundPiece(
            id: last.id, text: last.text + String(decoding: normalized[range], as: UTF8.self),
            range: last.range.lowerBound..<max(last.range.lowerBound, end)))
      } else {
        result.append(
          FoundPiece(
            id: cut.id, text: String(decoding: normalized[range], as: UTF8.self),
            range: start..<end))
      }
      followsUnknown = isUnknown
    }
    return result
  }

  // MARK: Cutting

  typealias Cut = (id: Int, range: Range<Int>)

  /// The cut with the largest sum of scores.
  private func likeliest(_ text: [UInt8]) -> [Cut] {
    var best = [Float](repeating: 0, count: text.count + 1)
    var from = [Int32](repeating: -1, count: text.count + 1)
    var ids = [Int32](repeating: -1, count: text.count + 1)
    let unknownScore = leastScore - 10
    var place = 0
    while place < text.count {
      let here = Double(best[place])
      let width = min([UInt8].width(ofScalarLedBy: text[place]), text.count - place)
      var coversOne = false
      var node: Int32 = 0
      var end = place
      while end < text.count, let next = trie.child(node, text[end]) {
        node = next
        end += 1
        let id = trie.value(node)
        if id < 0 { continue }
        let piece = file.pieces[Int(id)]
        if piece.kind == .unused { continue }
        let score =
          piece.kind == .userDefined
          ? Double(Float(end - place) * greatestScore) - 0.1 : Double(piece.score)
        if from[end] < 0 || score + here > Double(best[end]) {
          (best[end], from[end], ids[end]) = (Float(score + here), Int32(place), id)
        }
        if end - place == width { coversOne = true }
      }
      if !coversOne {
        let score = unknownScore + best[place]
        let end = place + width
        if from[end] < 0 || score > best[end] {
          (best[end], from[end], ids[end]) = (score, Int32(place), Int32(unknownID))
        }
      }
      place += width
    }
    var cuts: [Cut] = []
    var end = text.count
    while end > 0 {
      let start = Int(from[end])
      cuts.append((Int(ids[end]), start..<end))
      end = start
    }
    return cuts.reversed()
  }

  // MARK: Text

  /// The text of `ids`; those that are none are left out.
  ///
  /// Control pieces are part of the text where they are found in texts and `skippingSpecialTokens` is
  /// false, invisible otherwise.
  public func decode(_ ids: [Int], skippingSpecialTokens: Bool) -> String {
    decode(
      pieces: ids.compactMap { id in
        file.pieces.indices.contains(id) ? (id, file.pieces[id].text) : nil
      }, showsControl: added != nil && !skippingSpecialTokens)
  }

  /// The text of pieces; unknown ones may show what was unknown.
  func decode(pieces: [(id: Int, text: [UInt8])], showsControl: Bool = false) -> String {
    var result: [UInt8] = []
    var waiting: [UInt8] = []
    var isAtStart = true
    var hasSeenSpace = false
    func flush() {
      var place = 0
      while place < waiting.count {
        let decoded = waiting.decodedScalar(at: place, end: waiting.count)
        result.append(decoded.scalar)
        place += decoded.width
      }
      waiting = []
    }
    let rules = file.normalization
    for (id, text) in pieces {
      let kind = file.pieces[id].kind
      if kind == .byte, let byte = ByteToken.byte(of: text) {
        waiting.append(byte)
        continue
      }
      flush()
      if hasSeenSpace || !result.isEmpty { isAtStart = false }
      hasSeenSpace = false
      switch kind {
      case .control: if showsControl { result += text }
      case .unknown: result += text == file.pieces[id].text ? file.unknownSurface : text
      default:
        var text = text[...]
        if isAtStart, rules.addsDummyPrefix || rules.removesExtraSpaces,
          text.starts(with: SentencePieceNormalizer.mark)
        {
          text = text.dropFirst(SentencePieceNormalizer.mark.count)
          hasSeenSpace = !rules.removesExtraSpaces
        }
        result += Array(text).replacing(SentencePieceNormalizer.mark, with: [0x20])
      }
    }
    flush()
    if let denormalizer { result = denormalizer.normalized(result).bytes }
    return String(decoding: result, as: UTF8.self)
  }
}
