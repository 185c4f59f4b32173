// The second stage: where a text is cut into the words that the model sees, one by one.

import HeedFormats

/// What becomes of the parts of a text that a pattern matches.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// The pieces that are left, from the parts of a text in order.
  func pieces(_ parts: [(range: Range<Int>, isMatch: Bool)]) -> [Range<Int>] {
    switch self {
    case .isolated: return parts.map(\.range)
    case .removed: return parts.compactMap { $0.isMatch ? nil : $0.range }
    case .contiguous:
      var pieces: [Range<Int>] = []
      var wasMatch = false
      for part in parts {
        if part.isMatch == wasMatch, let last = pieces.popLast() {
          pieces.append(last.lowerBound..<part.range.upperBound)
        } else {
          pieces.append(part.range)
        }
        wasMatch = part.isMatch
      }
      return pieces
    case .mergedWithPrevious:
      var pieces: [Range<Int>] = []
      var wasMatch = false
      for part in parts {
        if part.isMatch, !wasMatch, let last = pieces.popLast() {
          pieces.append(last.lowerBound..<part.range.upperBound)
        } else {
          pieces.append(part.range)
        }
        wasMatch = part.isMatch
      }
      return pieces
    case .mergedWithNext:
      var pieces: [Range<Int>] = []
      var wasMatch = false
      for part in parts.reversed() {
        if part.isMatch, !wasMatch, let last = pieces.popLast() {
          pieces.append(part.range.lowerBound..<last.upperBound)
        } else {
          pieces.append(part.range)
        }
        wasMatch = part.isMatch
      }
      return pieces.reversed()
    }
  }
}

