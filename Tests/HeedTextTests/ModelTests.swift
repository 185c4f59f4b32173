import HeedFormats
import HeedText
import Testing

@Suite("models")
struct ModelTests {
  private func bytePair(
    _ vocabulary: [String], _ merges: [String], _ options: String = "",
    preTokenizer: String = "null"
  ) throws -> PipelineTokenizer {
    var tokens = JSONObject()
    for (id, token) in vocabulary.enumerated() { tokens[token] = .integer(id) }
    return try pipeline(
      """
      {"pre_tokenizer": \(preTokenizer),
       "model": {"type": "BPE", "vocab": \(JSONValue.object(tokens).text()),
                 "merges": \(JSONValue.array(merges.map { .string($0) }).text())\(options)}}
      """)
  }

  private func tokens(_ tokenizer: PipelineTokenizer, _ text: String) throws -> [String] {
    let encoding = try tokenizer.encoding(of: text)
    #expect(try tokenizer.encode(text) == encoding.ids)
    return encoding.tokens
  }

  private let byteTokens = (0...255).map { byte in
    "<0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) + ">"
  }

  @Test("merges go by rank, then from the left")
  func rankThenPlace() throws {
    let tokenizer = try bytePair(
      ["a", "b", "c", "ab", "bc", "aa"], ["b c", "a b", "a a"])
    #expect(try tokens(tokenizer, "abc") == ["a", "bc"])
    #expect(try tokens(tokenizer, "abab") == ["ab", "ab"])
    #expect(try tokens(tokenizer, "aaa") == ["aa", "a"])
  }

