import Foundation
import HeedFormats
import HeedText
import Testing

@Suite("tokenizers in files")
struct FilesTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private let vocabulary: String = {
    var tokens = JSONObject()
    for (id, letter) in ByteAlphabet.letters.enumerated() { tokens[String(letter)] = .integer(id) }
    tokens["ab"] = .integer(256)
    tokens["<|endoftext|>"] = .integer(257)
    return JSONValue.object(tokens).text()
  }()

  @Test("characters, pipelines, pairs of files and word lists are told apart")
  func folders() throws {
    try withFolder(["tokenizer.json": bytes(#"{"type": "characters", "characters": "abc"}"#)]) {
      (path: String) throws in
      #expect(try TokenizerFolder.tokenizer(at: path).encode("cab") == [2, 0, 1])
      #expect(try TokenizerFolder.tokenizer(at: path + "/tokenizer.json").vocabularySize == 3)
    }
    try withFolder([
      "vocab.json": bytes(vocabulary), "merges.txt": bytes("#version: 0.2\na b\n"),
      "tokenizer_config.json": bytes(#"{"eos_token": {"content": "<|endoftext|>"}}"#),
    ]) { (path: String) throws in
      let tokenizer = try TokenizerFolder.tokenizer(at: path)
      #expect(try tokenizer.encode("ab<|endoftext|>") == [256, 257])
      #expect(tokenizer.specialTokens.end == 257)
      #expect(tokenizer.decode([256, 257], skippingSpecialTokens: true) == "ab")
    }
    try withFolder(["vocab.txt": bytes("[PAD]\n[UNK]\n[CLS]\n[SEP]\nhi\n##s\n")]) {
      (path: String) throws in
      let tokenizer = try TokenizerFolder.tokenizer(at: path)
      #expect(try tokenizer.encode("His x") == [2, 4, 5, 1, 3])
      #expect(tokenizer.decode([2, 4, 5, 3], skippingSpecialTokens: true) == "his")
    }
  }

  @Test("Marian's three files make one tokenizer")
  func marian() throws {
    let pieces: [(String, Float, UInt64)] = [
      ("<unk>", 0, 2), ("▁a", -1, 1), ("b", -1, 1), ("▁", -3, 1), ("a", -3, 1),
    ]
    let model = Protobuf.model(pieces, type: 1)
    try withFolder([
      "source.spm": model, "target.spm": model,
      "vocab.json": bytes(#"{"</s>": 0, "<unk>": 1, "▁a": 2, "b": 3, ">>fr<<": 4, "<pad>": 5}"#),
    ]) { (path: String) throws in
      let tokenizer = try TokenizerFolder.tokenizer(at: path)
      #expect(try tokenizer.encode("ab") == [2, 3, 0])
      #expect(try tokenizer.encode(">>fr<< ab") == [4, 2, 3, 0])
      #expect(try tokenizer.encode("a</s>x") == [2, 0, 1, 1, 0])
      #expect(tokenizer.decode([2, 3, 0, 5], skippingSpecialTokens: true) == "ab")
      #expect(throws: TokenizerError.self) {
        try tokenizer.encoding(of: "a", and: "b", addingSpecialTokens: true)
      }
      let marian = try #require(tokenizer as? MarianTokenizer)
      #expect(try marian.encodeTarget("ab") == [2, 3, 0])
    }
  }

  @Test("tiktoken merges what is together a token, the least rank first")
  func tiktoken() throws {
    let tokens = ["a", "b", " ", "bc", "c", "ab", "abc", "\u{E9}"]
    let lines = tokens.enumerated().map { rank, token in
      "\(Data(token.utf8).base64EncodedString()) \(rank)"
    }
    let tokenizer = try PipelineTokenizer(
      tiktoken: bytes(lines.joined(separator: "\n")), pattern: #" ?\S+"#,
      added: [AddedToken(id: 9, content: "<|x|>", isSpecial: true)], place: "test")
    #expect(try tokenizer.encode("abcb<|x|>é") == [6, 1, 9, 7])
    #expect(try tokenizer.encode("abb") == [5, 1])
    #expect(tokenizer.decode([6, 1, 9, 7]) == "abcb<|x|>é")
    #expect(tokenizer.decode([6, 9], skippingSpecialTokens: true) == "abc")
    try withFolder(["my-cl100k.tiktoken": bytes("YQ== 0\n = 1\n")]) { (path: String) throws in
      #expect(try TokenizerFolder.tokenizer(at: path).encode("aa") == [0, 0])
    }
    for broken in ["", "\n", "YQ==", "YQ== x", "YQ== 0 1", "?? 0", "YQ== -1"] where broken != "YQ=="
    {
      #expect(throws: FormatError.self) {
        try PipelineTokenizer(tiktoken: bytes(broken), pattern: ".", place: "test")
      }
    }
  }

  /// A `tok.bin` of llama2.c.
  private func llamaFile(_ tokens: [(String, Float)]) -> [UInt8] {
    func word(_ value: UInt32) -> [UInt8] {
      (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32($0 * 8)) }
    }
    return word(9)
      + tokens.flatMap { word($0.1.bitPattern) + word(UInt32($0.0.utf8.count)) + bytes($0.0) }
  }

  @Test("llama2.c's tokenizer merges by score and falls back to bytes")
  func llama() throws {
    var tokens: [(String, Float)] = [("<unk>", 0), ("\n<s>\n", 0), ("\n</s>\n", 0)]
    for byte in 0...255 {
      tokens.append(
        ("<0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) + ">", 0))
    }
    tokens += [(" ", -9), ("a", -8), ("b", -7), (" a", -1), ("ab", -2)]
    try withFolder(["tok8.bin": llamaFile(tokens)]) { (path: String) throws in
      let tokenizer = try TokenizerFolder.tokenizer(at: path)
      #expect(try tokenizer.encode("ab") == [1, 262, 261])
      #expect(try tokenizer.encode("é") == [1, 259, 3 + 0xC3, 3 + 0xA9])
      #expect(tokenizer.decode([1, 262, 261, 3 + 0xC3, 3 + 0xA9]) == "abé")
    }
    let good = llamaFile(tokens)
    for length in [0, 3, 12, 13, 40, good.count - 1] {
      try withFolder(["tok8.bin": Array(good[..<length])]) { folder in
        #expect(throws: FormatError.self) { try TokenizerFolder.tokenizer(at: folder) }
      }
    }
    try withFolder(["tok8.bin": [9, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 97]]) { folder in
      #expect(throws: FormatError.self) { try TokenizerFolder.tokenizer(at: folder) }
    }
  }

  @Test("a SentencePiece model takes its frame from the configuration")
  func sentencePieceFolder() throws {
    let pieces: [(String, Float, UInt64)] = [
      ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("▁a", -1, 1),
    ]
    let model = Protobuf.model(pieces, type: 1)
    try withFolder([
      "tokenizer.model": model, "tokenizer_config.json": bytes(#"{"add_eos_token": true}"#),
    ]) { (path: String) throws in
      #expect(try TokenizerFolder.tokenizer(at: path).encode("a") == [3, 2])
    }
    try withFolder([
      "tokenizer.model": model,
      "tokenizer_config.json": bytes(#"{"tokenizer_class": "LlamaTokenizerFast"}"#),
    ]) { (path: String) throws in
      let tokenizer = try TokenizerFolder.tokenizer(at: path)
      #expect(try tokenizer.encode("a") == [1, 3])
      #expect(try tokenizer.encode("a", addingSpecialTokens: false) == [3])
      #expect(try tokenizer.encoding(of: "a").specialTokensMask == [1, 0])
    }
  }

  @Test("spaces before punctuation are taken out where the configuration says so")
  func cleaning() throws {
    let json = """
      {"model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, ".": 1}}}
      """
    try withFolder(["tokenizer.json": bytes(json)]) { (path: String) throws in
      #expect(try TokenizerFolder.tokenizer(at: path).decode([0, 1]) == "a .")
    }
    try withFolder([
      "tokenizer.json": bytes(json),
      "tokenizer_config.json": bytes(#"{"clean_up_tokenization_spaces": true}"#),
    ]) { (path: String) throws in
      #expect(try TokenizerFolder.tokenizer(at: path).decode([0, 1]) == "a.")
    }
    // Spaces of byte pairs are the text's own.
    let pairs = """
      {"model": {"type": "BPE", "vocab": {"a": 0, "Ġ": 1, ".": 2, "Ġ.": 3}, "merges": ["Ġ ."]},
       "pre_tokenizer": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"}}
      """
    try withFolder([
      "tokenizer.json": bytes(pairs),
      "tokenizer_config.json": bytes(#"{"clean_up_tokenization_spaces": true}"#),
    ]) { (path: String) throws in
      #expect(try TokenizerFolder.tokenizer(at: path).decode([0, 3]) == "a .")
    }
  }

  @Test("what is absent, cut short or of no known kind is refused")
  func refusals() throws {
    let cases: [[String: [UInt8]]] = [
      [:], ["notes.txt": bytes("a")], ["tokenizer.json": bytes(#"{"model": {"#)],
      ["tokenizer.json": bytes(#"{"type": "characters", "characters": "aa"}"#)],
      ["tokenizer.json": []], ["tokenizer.model": []],
      ["vocab.json": bytes("[]"), "merges.txt": bytes("")],
      ["vocab.json": bytes(#"{"a": 0}"#), "merges.txt": bytes("a b c\n")],
      ["vocab.json": bytes(#"{"a": 0}"#), "merges.txt": bytes("a b\n")],
      ["vocab.txt": bytes("a\nb\n")], ["odd.tiktoken": bytes("YQ== 0")],
    ]
    for files in cases {
      try withFolder(files) { folder in
        #expect(throws: FormatError.self) { try TokenizerFolder.tokenizer(at: folder) }
      }
    }
    #expect(throws: FormatError.self) { try TokenizerFolder.tokenizer(at: "/no/such/folder") }
  }
}
