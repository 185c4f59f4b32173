// The first stage: what is done to a text before it is cut. Every normaliser is a value that changes
// an `AlignedText`, which keeps track of where each byte came from.

import HeedFormats

/// How a text is changed before it is cut.
indirect enum Normalizer: Sendable {
  case form(UnicodeNormalForm)
  case lowercase
  /// Marks are dropped.
  case stripAccents
  case strip(left: Bool, right: Bool)
  case replace(TextPattern, with: [UInt8])
  case prepend([UInt8])
  /// SentencePiece's compiled map of characters.
  case characterMap(CharacterMap)
  case bert(cleans: Bool, separatesChinese: Bool, stripsAccents: Bool, lowercases: Bool)
  /// Control characters are dropped, odd spaces become spaces.
  case translation
  /// Bytes are spelled with letters.
  case byteLevel
  case sequence([Normalizer])

  func apply(to text: inout AlignedText) throws(TokenizerError) {
    if text.isEmpty { return }
    switch self {
    case .form(let form):
      if !text.isBelow(form.firstAffected) { text.transform(form.changes(text.scalars)) }
    case .lowercase: Self.lowercase(&text)
    case .stripAccents:
      if !text.isBelow(0x300) { text.filter { !$0.isIn(.mark) } }
    case .strip(let left, let right): Self.strip(&text, left: left, right: right)
    case .replace(let pattern, let content):
      let matches = try pattern.matches(in: text.bytes, range: text.fullRange)
      try Self.check(matches.count.multipliedReportingOverflow(by: content.count), of: text)
      text.replace(matches, with: content)
    case .prepend(let prefix): text.prepend(prefix)
    case .characterMap(let map): map.apply(to: &text)
    case .bert(let cleans, let separatesChinese, let stripsAccents, let lowercases):
      if cleans { Self.clean(&text) }
      if separatesChinese, !text.isBelow(0x800) {
        text.map { scalar, parts in
          if Self.isChinese(scalar.value) {
            parts += [" ", scalar, " "]
          } else {
            parts.append(scalar)
          }
        }
      }
      if stripsAccents, !text.isBelow(0xC0) {
        text.transform(UnicodeNormalForm.canonicalDecomposed.changes(text.scalars))
        text.filter { !$0.isIn(.nonspacingMark) }
      }
      if lowercases { Self.lowercase(&text) }
    case .translation:
      text.filter { !Self.isDroppedForTranslation($0.value) }
      text.map { $1.append(Self.isSpaceForTranslation($0.value) ? " " : $0) }
    case .byteLevel: text.spellBytes()
    case .sequence(let parts):
      for part in parts {
        try part.apply(to: &text)
        try Self.check((text.bytes.count, false), of: text)
      }
    }
  }

  /// Refuses a change that would make a text grow beyond all measure.
  private static func check(
    _ bytes: (partialValue: Int, overflow: Bool), of text: AlignedText
  ) throws(TokenizerError) {
    guard !bytes.overflow, bytes.partialValue <= text.longest else {
      throw TokenizerError("the normalizer makes a text of more than \(text.longest) bytes")
    }
  }

  private static func lowercase(_ text: inout AlignedText) {
    // Nothing changes where no byte is a capital or beyond ASCII.
    if !text.bytes.contains(where: { $0 >= 0x80 || (0x41...0x5A).contains($0) }) { return }
    text.map { scalar, parts in
      if scalar.value < 0x80 {
        let isCapital = (0x41...0x5A).contains(scalar.value)
        parts.append(isCapital ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
      } else {
        parts += scalar.properties.lowercaseMapping.unicodeScalars
      }
    }
  }

  private static func strip(_ text: inout AlignedText, left: Bool, right: Bool) {
    let scalars = Array(text.scalars)
    let first = left ? scalars.firstIndex { !$0.isSpace } ?? scalars.count : 0
    let last = right ? (scalars.lastIndex { !$0.isSpace } ?? -1) + 1 : scalars.count
    if first == 0 && last == scalars.count { return }
    text.transform(
      scalars[first..<max(first, last)].map { ChangedScalar(scalar: $0, change: 0) },
      removed: first)
  }

  /// BERT's cleaning: no control characters, one kind of space.
  private static func clean(_ text: inout AlignedText) {
    if !text.bytes.contains(where: { $0 < 0x20 || $0 >= 0x7F }) { return }
    text.filter { scalar in
      switch scalar.value {
      case 0x09, 0x0A, 0x0D: true
      case 0, 0xFFFD: false
      default: !scalar.isIn([.control, .format, .surrogate, .privateUse])
      }
    }
    text.map { $1.append($0.isSpace ? " " : $0) }
  }

  private static func isChinese(_ value: UInt32) -> Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
      0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }

  private static func isDroppedForTranslation(_ value: UInt32) -> Bool {
    switch value {
    case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: true
    default: false
    }
  }

  private static func isSpaceForTranslation(_ value: UInt32) -> Bool {
    switch value {
    case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
      true
    default: false
    }
  }
}

