// Back from tokens to text. A decoder turns a list of token texts into another list; what is left at
// the end is joined. Texts are bytes here, because a token may hold a part of a character.

import HeedFormats

/// How tokens become text again.
indirect enum Decoder: Sendable {
  case byteLevel
  /// `<0x0A>` becomes a byte; runs of bytes that are no text become U+FFFD, one for each.
  case byteFallback
  case fuse
  case strip(Unicode.Scalar, start: Int, stop: Int)
  case replace(TextPattern, with: [UInt8])
  case metaspace(replacement: Unicode.Scalar, dropsFirst: Bool)
  case wordPiece(prefix: [UInt8], cleans: Bool)
  case bytePair(suffix: [UInt8])
  case ctc(padding: [UInt8], delimiter: [UInt8], cleans: Bool)
  case sequence([Decoder])

  func apply(to tokens: [[UInt8]]) throws(TokenizerError) -> [[UInt8]] {
    switch self {
    case .byteLevel: return [Self.repaired(tokens.flatMap(Self.bytes(ofSpelled:)))]
    case .byteFallback: return Self.fallback(tokens)
    case .fuse: return [Array(tokens.joined())]
    case .strip(let scalar, let start, let stop):
      return tokens.map { Self.strip($0, scalar, start: start, stop: stop) }
    case .replace(let pattern, let content):
      var result: [[UInt8]] = []
      for token in tokens {
        let matches = try pattern.matches(in: token, range: 0..<token.count)
        if matches.isEmpty {
          result.append(token)
          continue
        }
        var replaced: [UInt8] = []
        for part in PreTokenizer.parts(matches, of: 0..<token.count) {
          replaced += part.isMatch ? content[...] : token[part.range]
        }
        result.append(replaced)
      }
      return result
    case .metaspace(let replacement, let dropsFirst):
      var mark: [UInt8] = []
      mark.append(replacement)
      return tokens.enumerated().map { place, token in
        token.replacing(mark, with: place == 0 && dropsFirst ? [] : [0x20])
      }
    case .wordPiece(let prefix, let cleans):
      return tokens.enumerated().map { place, token in
        var text = token
        if place > 0 {
          text =
            token.starts(with: prefix) ? Array(token.dropFirst(prefix.count)) : [0x20] + token
        }
        return cleans ? Self.cleaned(text) : text
      }
    case .bytePair(let suffix):
      return tokens.enumerated().map { place, token in
        token.replacing(suffix, with: place == tokens.count - 1 ? [] : [0x20])
      }
    case .ctc(let padding, let delimiter, let cleans):
      var result: [[UInt8]] = []
      var previous: [UInt8]?
      for token in tokens where token != previous {
        previous = token
        var text = token.replacing(padding, with: [])
        if cleans { text = Self.cleaned(text).replacing(delimiter, with: [0x20]) }
        if !text.isEmpty { result.append(text) }
      }
      return result
    case .sequence(let parts):
      var tokens = tokens
      for part in parts { tokens = try part.apply(to: tokens) }
      return tokens
    }
  }

  /// The bytes that a token's letters stand for; the token's own when it has other characters.
  static func bytes(ofSpelled token: [UInt8]) -> [UInt8] {
    ByteAlphabet.bytes(of: String(decoding: token, as: UTF8.self)) ?? token
  }

  /// Text with U+FFFD where the bytes were none.
  private static func repaired(_ bytes: [UInt8]) -> [UInt8] {
    Array(String(decoding: bytes, as: UTF8.self).utf8)
  }

  private static func fallback(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var waiting: [UInt8] = []
    func flush() {
      if waiting.isEmpty { return }
      if String(validating: waiting, as: UTF8.self) != nil {
        result.append(waiting)
      } else {
        for _ in waiting { result.append(Array("\u{FFFD}".utf8)) }
      }
      waiting = []
    }
    for token in tokens {
      if let byte = ByteToken.byte(of: token) {
        waiting.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }

  private static func strip(
    _ token: [UInt8], _ scalar: Unicode.Scalar, start: Int, stop: Int
  ) -> [UInt8] {
    var mark: [UInt8] = []
    mark.append(scalar)
    var text = token[...]
    for _ in 0..<start {
      guard text.starts(with: mark) else { break }
      text = text.dropFirst(mark.count)
    }
    for _ in 0..<stop {
      guard text.suffix(mark.count).elementsEqual(mark) else { break }
      text = text.dropLast(mark.count)
    }
    return Array(text)
  }

  private static let repairs: [(String, String)] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
    (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ]

  /// Text without the spaces that word pieces leave before English punctuation.
  ///
  /// - Parameter contracts: "do not" becomes "don't", as the decoders of `tokenizer.json` do, but not
  ///   the cleaning that `tokenizer_config.json` asks for.
  static func cleaned(_ text: [UInt8], contracts: Bool = true) -> [UInt8] {
    if !text.contains(0x20) { return text }
    var text = text
    for (old, new) in repairs where contracts || new != " don't" {
      text = text.replacing(Array(old.utf8), with: Array(new.utf8))
    }
    return text
  }
}

extension Decoder {
  /// Reads the member "decoder" of `tokenizer.json`.
  init(_ fields: JSONFields, depth: Int = 0) throws(FormatError) {
    switch try fields.requiredString("type") {
    case "ByteLevel": self = .byteLevel
    case "ByteFallback": self = .byteFallback
    case "Fuse": self = .fuse
    case "Strip":
      self = .strip(
        try fields.scalar("content"), start: try fields.count("start", most: 1 << 20) ?? 0,
        stop: try fields.count("stop", most: 1 << 20) ?? 0)
    case "Replace":
      self = .replace(
        try TextPattern(fields), with: Array(try fields.requiredString("content").utf8))
    case "Metaspace":
      let scheme = try fields.string("prepend_scheme", default: "always")
      let addsSpace = try fields.bool("add_prefix_space", default: true)
      self = .metaspace(
        replacement: try fields.scalar("replacement"), dropsFirst: scheme != "never" && addsSpace)
    case "WordPiece":
      self = .wordPiece(
        prefix: Array(try fields.string("prefix", default: "##").utf8),
        cleans: try fields.bool("cleanup", default: true))
    case "BPEDecoder":
      self = .bytePair(suffix: Array(try fields.string("suffix", default: "</w>").utf8))
    case "CTC":
      self = .ctc(
        padding: Array(try fields.string("pad_token", default: "<pad>").utf8),
        delimiter: Array(try fields.string("word_delimiter_token", default: "|").utf8),
        cleans: try fields.bool("cleanup", default: true))
    case "Sequence":
      try fields.checkDepth(depth)
      var parts: [Decoder] = []
      for part in try fields.array("decoders") {
        parts.append(try Decoder(part, depth: depth + 1))
      }
      self = .sequence(parts)
    case let type: throw fields.unsupported("the decoder \"\(type)\"")
    }
  }
}