/// How a text is cut into words.
indirect enum PreTokenizer: Sendable {
  enum PrependScheme: String, Sendable { case always, first, never }

  case byteLevel(addsSpace: Bool, pattern: TextPattern?)
  case split(TextPattern, SplitBehavior, isInverted: Bool)
  /// Spaces become a visible character, which words begin with.
  case metaspace(replacement: Unicode.Scalar, PrependScheme, splits: Bool)
  case whitespaceSplit
  case bert
  case digits(areSingle: Bool)
  case punctuation(SplitBehavior)
  case delimiter(Unicode.Scalar)
  case fixedLength(Int)
  case sequence([PreTokenizer])

  /// The pattern of GPT-2 (Radford et al. 2019).
  static let wordPattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// Cuts one piece of a text. The last byte-level stage may leave bytes as they are.
  func cut(
    _ piece: TextPiece, spellsBytes: Bool, into pieces: inout [TextPiece]
  ) throws(TokenizerError) {
    switch self {
    case .byteLevel(let addsSpace, let pattern):
      var piece = piece
      if addsSpace, piece.bytes.first != 0x20 { piece.change { $0.prepend([0x20]) } }
      var words = [piece.range]
      if let pattern {
        let matches = try pattern.matches(in: piece.text.bytes, range: piece.range)
        words = SplitBehavior.isolated.pieces(Self.parts(matches, of: piece.range))
      }
      for word in words where !word.isEmpty {
        var part = piece.part(word)
        if spellsBytes { part.change { $0.spellBytes() } }
        pieces.append(part)
      }
    case .split(let pattern, let behavior, let isInverted):
      let matches = try pattern.matches(in: piece.text.bytes, range: piece.range)
      let parts = Self.parts(matches, of: piece.range)
        .map { (range: $0.range, isMatch: $0.isMatch != isInverted) }
      piece.append(behavior.pieces(parts), to: &pieces)
    case .metaspace(let replacement, let scheme, let splits):
      Self.cutAtMetaspace(piece, replacement, scheme, splits: splits, into: &pieces)
    case .whitespaceSplit:
      piece.append(SplitBehavior.removed.pieces(piece.parts { $0.isSpace }), to: &pieces)
    case .bert:
      for word in SplitBehavior.removed.pieces(piece.parts { $0.isSpace }) where !word.isEmpty {
        let word = piece.part(word)
        word.append(
          SplitBehavior.isolated.pieces(word.parts { $0.isPunctuationMark }), to: &pieces)
      }
    case .digits(let areSingle):
      let behavior: SplitBehavior = areSingle ? .isolated : .contiguous
      piece.append(behavior.pieces(piece.parts { $0.isIn(.number) }), to: &pieces)
    case .punctuation(let behavior):
      piece.append(behavior.pieces(piece.parts { $0.isPunctuationMark }), to: &pieces)
    case .delimiter(let delimiter):
      piece.append(SplitBehavior.removed.pieces(piece.parts { $0 == delimiter }), to: &pieces)
    case .fixedLength(let length):
      piece.append(piece.chunks(of: length), to: &pieces)
    case .sequence(let stages):
      var current = [piece]
      for (number, stage) in stages.enumerated() {
        var next: [TextPiece] = []
        let isLast = number == stages.count - 1
        for part in current {
          try stage.cut(part, spellsBytes: spellsBytes || !isLast, into: &next)
        }
        current = next
      }
      pieces += current
    }
  }

  /// Matches and what lies between them.
  static func parts(
    _ matches: [Range<Int>], of range: Range<Int>
  ) -> [(range: Range<Int>, isMatch: Bool)] {
    var parts: [(range: Range<Int>, isMatch: Bool)] = []
    parts.reserveCapacity(matches.count)
    var place = range.lowerBound
    for match in matches {
      if place < match.lowerBound { parts.append((place..<match.lowerBound, false)) }
      parts.append((match, true))
      place = match.upperBound
    }
    if place < range.upperBound { parts.append((place..<range.upperBound, false)) }
    return parts
  }

  private static func cutAtMetaspace(
    _ piece: TextPiece, _ replacement: Unicode.Scalar, _ scheme: PrependScheme, splits: Bool,
    into pieces: inout [TextPiece]
  ) {
    var piece = piece
    var mark: [UInt8] = []
    mark.append(replacement)
    let isAtStart = piece.originalStart == 0
    piece.change { text in
      let spaces = text.bytes.indices.filter { text.bytes[$0] == 0x20 }.map { $0..<$0 + 1 }
      text.replace(spaces, with: mark)
      if !text.bytes.hasBytes(mark, at: 0), scheme == .always || (scheme == .first && isAtStart) {
        text.prepend(mark)
      }
    }
    guard splits else {
      if !piece.range.isEmpty { pieces.append(piece) }
      return
    }
    piece.append(
      SplitBehavior.mergedWithNext.pieces(piece.parts { $0 == replacement }), to: &pieces)
  }
}

/// A part of an aligned text.
struct TextPiece: Sendable {
  private(set) var text: AlignedText
  private(set) var range: Range<Int>
  /// The first byte of the original that the piece stands for.
  let originalStart: Int

  init(_ text: AlignedText, range: Range<Int>, originalStart: Int) {
    self.text = text
    self.range = range
    self.originalStart = text.originalRange(range)?.lowerBound ?? originalStart
  }

  var bytes: ArraySlice<UInt8> { text.bytes[range] }

  func part(_ range: Range<Int>) -> TextPiece {
    let isStart = range.lowerBound == self.range.lowerBound
    // Without places, only the beginning of a text is told from everything else.
    return TextPiece(text, range: range, originalStart: isStart ? originalStart : originalStart + 1)
  }

  func append(_ ranges: [Range<Int>], to pieces: inout [TextPiece]) {
    for range in ranges where !range.isEmpty { pieces.append(part(range)) }
  }

  /// Changes the piece as a text of its own.
  mutating func change(_ body: (inout AlignedText) -> Void) {
    text = text.slice(range)
    body(&text)
    range = text.fullRange
  }