extension Normalizer {
  /// Reads the member "normalizer" of `tokenizer.json`.
  init(_ fields: JSONFields, depth: Int = 0) throws(FormatError) {
    let type = try fields.requiredString("type")
    if let form = UnicodeNormalForm(rawValue: type) {
      self = .form(form)
      return
    }
    switch type {
    case "Lowercase": self = .lowercase
    case "StripAccents": self = .stripAccents
    case "Strip":
      self = .strip(
        left: try fields.bool("strip_left", default: true),
        right: try fields.bool("strip_right", default: true))
    case "Replace":
      self = .replace(
        try TextPattern(fields), with: Array(try fields.requiredString("content").utf8))
    case "Prepend": self = .prepend(Array(try fields.requiredString("prepend").utf8))
    case "Precompiled":
      let encoded = try fields.string("precompiled_charsmap", default: "")
      guard let bytes = Base64.decode(Array(encoded.utf8)) else {
        throw FormatError(
          .malformed, what: "\"precompiled_charsmap\" is no base64", place: fields.place)
      }
      self = bytes.isEmpty ? .sequence([]) : .characterMap(try CharacterMap(bytes, fields.place))
    case "BertNormalizer":
      let lowercases = try fields.bool("lowercase", default: true)
      self = .bert(
        cleans: try fields.bool("clean_text", default: true),
        separatesChinese: try fields.bool("handle_chinese_chars", default: true),
        stripsAccents: try fields.bool("strip_accents", default: lowercases),
        lowercases: lowercases)
    case "Nmt": self = .translation
    case "ByteLevel": self = .byteLevel
    case "Sequence":
      try fields.checkDepth(depth)
      var parts: [Normalizer] = []
      for part in try fields.array("normalizers") {
        parts.append(try Normalizer(part, depth: depth + 1))
      }
      self = .sequence(parts)
    default: throw fields.unsupported("the normalizer \"\(type)\"")
    }
  }
}

extension JSONFields {
  /// Sequences may hold sequences, but not without end.
  func checkDepth(_ depth: Int) throws(FormatError) {
    guard depth < 16 else {
      throw FormatError(
        .limit, what: "sequences are nested too deeply", place: place, expected: "at most 16 levels"
      )
    }
  }
}

extension TextPattern {
  /// Reads the member "pattern": `{"Regex": ...}` or `{"String": ...}`.
  convenience init(_ fields: JSONFields) throws(FormatError) {
    let pattern = JSONFields(try fields.required("pattern"), place: fields.place)
    if let source = try pattern.string("Regex") {
      try self.init(source, place: fields.place)
    } else if let text = try pattern.string("String") ?? pattern.value.string {
      try self.init(literal: text, place: fields.place)
    } else {
      throw FormatError(
        .malformed, what: "an unknown kind of pattern", place: fields.place,
        expected: #"{"Regex": "..."} or {"String": "..."}"#)
    }
  }
}
