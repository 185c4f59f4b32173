import HeedFormats
import HeedText
import Testing

@Suite("stages of tokenizer.json")
struct PipelineTests {
  @Test(
    "normalizers change the text",
    arguments: [
      (#"{"type": "NFC"}"#, "e\u{301}", "\u{E9}"),
      (#"{"type": "NFKC"}"#, "ﬁ", "fi"),
      (#"{"type": "NFD"}"#, "\u{E9}", "e\u{301}"),
      (#"{"type": "NFKD"}"#, "\u{E9}½", "e\u{301}1\u{2044}2"),
      (#"{"type": "Lowercase"}"#, "ÄÖ aB İ", "äö ab i\u{307}"),
      (#"{"type": "StripAccents"}"#, "e\u{301}a", "ea"),
      (#"{"type": "Strip"}"#, " \n a b\t", "a b"),
      (#"{"type": "Strip", "strip_right": false}"#, " a ", "a "),
      (#"{"type": "Strip"}"#, "   ", ""),
      (#"{"type": "Replace", "pattern": {"String": "a."}, "content": "x"}"#, "a.ab", "xab"),
      (#"{"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}"#, "a   b", "a b"),
      (#"{"type": "Prepend", "prepend": "▁"}"#, "a", "▁a"),
      (#"{"type": "Prepend", "prepend": "▁"}"#, "", ""),
      (#"{"type": "BertNormalizer"}"#, "Héllo\u{0}\t世", "hello  世 "),
      (#"{"type": "BertNormalizer", "lowercase": false}"#, "Hé", "Hé"),
      (#"{"type": "BertNormalizer", "lowercase": false, "strip_accents": true}"#, "Hé", "He"),
      (#"{"type": "Nmt"}"#, "a\u{7}b\u{200B}c\u{85}", "ab c\u{85}"),
      (#"{"type": "ByteLevel"}"#, "a é", "aĠÃ©"),
      (
        #"{"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}"#,
        "\u{E9}", "e"
      ),
    ] as [(String, String, String)])
  func normalizers(_ json: String, _ text: String, _ expected: String) throws {
    let result = try normalized(json, text)
    #expect(Array(result.utf8) == Array(expected.utf8))
  }

  @Test(
    "pre-tokenizers cut the text",
    arguments: [
      (#"{"type": "Whitespace"}"#, "it's a_b !?", ["it", "'", "s", "a_b", "!?"]),
      (#"{"type": "WhitespaceSplit"}"#, " it's  so\n", ["it's", "so"]),
      (#"{"type": "BertPreTokenizer"}"#, "it's so。", ["it", "'", "s", "so", "。"]),
      (#"{"type": "Digits"}"#, "ab12c3", ["ab", "12", "c", "3"]),
      (#"{"type": "Digits", "individual_digits": true}"#, "ab12c", ["ab", "1", "2", "c"]),
      (#"{"type": "Punctuation"}"#, "a.,b", ["a", ".", ",", "b"]),
      (#"{"type": "Punctuation", "behavior": "Contiguous"}"#, "a.,b", ["a", ".,", "b"]),
      (#"{"type": "CharDelimiterSplit", "delimiter": "-"}"#, "a-b--c", ["a", "b", "c"]),
      (#"{"type": "FixedLength", "length": 2}"#, "abécd", ["ab", "éc", "d"]),
      (#"{"type": "Metaspace", "replacement": "▁"}"#, "a b", ["▁a", "▁b"]),
      (
        #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"}"#, "a b",
        ["a", "▁b"]
      ),
      (
        #"{"type": "Metaspace", "replacement": "▁", "add_prefix_space": false, "split": false}"#,
        "a b", ["a▁b"]
      ),
      (#"{"type": "ByteLevel"}"#, "Hi é", ["ĠHi", "ĠÃ©"]),
      (#"{"type": "ByteLevel", "add_prefix_space": false}"#, "a  b", ["a", "Ġ", "Ġb"]),
      (
        #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}"#, "a b",
        ["aĠb"]
      ),
      (
        #"""
        {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
         {"type": "Digits", "individual_digits": true}]}
        """#, "a1 23", ["a", "1", "2", "3"]
      ),
    ] as [(String, String, [String])])
  func preTokenizers(_ json: String, _ text: String, _ expected: [String]) throws {
    #expect(try words(json, text) == expected)
  }

  @Test(
    "a split does with its matches what it says",
    arguments: [
      ("Removed", ["the", "final", "countdown"]),
      ("Isolated", ["the", "-", "final", "-", "-", "countdown"]),
      ("MergedWithPrevious", ["the-", "final-", "-", "countdown"]),
      ("MergedWithNext", ["the", "-final", "-", "-countdown"]),
      ("Contiguous", ["the", "-", "final", "--", "countdown"]),
    ])
  func splits(_ behavior: String, _ expected: [String]) throws {
    let json = """
      {"type": "Split", "pattern": {"String": "-"}, "behavior": "\(behavior)", "invert": false}
      """
    #expect(try words(json, "the-final--countdown") == expected)
  }

  @Test("an inverted split keeps what matches")
  func invertedSplit() throws {
    let json =
      #"{"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Removed", "invert": true}"#
    #expect(try words(json, "ab, cd!") == ["ab", "cd"])
  }

  @Test("a mark is put before the first words of a text only")
  func metaspaceFirst() throws {
    let tokenizer = try wordLevel(
      ["▁a", "b", "<x>"],
      preTokenizer: #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}"#,
      added: #"[{"id": 3, "content": "<x>", "special": true}]"#)
    #expect(try tokenizer.encode("a<x>b") == [1, 3, 2])
    #expect(try tokenizer.encoding(of: "a<x>b").ids == [1, 3, 2])
  }

  @Test(
    "decoders make text of tokens",
    arguments: [
      (#"{"type": "ByteLevel"}"#, ["aĠ", "Ã", "©", "<日>"], "a é<日>"),
      (#"{"type": "ByteLevel"}"#, ["Ã"], "\u{FFFD}"),
      (
        #"{"type": "ByteFallback"}"#, ["a", "<0xC3>", "<0xa9>", "<0xFF>"],
        "a\u{FFFD}\u{FFFD}\u{FFFD}"
      ),
      (#"{"type": "ByteFallback"}"#, ["<0xC3>", "<0xA9>", "b"], "éb"),
      (#"{"type": "Strip", "content": " ", "start": 1, "stop": 0}"#, ["  a "], " a "),
      (#"{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}"#, ["▁a▁"], " a "),
      (#"{"type": "Metaspace", "replacement": "▁"}"#, ["▁a", "▁b"], "a b"),
      (
        #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"}"#, ["▁a", "▁b"],
        " a b"
      ),
      (#"{"type": "WordPiece"}"#, ["do", "##n", "'", "t", "!"], "don ' t!"),
      (#"{"type": "WordPiece", "cleanup": false}"#, ["a", "!"], "a !"),
      (#"{"type": "BPEDecoder"}"#, ["a", "b</w>", "c</w>"], "ab c"),
      (#"{"type": "CTC"}"#, ["a", "a", "<pad>", "a", "|", "b"], "aa b"),
      (
        #"{"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}"#,
        ["a", "<0x41>"], "aA"
      ),
    ] as [(String, [String], String)])
  func decoders(_ json: String, _ tokens: [String], _ expected: String) throws {
    #expect(try decoded(json, tokens) == expected)
  }

  @Test("without a decoder tokens are joined with spaces")
  func noDecoder() throws {
    let tokenizer = try wordLevel(["a", "b"], preTokenizer: #"{"type": "WhitespaceSplit"}"#)
    #expect(tokenizer.decode([1, 2, 99, -5, 0]) == "a b [UNK]")
  }

  @Test("templates put tokens around texts and give types")
  func templates() throws {
    let tokenizer = try wordLevel(
      ["a", "b", "[S]"], preTokenizer: #"{"type": "WhitespaceSplit"}"#,
      postProcessor: """
        {"type": "TemplateProcessing",
         "single": [{"SpecialToken": {"id": "[S]", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "B", "type_id": 1}},
                  {"SpecialToken": {"id": "[S]", "type_id": 2}},
                  {"Sequence": {"id": "A", "type_id": 3}}],
         "special_tokens": {"[S]": {"id": "[S]", "ids": [3, 3], "tokens": ["[S]", "[S]"]}}}
        """)
    #expect(try tokenizer.encode("a b") == [3, 3, 1, 2])
    #expect(try tokenizer.encode("a b", addingSpecialTokens: false) == [1, 2])
    let pair = try tokenizer.encoding(of: "a", and: "b", addingSpecialTokens: true)
    #expect(pair.ids == [2, 3, 3, 1])
    #expect(pair.typeIDs == [1, 2, 2, 3])
    #expect(pair.sequences == [1, nil, nil, 0])
    #expect(pair.specialTokensMask == [0, 1, 1, 0])
    #expect(pair.offsets == [0..<1, 0..<0, 0..<0, 0..<1])
  }

  @Test("BERT's and RoBERTa's frames")
  func frames() throws {
    func tokenizer(_ type: String) throws -> PipelineTokenizer {
      try wordLevel(
        ["a", "b", "[C]", "[S]"], preTokenizer: #"{"type": "WhitespaceSplit"}"#,
        postProcessor: #"{"type": "\#(type)", "cls": ["[C]", 3], "sep": ["[S]", 4]}"#)
    }
    let bert = try tokenizer("BertProcessing").encoding(
      of: "a", and: "b", addingSpecialTokens: true)
    #expect(bert.ids == [3, 1, 4, 2, 4])
    #expect(bert.typeIDs == [0, 0, 0, 1, 1])
    let roberta = try tokenizer("RobertaProcessing").encoding(
      of: "a", and: "b", addingSpecialTokens: true)
    #expect(roberta.ids == [3, 1, 4, 4, 2, 4])
    #expect(roberta.typeIDs == [0, 0, 0, 0, 0, 0])
  }

  @Test("offsets count code points and survive what was removed")
  func offsets() throws {
    let tokenizer = try wordLevel(
      ["e", "😀"], preTokenizer: #"{"type": "BertPreTokenizer"}"#,
      normalizer: #"{"type": "BertNormalizer"}"#)
    let encoding = try tokenizer.encoding(of: "\u{0}É 😀 é")
    #expect(encoding.ids == [1, 2, 1])
    #expect(encoding.offsets == [1..<2, 3..<4, 5..<6])
    #expect(encoding.words == [0, 1, 2])
  }

  @Test("white space that is a token of its own is not counted again when another has taken it")
  func strippedTokens() throws {
    let tokenizer = try wordLevel(
      ["a", "<r>", "\n", "  "], preTokenizer: #"{"type": "WhitespaceSplit"}"#,
      added: #"""
        [{"id": 2, "content": "<r>", "rstrip": true, "special": true},
         {"id": 3, "content": "\n", "lstrip": true, "rstrip": true, "special": true},
         {"id": 4, "content": "  ", "lstrip": true, "special": true}]
        """#)
    #expect(try tokenizer.encode("a\n\n\na") == [1, 3, 1])
    #expect(try tokenizer.encode("<r>    a") == [2, 1])
    #expect(try tokenizer.encode("a    a") == [1, 4, 4, 1])
    #expect(try tokenizer.encoding(of: "<r>  \n\na").words == [0, 1])
  }

  @Test("of added tokens that normalisation makes one the first is found")
  func equalAddedTokens() throws {
    let tokenizer = try wordLevel(
      ["É", "é"], normalizer: #"{"type": "Lowercase"}"#,
      added: """
        [{"id": 1, "content": "É", "normalized": true},
         {"id": 2, "content": "é", "normalized": true, "special": true}]
        """)
    #expect(try tokenizer.encode("é") == [1])
  }

  @Test("joiners belong to the words of the pre-tokenizer of white space, not to those of patterns")
  func joiners() throws {
    let text = "a\u{200D}b 𐅰²"
    #expect(try words(#"{"type": "Whitespace"}"#, text) == ["a\u{200D}b", "𐅰", "²"])
    let pattern = #"{"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "\\w+"}}"#
    #expect(try words(pattern, text) == ["a", "\u{200D}", "b", " ", "𐅰²"])
  }

  @Test("added tokens keep to their flags")
  func addedTokens() throws {
    let tokenizer = try wordLevel(
      ["a", "word", "<l>", "<r>", "NORM"], preTokenizer: #"{"type": "WhitespaceSplit"}"#,
      normalizer: #"{"type": "Lowercase"}"#,
      added: """
        [{"id": 2, "content": "word", "single_word": true},
         {"id": 3, "content": "<l>", "lstrip": true, "special": true},
         {"id": 4, "content": "<r>", "rstrip": true, "special": true},
         {"id": 5, "content": "NORM", "normalized": true}]
        """)
    #expect(try tokenizer.encode("a word words norm Norm") == [1, 2, 0, 5, 5])
    let encoding = try tokenizer.encoding(of: "a  <l><r> a")
    #expect(encoding.ids == [1, 3, 4, 1])
    #expect(encoding.tokens == ["a", "  <l>", "<r> ", "a"])
    #expect(tokenizer.decode([1, 3, 5], skippingSpecialTokens: true) == "a norm")
    #expect(tokenizer.tokenCount == 6)
    #expect(tokenizer.id(of: "<l>") == 3)
    #expect(tokenizer.token(of: 3) == "<l>")
  }

  @Test(
    "what is not understood is refused by name",
    arguments: [
      "{}", "[]", #"{"model": {"type": "BPE"}}"#, #"{"model": {"type": "Magic", "vocab": {}}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {"a": -1}}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {"a": 99999999999}}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {"a": 1.5}}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {"a": "b"}}}"#,
      #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}"#,
      #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}}"#,
      #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]}}"#,
      #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}}"#,
      #"{"model": {"type": "Unigram", "vocab": [["a"]]}}"#,
      #"{"model": {"type": "Unigram", "vocab": [["a", -1]], "unk_id": 7}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {}}, "normalizer": {"type": "Odd"}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {}}, "normalizer": {}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {}}, "pre_tokenizer": {"type": "Odd"}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {}}, "decoder": {"type": "Odd"}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {}}, "post_processor": {"type": "Odd"}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {}}, "added_tokens": [{"content": "a"}]}"#,
      #"{"model": {"type": "WordLevel", "vocab": {}}, "added_tokens": [{"id": -1, "content": "a"}]}"#,
      #"""
      {"model": {"type": "WordLevel", "vocab": {}},
       "normalizer": {"type": "Replace", "pattern": {"Regex": "("}, "content": ""}}
      """#,
      #"""
      {"model": {"type": "WordLevel", "vocab": {}},
       "normalizer": {"type": "Precompiled", "precompiled_charsmap": "????"}}
      """#,
      #"""
      {"model": {"type": "WordLevel", "vocab": {}},
       "normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////wAAAAA="}}
      """#,
      #"""
      {"model": {"type": "WordLevel", "vocab": {}}, "post_processor": {"type": "TemplateProcessing",
       "single": [{"SpecialToken": {"id": "x", "type_id": 0}}], "pair": [], "special_tokens": {}}}
      """#,
      #"{"model": {"type": "WordLevel", "vocab": {}}, "padding": {"strategy": {"Fixed": -4}}}"#,
      #"{"model": {"type": "WordLevel", "vocab": {"a": 0"#,
    ])
  func refusals(_ json: String) {
    #expect(throws: FormatError.self) { try pipeline(json) }
  }

  @Test("sequences in sequences end with an error, not with the stack")
  func deepSequences() {
    var json = #"{"type": "NFC"}"#
    for _ in 0..<40 { json = #"{"type": "Sequence", "normalizers": [\#(json)]}"# }
    #expect(throws: FormatError.self) { try wordLevel([], normalizer: json) }
  }

  @Test("what the vocabulary cannot say is an error of the text")
  func unknownWithoutToken() throws {
    let tokenizer = try pipeline(
      #"{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"}}"#)
    #expect(try tokenizer.encode("a") == [0])
    #expect(throws: TokenizerError.self) { try tokenizer.encode("b") }
    #expect(throws: TokenizerError.self) { try tokenizer.encoding(of: "b") }
  }
}
