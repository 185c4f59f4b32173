import Foundation
import HeedFormats
import HeedText
import Testing

/// SentencePiece models on their way through GGUF files and into `tokenizer.json`.
@Suite("SentencePiece models in other files")
struct GGUFSentencePieceTests {
  private typealias Members = [(key: String, value: GGUFValue)]

  private let bytes: [(String, Float, UInt64)] = (0...255).map { byte in
    (String(format: "<0x%02X>", byte), 0, 6)
  }
  private let frame: [(String, Float, UInt64)] = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)]

  /// Every letter, and some pieces of several.
  private func pieces(_ words: [String]) -> [(String, Float, UInt64)] {
    let letters = "▁abcdefghijklmnopqrstuvwxyz.,".map { String($0) }
    return (words + letters).enumerated().map { ($1, -1 - Float($0) / 4, 1) }
  }

  private let words = [
    "▁t", "he", "▁the", "in", "▁a", "re", "on", "▁s", "▁c", "at", "er", "▁b", "▁w",
  ]
  private let texts = [
    "", " ", "the rain, the cats and the other   things.", "  on her  ", "日本 é\n\tends\n", "a😀b",
    "thethe▁the", "tear <sym>on<sym> s",
  ]

  private func inGGUF(_ folder: String, _ body: (GGUFFile) throws -> Void) throws {
    let (members, missing) = try GGUFTokenizer.metadata(ofFolder: folder)
    #expect(missing == nil)
    let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString).gguf"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try GGUFFile.write(metadata: members, tensors: [], to: path)
    try body(GGUFFile(path: path))
  }

  private func written(_ files: [(name: String, content: JSONValue)]) -> [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: files.map { ($0.name, Array($0.content.text().utf8)) })
  }

  /// The ids of `texts` before, through a GGUF file, and through the folder made of that.
  private func compare(_ folder: String, _ texts: [String]) throws {
    let original = try TokenizerFolder.tokenizer(at: folder)
    let isModelAlone = !FileManager.default.fileExists(atPath: folder + "/tokenizer_config.json")
    try inGGUF(folder) { file in
      let read = try GGUFTokenizer.tokenizer(of: file)
      #expect(read.specialTokens == original.specialTokens)
      try withFolder(written(TokenizerFiles.files(of: file))) { made in
        let again = try TokenizerFolder.tokenizer(at: made)
        for text in texts {
          let ids = try original.encode(text)
          // A model alone takes pieces that stand in a text for text; these files find them.
          guard !isModelAlone || !text.contains("<") && !text.contains("[") else { continue }
          #expect(try read.encode(text) == ids, "GGUF: \(text.debugDescription)")
          #expect(
            read.decode(ids, skippingSpecialTokens: true)
              == original.decode(ids, skippingSpecialTokens: true))
          guard !text.contains("<"), !text.contains("["), !text.contains("▁") else { continue }
          let got = try again.encode(text)
          #expect(got == ids, "tokenizer.json: \(text.debugDescription), \(got) \(ids)")
          // What is unknown shows as a sign in one and by its name in the other.
          if original.specialTokens.unknown.map(ids.contains) == true { continue }
          #expect(
            again.decode(ids, skippingSpecialTokens: true)
              == original.decode(ids, skippingSpecialTokens: true), "\(text.debugDescription)")
        }
        for name in [\SpecialTokens.beginning, \.end, \.unknown] {
          #expect(again.specialTokens[keyPath: name] == original.specialTokens[keyPath: name])
        }
      }
    }
  }

  @Test("pairs with scores keep their ids", arguments: [true, false])
  func bytePairs(removesSpaces: Bool) throws {
    let rules = Protobuf.field(4, removesSpaces ? 1 : 0)
    let model = Protobuf.model(
      frame + bytes + pieces(words) + [("<sym>", 0, 4)], type: 2, usesBytes: true,
      normalizer: rules)
    let config = #"{"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"}"#
    try withFolder(["tokenizer.model": model, "tokenizer_config.json": Array(config.utf8)]) {
      folder in
      try compare(folder, texts)
      #expect(try TokenizerFolder.tokenizer(at: folder).encode("the").first == 1)
    }
  }

  @Test("a unigram model keeps its ids")
  func unigram() throws {
    let model = Protobuf.model(frame + pieces(words + ["▁the▁"]), type: 1)
    let config = #"{"tokenizer_class": "T5Tokenizer", "eos_token": "</s>"}"#
    try withFolder(["spiece.model": model, "tokenizer_config.json": Array(config.utf8)]) { folder in
      try compare(folder, texts)
      #expect(try TokenizerFolder.tokenizer(at: folder).encode("the").last == 2)
    }
  }

  @Test("llama2.c's pieces keep their ids")
  func llama2C() throws {
    func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> ($0 * 8) & 255) } }
    let file = (frame + bytes + pieces(words)).reduce(word(8)) { file, piece in
      let text = Array(piece.0.replacing("▁", with: " ").utf8)
      return file + word(piece.1.bitPattern) + word(UInt32(text.count)) + text
    }
    try withFolder(["tok300.bin": file]) { try compare($0, texts) }
  }

  @Test("beside a tokenizer.json the model gives what other programs read, with the tokens added")
  func both() throws {
    let model = Protobuf.model(frame + bytes + pieces(words), type: 2, usesBytes: true)
    try withFolder(["tokenizer.model": model]) { folder in
      let alone = try TokenizerFolder.tokenizer(at: folder)
      var json = try #require(TokenizerFiles.files(of: alone).first?.content.object)
      let id = alone.vocabularySize
      json["added_tokens"] = .array(
        (json["added_tokens"]?.array ?? [])
          + [["id": .integer(id), "content": "<turn>", "special": true]])
      try JSONValue.object(json).write(to: folder + "/tokenizer.json")
      try inGGUF(folder) { file in
        #expect(file["tokenizer.ggml.model"]?.string == "llama")
        #expect(file["tokenizer.ggml.tokens"]?.array?.strings?.last == "<turn>")
        #expect(file["tokenizer.ggml.token_type"]?.array?.integers?.last == 3)
        let ids = try GGUFTokenizer.tokenizer(of: file).encode("<turn>")
        #expect(ids.last == id)
      }
    }
  }

  @Test("what the metadata has no words for is said, and nothing is written")
  func suffixes() throws {
    let model = Protobuf.model(frame + pieces(words), type: 1, spacesAreSuffixes: true)
    try withFolder(["tokenizer.model": model]) { folder in
      let (members, missing) = try GGUFTokenizer.metadata(ofFolder: folder)
      #expect(members.isEmpty && missing?.contains("no name") == true)
    }
    try withFolder([:]) { folder in
      let (members, missing) = try GGUFTokenizer.metadata(ofFolder: folder)
      #expect(members.isEmpty && missing?.contains("no tokenizer.json") == true)
    }
  }

  @Test("published models keep the ids of all their reference texts")
  func published() throws {
    let root = "../shared/goldens/tokenizers/"
    guard FileManager.default.fileExists(atPath: root) else {
      print("left out: the SentencePiece models of ../shared, which is not here")
      return
    }
    for (name, file) in [
      ("sentencepiece_bpe", "tokenizer.model"), ("sentencepiece_unigram", "tokenizer.model"),
      ("xlm_roberta", "sentencepiece.bpe.model"),
    ] {
      let place = root + name + "/"
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: place + file)))
      let cases = try JSONValue(contentsOf: place + "cases.json")
      let texts = (cases["encode"]?.array ?? []).compactMap { $0["text"]?.string }
      #expect(texts.count > 20, "\(name)")
      try withFolder(["tokenizer.model": bytes]) { folder in
        try compare(folder, texts)
      }
    }
  }

  @Test("a conversation is the same text from a folder, its GGUF file and the folder made of that")
  func conversation() throws {
    let template =
      "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
    let config: JSONValue = [
      "bos_token": "<s>", "eos_token": ["content": "</s>"], "chat_template": .string(template),
      "tokenizer_class": "LlamaTokenizer",
    ]
    let files = [
      "tokenizer.model": Protobuf.model(frame + bytes + pieces(words), type: 2, usesBytes: true),
      "tokenizer_config.json": Array(config.text().utf8),
    ]
    let messages = [ChatMessage(role: "user", content: "the cat")]
    try withFolder(files) { folder in
      let want = try ChatFormat(folder: folder).prompt(messages)
      #expect(want == "<s><user>the cat</s>")
      try inGGUF(folder) { file in
        let format = try ChatFormat(file, GGUFTokenizer.tokenizer(of: file))
        #expect(try format.prompt(messages) == want)
        try withFolder(written(TokenizerFiles.files(of: file))) { made in
          let text = try ChatFormat(folder: made).prompt(messages)
          #expect(text == want)
        }
      }
    }
  }
}
