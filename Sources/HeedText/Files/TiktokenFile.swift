// tiktoken keeps a vocabulary as lines of a token in base64 and its rank; the pattern that cuts texts
// stands in its source code, so it is chosen by the name of the file here.

public import HeedFormats

enum TiktokenFile {
  /// `(token, rank)` of each line.
  static func tokens(
    _ bytes: [UInt8], place: String
  ) throws(FormatError) -> [(token: [UInt8], id: Int)] {
    var tokens: [(token: [UInt8], id: Int)] = []
    for (number, line) in bytes.split(separator: 0x0A).enumerated() {
      let parts = line.split(separator: 0x20)
      if parts.isEmpty { continue }
      guard (1...2).contains(parts.count), let token = Base64.decode(parts[0]),
        let rank = parts.count == 2
          ? Int(String(decoding: parts[1].filter { $0 != 0x0D }, as: UTF8.self)) : number,
        !token.isEmpty || parts.count == 2
      else {
        throw FormatError(
          .malformed, what: "line \(number + 1)", place: place,
          expected: "a token in base64 and its rank")
      }
      if !token.isEmpty { tokens.append((token, rank)) }
    }
    guard !tokens.isEmpty else {
      throw FormatError(
        .malformed, what: "no tokens", place: place, expected: "lines of a token and its rank")
    }
    return tokens
  }

  /// The patterns of published vocabularies.
  enum Pattern {
    static let gpt2 =
      #"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"#
    static let cl100k =
      #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|"#
      + #"\s++$|\s*[\r\n]|\s+(?!\S)|\s"#
    static let llama3 =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"#
      + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    static let qwen =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"#
      + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    static let o200k =
      #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"#
      + #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"#
      + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"#
      + #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"#
      + #"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// The pattern of the vocabulary that a file is named after.
    static func of(file name: String) -> String? {
      if name.contains("o200k") { return o200k }
      if name.contains("cl100k") { return cl100k }
      if name.contains("qwen") { return qwen }
      if name == "tokenizer.model" { return llama3 }
      for known in ["gpt2", "r50k", "p50k", "multilingual"] where name.contains(known) {
        return gpt2
      }
      return nil
    }
  }
}

extension PipelineTokenizer {
  /// A tokenizer of a tiktoken file: tokens with their ranks, and the pattern that cuts texts.
  ///
  /// - Throws: `FormatError` for a broken line or pattern.
  public init(
    tiktoken bytes: [UInt8], pattern: String, added: [AddedToken] = [], place: String
  ) throws(FormatError) {
    let model = try BytePairModel(ranked: TiktokenFile.tokens(bytes, place: place), place: place)
    let cutter = try TextPattern(pattern, place: place, options: .tiktoken)
    do {
      try self.init(
        added: added, normalizer: nil,
        preTokenizer: .sequence([
          .split(cutter, .isolated, isInverted: false),
          .byteLevel(addsSpace: false, pattern: nil),
        ]), model: .bytePair(model), postProcessor: nil, decoder: .byteLevel)
    } catch {
      throw FormatError(.malformed, what: error.description, place: place)
    }
  }
}