  /// Each character that is asked for, and what lies between.
  func parts(_ isMatch: (Unicode.Scalar) -> Bool) -> [(range: Range<Int>, isMatch: Bool)] {
    var matches: [Range<Int>] = []
    var place = range.lowerBound
    while place < range.upperBound {
      let width = [UInt8].width(ofScalarLedBy: text.bytes[place])
      if let scalar = Unicode.Scalar(text.bytes.scalarValue(at: place)), isMatch(scalar) {
        matches.append(place..<place + width)
      }
      place += width
    }
    return PreTokenizer.parts(matches, of: range)
  }

  /// Pieces of `length` characters each; the last may be shorter.
  func chunks(of length: Int) -> [Range<Int>] {
    var chunks: [Range<Int>] = []
    var (start, place, count) = (range.lowerBound, range.lowerBound, 0)
    while place < range.upperBound {
      place += [UInt8].width(ofScalarLedBy: text.bytes[place])
      count += 1
      if count == length || place == range.upperBound {
        chunks.append(start..<place)
        (start, count) = (place, 0)
      }
    }
    return chunks
  }
}

extension PreTokenizer {
  /// Reads the member "pre_tokenizer" of `tokenizer.json`.
  init(_ fields: JSONFields, depth: Int = 0) throws(FormatError) {
    switch try fields.requiredString("type") {
    case "ByteLevel":
      let usesPattern = try fields.bool("use_regex", default: true)
      self = .byteLevel(
        addsSpace: try fields.bool("add_prefix_space", default: true),
        pattern: usesPattern ? try TextPattern(Self.wordPattern, place: fields.place) : nil)
    case "Split":
      let behavior = try fields.requiredString("behavior")
      guard let known = SplitBehavior(rawValue: behavior) else {
        throw fields.unsupported("the behavior \"\(behavior)\" of a split")
      }
      self = .split(
        try TextPattern(fields), known, isInverted: try fields.bool("invert", default: false))
    case "Metaspace":
      var scheme = PrependScheme.always
      if let name = try fields.string("prepend_scheme") {
        guard let known = PrependScheme(rawValue: name) else {
          throw fields.unsupported("the prepend_scheme \"\(name)\"")
        }
        scheme = known
      }
      if try !fields.bool("add_prefix_space", default: true) { scheme = .never }
      self = .metaspace(
        replacement: try fields.scalar("replacement"), scheme,
        splits: try fields.bool("split", default: true))
    case "Whitespace":
      // Here a word is what Rust's patterns call one: joiners belong to it.
      let pattern = #"[\w\x{200C}\x{200D}]+|[^\w\s\x{200C}\x{200D}]+"#
      self = .split(try TextPattern(pattern, place: fields.place), .removed, isInverted: true)
    case "WhitespaceSplit": self = .whitespaceSplit
    case "BertPreTokenizer": self = .bert
    case "Digits": self = .digits(areSingle: try fields.bool("individual_digits", default: false))
    case "Punctuation":
      let behavior = try fields.string("behavior", default: "Isolated")
      guard let known = SplitBehavior(rawValue: behavior) else {
        throw fields.unsupported("the behavior \"\(behavior)\" of punctuation")
      }
      self = .punctuation(known)
    case "CharDelimiterSplit": self = .delimiter(try fields.scalar("delimiter"))
    case "FixedLength":
      self = .fixedLength(max(1, try fields.count("length", most: 1 << 24) ?? 5))
    case "Sequence":
      try fields.checkDepth(depth)
      var stages: [PreTokenizer] = []
      for stage in try fields.array("pretokenizers") {
        stages.append(try PreTokenizer(stage, depth: depth + 1))
      }
      self = .sequence(stages)
    case let type: throw fields.unsupported("the pre_tokenizer \"\(type)\"")
    }
  }

  /// True when the last stage spells bytes with letters.
  var endsWithByteLevel: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let stages): stages.last?.endsWithByteLevel ?? false
    default: false
    }
  }

  /// True when it matters whether a piece stands at the beginning of the text.
  var asksForStart: Bool {
    switch self {
    case .metaspace(_, .first, _): true
    case .sequence(let stages): stages.contains { $0.asksForStart }
    default: false
    }
  }
}
