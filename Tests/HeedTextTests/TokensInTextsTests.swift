import Foundation
import HeedFormats
import HeedText
import Testing

/// Tokens that stand in a text, as chat templates write them.
@Suite("Tokens in texts")
struct TokensInTextsTests {
  private typealias Members = [(key: String, value: GGUFValue)]

  private func inGGUF<Result>(
    _ members: Members, _ body: (GGUFFile) throws -> Result
  ) throws -> Result {
    let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString).gguf"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try GGUFFile.write(metadata: members, tensors: [], to: path)
    return try body(GGUFFile(path: path))
  }

  /// "▁", "a", "b", "▁a" behind the frame; a control piece, a user's own, and a user's run of spaces.
  private func pieces(_ model: String, prefix: Bool) -> Members {
    let tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "▁a", "<turn>", "<table>", "  "]
    return [
      ("tokenizer.ggml.model", .string(model)),
      ("tokenizer.ggml.tokens", .array(GGUFArray(tokens))),
      ("tokenizer.ggml.token_type", .array(GGUFArray([2, 3, 3, 1, 1, 1, 1, 3, 4, 4] as [Int32]))),
      ("tokenizer.ggml.scores", .array(GGUFArray([0, 0, 0, -3, -4, -5, -1, 0, 0, 0] as [Float]))),
      ("tokenizer.ggml.bos_token_id", .uint32(1)), ("tokenizer.ggml.eos_token_id", .uint32(2)),
      ("tokenizer.ggml.add_bos_token", .bool(true)), ("tokenizer.ggml.add_eos_token", .bool(false)),
      ("tokenizer.ggml.add_space_prefix", .bool(prefix)),
      ("tokenizer.ggml.remove_extra_whitespaces", .bool(false)),
    ]
  }

  @Test(
    "control and user-defined pieces are one id each, and every part behind one begins as a text does",
    arguments: ["llama", "t5"])
  func found(model: String) throws {
    let marked = try inGGUF(pieces(model, prefix: true)) { try GGUFTokenizer.tokenizer(of: $0) }
    #expect(try marked.encode("a<turn>a<table>b</s>") == [1, 6, 7, 6, 8, 3, 5, 2])
    #expect(try marked.encode("<turn> a", addingSpecialTokens: false) == [7, 3, 6])
    #expect(try marked.encode("<s>", addingSpecialTokens: false) == [1])
    let bare = try inGGUF(pieces(model, prefix: false)) { try GGUFTokenizer.tokenizer(of: $0) }
    #expect(try bare.encode("a<turn>a a  b") == [1, 4, 7, 4, 6, 9, 5])
  }

  @Test(
    "control pieces are shown with special tokens and left out without, a user's own always shown")
  func decoding() throws {
    let tokenizer = try inGGUF(pieces("llama", prefix: true)) {
      try GGUFTokenizer.tokenizer(of: $0)
    }
    let ids = [1, 6, 7, 6, 8, 2]
    #expect(tokenizer.decode(ids) == "<s> a<turn> a<table></s>")
    #expect(tokenizer.decode(ids, skippingSpecialTokens: true) == "a a<table>")
    var stream = StreamDecoder(tokenizer)
    #expect(ids.map { stream.next($0) }.joined() + stream.finish() == "a a<table>")
  }

  @Test("tokens in a text have their own places in it")
  func places() throws {
    let tokenizer = try inGGUF(pieces("llama", prefix: true)) {
      try GGUFTokenizer.tokenizer(of: $0)
    }
    let encoding = try tokenizer.encoding(of: "éa<turn>a", addingSpecialTokens: false)
    #expect(encoding.tokens.suffix(2) == ["<turn>", "▁a"])
    #expect(encoding.offsets.suffix(2) == [2..<8, 8..<9])
    #expect(try tokenizer.encode("éa<turn>a", addingSpecialTokens: false) == encoding.ids)
  }

  @Test("byte pairs know control and user-defined tokens alike")
  func bytePairs() throws {
    let tokens = ["a", "b", "Ġ", "<|im_start|>", "<tool>", "<unk>"]
    let tokenizer = try inGGUF([
      ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("gpt-2")),
      ("tokenizer.ggml.tokens", .array(GGUFArray(tokens))),
      ("tokenizer.ggml.token_type", .array(GGUFArray([1, 1, 1, 3, 4, 2] as [Int32]))),
      ("tokenizer.ggml.merges", .array(GGUFArray([String]()))),
    ]) { try GGUFTokenizer.tokenizer(of: $0) }
    #expect(try tokenizer.encode("a<|im_start|>b<tool> <unk>a") == [0, 3, 1, 4, 2, 5, 0])
    #expect(tokenizer.decode([0, 3, 1, 4], skippingSpecialTokens: true) == "ab<tool>")
    #expect(tokenizer.decode([0, 3, 1, 4]) == "a<|im_start|>b<tool>")
  }

  private let model = Protobuf.model(
    [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("▁", -3, 1), ("a", -4, 1), ("▁a", -1, 1)],
    type: 2, normalizer: Protobuf.field(4, 0))

  @Test("a folder says where spaces are put, and which tokens are added; GGUF files keep both")
  func folders() throws {
    for (legacy, wanted) in [("true", [5, 6, 5, 2, 5]), ("false", [5, 6, 4, 2, 4])] {
      let config = """
        {"tokenizer_class": "LlamaTokenizer", "legacy": \(legacy), "add_bos_token": false,
         "added_tokens_decoder": {"6": {"content": "<turn>", "special": true, "rstrip": true},
                                  "9": {"content": "<far>", "special": true}}}
        """
      let files = ["tokenizer.model": model, "tokenizer_config.json": Array(config.utf8)]
      try withFolder(files) { folder in
        let tokenizer = try TokenizerFolder.tokenizer(at: folder)
        let text = "a<turn>a</s>a"
        let ids = try tokenizer.encode(text)
        #expect(ids == wanted)
        let stripped = try tokenizer.encode("<turn>  a")
        #expect(stripped.count == 2)
        let members = try GGUFTokenizer.metadata(ofFolder: folder).members
        try inGGUF(members) { file in
          let ids = try GGUFTokenizer.tokenizer(of: file).encode(text)
          #expect(ids == wanted)
          let files = try TokenizerFiles.files(of: file).map {
            ($0.name, Array($0.content.text().utf8))
          }
          try withFolder(Dictionary(uniqueKeysWithValues: files)) { made in
            let ids = try TokenizerFolder.tokenizer(at: made).encode(text)
            #expect(ids == wanted)
          }
        }
      }
    }
    // The model alone is SentencePiece's: no text is a control piece.
    try withFolder(["tokenizer.model": model]) { folder in
      let ids = try TokenizerFolder.tokenizer(at: folder).encode("a</s>")
      #expect(ids.first == 5 && !ids.contains(2))
    }
  }

  @Test(
    "conversations get the ids of the folder's tokenizer.json from scores and kinds alone",
    arguments: ["gemma", "llama2"])
  func conversations(name: String) throws {
    let folder = "../shared/goldens/tokenizers/\(name)"
    guard FileManager.default.fileExists(atPath: folder) else {
      print("left out: \(folder), which is not here")
      return
    }
    let original = try TokenizerFolder.tokenizer(at: folder)
    let json = try JSONValue(contentsOf: folder + "/tokenizer.json")
    try inGGUF(scored(json)) { file in
      let tokenizer = try GGUFTokenizer.tokenizer(of: file)
      for text in [
        "<bos><start_of_turn>user\nThe quick fox<end_of_turn>\n<start_of_turn>model\n",
        "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello [/INST] Yes. </s><s>[INST] And? [/INST]",
        "no tokens  at all", "<s> <s>  <unk>x</s>",
      ] {
        let (got, want) = (
          try tokenizer.encode(text, addingSpecialTokens: false),
          try original.encode(text, addingSpecialTokens: false)
        )
        #expect(got == want, "\(text)")
        let (shown, wanted) = (tokenizer.decode(got), original.decode(want))
        if !got.contains(tokenizer.specialTokens.unknown ?? -1) { #expect(shown == wanted) }
      }
    }
  }

  /// Merges of a `tokenizer.json` as llama.cpp's converter has them of the model that they came from:
  /// the earlier a token is merged, the larger its score.
  private func scored(_ json: JSONValue) -> Members {
    let vocabulary = json["model"]?["vocab"]?.object?.members ?? []
    var tokens = [String](repeating: "", count: vocabulary.count)
    for (text, id) in vocabulary { tokens[id.integer ?? 0] = text }
    var scores = [Float](repeating: -100_000, count: tokens.count)
    var ids: [String: Int] = [:]
    for (id, text) in tokens.enumerated() { ids[text] = id }
    for (rank, merge) in (json["model"]?["merges"]?.array ?? []).enumerated() {
      let parts =
        merge.array?.compactMap(\.string) ?? merge.string?.split(separator: " ").map(String.init)
      guard let id = ids[(parts ?? []).joined()], scores[id] == -100_000 else { continue }
      scores[id] = -Float(rank)
    }
    var kinds = tokens.map { Int32($0.wholeMatch(of: /<0x..>/) == nil ? 1 : 6) }
    for token in json["added_tokens"]?.array ?? [] {
      guard let id = token["id"]?.integer, tokens.indices.contains(id) else { continue }
      kinds[id] = token["content"]?.string == "<unk>" ? 2 : 3
    }
    let hasPrefix = json["normalizer"]?.text().contains("Prepend") == true
    return [
      ("tokenizer.ggml.model", .string("llama")),
      ("tokenizer.ggml.tokens", .array(GGUFArray(tokens))),
      ("tokenizer.ggml.scores", .array(GGUFArray(scores))),
      ("tokenizer.ggml.token_type", .array(GGUFArray(kinds))),
      ("tokenizer.ggml.add_space_prefix", .bool(hasPrefix)),
    ]
  }
}
