import HeedFormats

// How a byte-level vocabulary of a GGUF file cuts texts: the file gives a name, and the patterns are
// known by it.

/// A named way to cut texts before byte pairs are merged.
struct GGUFPreTokenizer {
  /// The names that files give it, the usual one first.
  let names: [String]
  /// Patterns that cut one after the other.
  let patterns: [String]
  /// A word that is a token as it stands is not merged from its bytes.
  var ignoresMerges = false

  private static let words =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"#

  /// All that are known.
  static let all = [
    GGUFPreTokenizer(
      names: ["gpt-2", "phi-2", "mpt", "olmo", "roberta-bpe", "jina-es", "jina-de", "gigachat"],
      patterns: [words]),
    GGUFPreTokenizer(
      names: ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"],
      patterns: [TiktokenFile.Pattern.llama3], ignoresMerges: true),
    GGUFPreTokenizer(names: ["dbrx", "smaug-bpe"], patterns: [TiktokenFile.Pattern.llama3]),
    GGUFPreTokenizer(
      names: ["qwen2", "stablelm2", "deepseek-r1-qwen"], patterns: [TiktokenFile.Pattern.qwen]),
    GGUFPreTokenizer(names: ["gpt-4o", "llama4"], patterns: [TiktokenFile.Pattern.o200k]),
    GGUFPreTokenizer(
      names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"],
      patterns: [#"\p{N}"#, words]),
    GGUFPreTokenizer(
      names: ["deepseek-v3"],
      patterns: [
        #"\p{N}{1,3}"#, "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+",
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"##
          + #" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
      ]),
    // What older files, which give no name, are read with.
    GGUFPreTokenizer(
      names: ["default"],
      patterns: [#"[\p{P}\$\+<=>\^~\|]+"#, words, #"\p{N}+"#, "[0-9][0-9][0-9]"]),
  ]

  /// The one of a name.
  static func named(_ name: String) -> GGUFPreTokenizer? {
    all.first { $0.names.contains(name) }
  }

  /// The one that cuts as the pre-tokenizer of a `tokenizer.json` does.
  init?(_ stage: JSONValue) {
    var patterns: [String] = []
    var stages = stage["pretokenizers"]?.array ?? [stage]
    guard let last = stages.popLast(), last["type"]?.string == "ByteLevel",
      last["add_prefix_space"]?.bool != true
    else { return nil }
    for stage in stages {
      switch stage["type"]?.string {
      case "Split":
        guard let pattern = stage["pattern"]?["Regex"]?.string,
          stage["behavior"]?.string == "Isolated", stage["invert"]?.bool != true
        else { return nil }
        patterns.append(pattern)
      case "Digits" where stage["individual_digits"]?.bool == true: patterns.append(#"\p{N}"#)
      default: return nil
      }
    }
    if last["use_regex"]?.bool != false { patterns.append(Self.words) }
    // Spaces at the end of a text are one word with and without a pattern of their own.
    func plain(_ patterns: [String]) -> [String] {
      patterns.map { $0.hasSuffix(#"|\s+"#) ? String($0.dropLast(4)) : $0 }
    }
    guard let known = Self.all.first(where: { plain($0.patterns) == plain(patterns) }) else {
      return nil
    }
    self = known
  }

  private init(names: [String], patterns: [String], ignoresMerges: Bool = false) {
    self.names = names
    self.patterns = patterns
    self.ignoresMerges = ignoresMerges
  }

  /// As a stage of a `tokenizer.json`.
  var json: JSONValue {
    let splits = patterns.map { pattern -> JSONValue in
      [
        "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
        "invert": false,
      ]
    }
    let bytes: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false]
    return ["type": "Sequence", "pretokenizers": .array(splits + [bytes])]
  }
}