  @Test("unknown characters are dropped, counted or fused as the options say")
  func unknown() throws {
    #expect(try tokens(bytePair(["a"], []), "axa") == ["a", "a"])
    let single = try bytePair(["a", "<u>"], [], #", "unk_token": "<u>""#)
    #expect(try tokens(single, "xya") == ["<u>", "<u>", "a"])
    let fused = try bytePair(["a", "<u>"], [], #", "unk_token": "<u>", "fuse_unk": true"#)
    #expect(try tokens(fused, "xya") == ["<u>", "a"])
    #expect(try fused.encoding(of: "éya").offsets == [0..<2, 2..<3])
    let absent = try bytePair(["a"], [], #", "unk_token": "<u>""#)
    #expect(throws: TokenizerError.self) { try absent.encode("x") }
  }

  @Test("unknown characters fall back to bytes when all are there")
  func byteFallback() throws {
    let tokenizer = try bytePair(byteTokens + ["a"], [], #", "byte_fallback": true"#)
    #expect(try tokens(tokenizer, "aé") == ["a", "<0xC3>", "<0xA9>"])
    #expect(try tokenizer.encoding(of: "aé").offsets == [0..<1, 1..<2, 1..<2])
  }

  @Test("prefixes and suffixes mark places in a word")
  func affixes() throws {
    let suffixed = try bytePair(
      ["a", "b</w>", "ab</w>", "a</w>"], ["a b</w>"], #", "end_of_word_suffix": "</w>""#,
      preTokenizer: #"{"type": "WhitespaceSplit"}"#)
    #expect(try tokens(suffixed, "ab a") == ["ab</w>", "a</w>"])
    let prefixed = try bytePair(
      ["a", "##b", "ab"], ["a ##b"], ###", "continuing_subword_prefix": "##""###)
    #expect(try tokens(prefixed, "ab") == ["ab"])
  }

  @Test("a whole word wins over the merges where it should")
  func ignoreMerges() throws {
    let vocabulary = ["a", "b", "c", "ab", "abc"]
    #expect(try tokens(bytePair(vocabulary, ["a b"]), "abc") == ["ab", "c"])
    #expect(
      try tokens(bytePair(vocabulary, ["a b"], #", "ignore_merges": true"#), "abc") == ["abc"])
  }

  @Test("long words merge like short ones")
  func longWordsMergeAlike() throws {
    var generator = SteadyGenerator(state: 7)
    var vocabulary = ["a", "b", "c"]
    var merges: [(String, String)] = []
    while vocabulary.count < 60 {
      let left = vocabulary[Int.random(in: 0..<vocabulary.count, using: &generator)]
      let right = vocabulary[Int.random(in: 0..<vocabulary.count, using: &generator)]
      if left.count + right.count > 9 || vocabulary.contains(left + right) { continue }
      merges.append((left, right))
      vocabulary.append(left + right)
    }
    // The plain definition, one merge at a time.
    func slow(_ word: String) -> [String] {
      var word = word.map { String($0) }
      while true {
        var best: (rank: Int, place: Int)?
        for place in word.indices.dropLast() {
          let rank = merges.firstIndex { $0 == word[place] && $1 == word[place + 1] }
          if let rank, rank < best?.rank ?? .max { best = (rank, place) }
        }
        guard let best else { return word }
        word[best.place] += word[best.place + 1]
        word.remove(at: best.place + 1)
      }
    }
    let tokenizer = try bytePair(
      vocabulary, merges.map { "\($0) \($1)" },
      preTokenizer:
        #"{"type": "Split", "pattern": {"String": "."}, "behavior": "Removed", "invert": false}"#)
    for length in [1, 2, 3, 7, 15, 16, 47, 48, 49, 64, 300] {
      let word = String((0..<length).compactMap { _ in "abc".randomElement(using: &generator) })
      // The second and third time from the cache, where the word is short.
      let text = [word, word, word].joined(separator: ".")
      let expected = slow(word)
      #expect(try tokens(tokenizer, text) == expected + expected + expected)
    }
  }

  @Test("a very long word of one letter is done in a moment")
  func longWordOfOneLetter() throws {
    var vocabulary = ["a"]
    var merges: [String] = []
    for _ in 0..<8 {
      merges.append("\(vocabulary[vocabulary.count - 1]) \(vocabulary[vocabulary.count - 1])")
      vocabulary.append(vocabulary[vocabulary.count - 1] + vocabulary[vocabulary.count - 1])
    }
    let tokenizer = try bytePair(vocabulary, merges)
    let ids = try tokenizer.encode(String(repeating: "a", count: 100_000))
    #expect(ids.count == 100_000 / 256 + 2)
    #expect(ids.prefix(3) == [8, 8, 8])
  }

  @Test("merges that go round in circles end")
  func circularMerges() throws {
    let tokenizer = try bytePair(["a", "aa"], ["a a", "a a", "a a"])
    #expect(try tokens(tokenizer, "aaaa") == ["aa", "aa"])
  }

  @Test("byte-level words are bytes, whatever the text")
  func byteLevel() throws {
    let letters = ByteAlphabet.letters.map { String($0) }
    let tokenizer = try bytePair(
      letters + ["Ġa", "Ã©"], ["Ġ a", "Ã ©"],
      preTokenizer: #"{"type": "ByteLevel", "add_prefix_space": true}"#)
    #expect(try tokens(tokenizer, "a é") == ["Ġa", "Ġ", "Ã©"])
    #expect(try tokenizer.encoding(of: "日").offsets == [0..<1, 0..<1, 0..<1, 0..<1])
  }

  @Test("byte-level vocabularies may hold tokens that are no text")
  func invalidTokens() throws {
    let tokenizer = try pipeline(
      """
      {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
       "decoder": {"type": "ByteLevel"},
       "model": {"type": "BPE", "vocab": {"Ã": 0, "ÿ": 1, "日": 2}, "merges": []}}
      """)
    #expect(tokenizer.decode([0, 1, 2]) == "\u{FFFD}\u{FFFD}日")
    #expect(try tokenizer.encode("日") == [])
  }

  @Test("word pieces are the longest from the left")
  func wordPiece() throws {
    let tokenizer = try pipeline(
      """
      {"pre_tokenizer": {"type": "WhitespaceSplit"},
       "model": {"type": "WordPiece", "unk_token": "[U]", "max_input_chars_per_word": 6,
                 "vocab": {"[U]": 0, "un": 1, "##aff": 2, "##able": 3, "##a": 4, "é": 5}}}
      """)
    #expect(try tokens(tokenizer, "una unaff") == ["un", "##a", "un", "##aff"])
    #expect(try tokens(tokenizer, "unx é unaffable") == ["[U]", "é", "[U]"])
    #expect(try tokenizer.encoding(of: "é unaff").offsets == [0..<1, 2..<4, 4..<7])
  }

  @Test("unigram takes the likeliest cut and fuses what is unknown")
  func unigram() throws {
    func tokenizer(_ rest: String, _ more: String = "") throws -> PipelineTokenizer {
      try pipeline(
        """
        {"model": {"type": "Unigram", "unk_id": 0, \(rest)
          "vocab": [["<unk>", 0], ["a", -1], ["b", -2], ["ab", -2.5], ["abc", -9]\(more)]}}
        """)
    }
    let plain = try tokenizer("")
    #expect(try tokens(plain, "abab") == ["ab", "ab"])
    #expect(try tokens(plain, "axyb") == ["a", "xy", "b"])
    #expect(try plain.encode("axyb") == [1, 0, 2])
    #expect(try plain.encode("") == [])
    let bytes = byteTokens.map { ", [\"\($0)\", -20]" }.joined()
    let fallback = try tokenizer(#""byte_fallback": true,"#, bytes)
    #expect(try tokens(fallback, "aé") == ["a", "<0xC3>", "<0xA9>"])
  }

  @Test("vocabularies find every token and nothing else")
  func vocabulary() throws {
    let tokens = (0..<1000).map { "t\($0)" }
    let tokenizer = try wordLevel(tokens)
    for (place, token) in tokens.enumerated() {
      #expect(tokenizer.id(of: token) == place + 1)
      #expect(tokenizer.token(of: place + 1) == token)
    }
    #expect(tokenizer.vocabularySize == 1001)
    #expect(tokenizer.id(of: "t1000") == nil)
    #expect(tokenizer.id(of: "") == nil)
    #expect(tokenizer.token(of: 1001) == nil)
    #expect(tokenizer.token(of: -1) == nil)
    #expect(tokenizer.token(of: .max) == nil)
  }

  @Test("a heap gives its elements in order")
  func heap() {
    var generator = SteadyGenerator(state: 3)
    var heap = MinimumHeap<Int>()
    let numbers = (0..<500).map { _ in Int.random(in: 0..<100, using: &generator) }
    for number in numbers { heap.insert(number) }
    var sorted: [Int] = []
    while let next = heap.removeLeast() { sorted.append(next) }
    #expect(sorted == numbers.sorted())
  }

  @Test("ids alone are those of the whole encoding for any text")
  func bothWaysAgree() throws {
    var generator = SteadyGenerator(state: 11)
    let letters = ByteAlphabet.letters.map { String($0) }
    let stages = [
      #"{"type": "ByteLevel", "add_prefix_space": false}"#,
      #"{"type": "ByteLevel", "add_prefix_space": true}"#,
      #"""
      {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated",
         "invert": false},
        {"type": "Split", "pattern": {"Regex": "\\s+"}, "behavior": "MergedWithNext",
         "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}
      """#,
    ]
    let alphabet = Array("ab c\n1é日😀 '!\u{301}")
    for stage in stages {
      let tokenizer = try bytePair(
        letters + ["Ġa", "ab", "ĠĠ"], ["Ġ a", "a b", "Ġ Ġ"], "", preTokenizer: stage)
      for _ in 0..<50 {
        let text = String(
          (0..<Int.random(in: 0..<40, using: &generator)).map { _ in
            alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
          })
        let encoding = try tokenizer.encoding(of: text)
        #expect(try tokenizer.encode(text) == encoding.ids)
      }
    }
  }
}
