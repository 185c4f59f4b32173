import Foundation
import HeedFormats
import HeedTensor
import HeedText
import Testing

/// Tokenizers in the metadata of GGUF files, ours and llama.cpp's.
@Suite("Tokenizers of GGUF files")
struct GGUFTokenizerTests {
  private typealias Members = [(key: String, value: GGUFValue)]

  private let texts = [
    "", " ", "The  quick brown\tfox's 12345 jumps,\n\n over 3.14 l\u{e9}zy dogs!!! ",
    "d\u{e9}j\u{e0} vu \u{4e16}\u{754c}\u{3067}\u{1f600}\u{1f44d}\u{1f3fd} \u{0635}\u{0628}\u{0627}\u{062d}",
    "for (i=0; i<10; ++i) {\r\n    x[i] += $y;  // \u{2014}\n}   ",
    "<|endoftext|>we'LL I'm it'S </s>",
  ]

  private func read(_ members: Members) throws -> any Tokenizer {
    let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString).gguf"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try GGUFFile.write(metadata: members, tensors: [], to: path)
    return try GGUFTokenizer.tokenizer(of: GGUFFile(path: path))
  }

  private let bytePairs: Members = [
    ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("gpt-2")),
    ("tokenizer.ggml.tokens", .array(GGUFArray(["a", "b", "ab", "\u{120}", "\u{120}ab", "<s>"]))),
    ("tokenizer.ggml.token_type", .array(GGUFArray([1, 1, 1, 1, 1, 3] as [Int32]))),
    ("tokenizer.ggml.merges", .array(GGUFArray(["a b", "\u{120} ab"]))),
    ("tokenizer.ggml.bos_token_id", .uint32(5)), ("tokenizer.ggml.add_bos_token", .bool(true)),
  ]

  private func changed(_ key: String, _ value: GGUFValue?) -> Members {
    bytePairs.filter { $0.key != "tokenizer.ggml." + key }
      + (value.map { [("tokenizer.ggml." + key, $0)] } ?? [])
  }

  @Test("byte pairs are merged as the metadata says, control tokens found, the first one added")
  func bytePair() throws {
    let tokenizer = try read(bytePairs)
    #expect(try tokenizer.encode("ab ab<s>ba") == [5, 2, 4, 5, 1, 0])
    #expect(try tokenizer.encode("ab", addingSpecialTokens: false) == [2])
    #expect(tokenizer.decode([5, 2, 4], skippingSpecialTokens: true) == "ab ab")
    #expect(tokenizer.specialTokens.beginning == 5)
  }

  @Test("pieces with scores are merged like SentencePiece's, with bytes for what is unknown")
  func scores() throws {
    let bytes = (0..<256).map { String(format: "<0x%02X>", $0) }
    let pieces = ["<unk>", "<s>", "</s>"] + bytes + ["\u{2581}", "a", "b", "ab", "\u{2581}ab"]
    let kinds = [2, 3, 3] + [Int32](repeating: 6, count: 256) + [1, 1, 1, 1, 1]
    let scores = [Float](repeating: 0, count: 259) + [-5, -4, -3, -1, -2]
    let tokenizer = try read([
      ("tokenizer.ggml.model", .string("llama")),
      ("tokenizer.ggml.tokens", .array(GGUFArray(pieces))),
      ("tokenizer.ggml.token_type", .array(GGUFArray(kinds))),
      ("tokenizer.ggml.scores", .array(GGUFArray(scores))),
      ("tokenizer.ggml.bos_token_id", .uint32(1)), ("tokenizer.ggml.eos_token_id", .uint32(2)),
    ])
    #expect(try tokenizer.encode("ab\n") == [1, 263, 3 + 0x0A])
    #expect(tokenizer.decode([1, 263, 13], skippingSpecialTokens: true) == "ab\n")
  }

  @Test("word pieces lose the mark that the file puts before words")
  func wordPieces() throws {
    let tokenizer = try read([
      ("tokenizer.ggml.model", .string("bert")),
      (
        "tokenizer.ggml.tokens",
        .array(GGUFArray(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u{2581}owl", "s", "\u{2581}the"]))
      ),
      ("tokenizer.ggml.token_type", .array(GGUFArray([3, 3, 3, 3, 1, 1, 1] as [Int32]))),
    ])
    #expect(try tokenizer.encode("The owls") == [2, 6, 4, 5, 3])
    #expect(tokenizer.decode([6, 4, 5]) == "the owls")
  }

  @Test(
    "metadata that contradicts itself is an error that names it",
    arguments: [
      ("model", .string("rwkv"), "rwkv"), ("pre", .string("klingon"), "klingon"),
      ("tokens", nil, "tokens"), ("tokens", .array(GGUFArray([1, 2] as [Int32])), "tokens"),
      ("token_type", .array(GGUFArray([1] as [Int32])), "token_type"),
      ("token_type", .array(GGUFArray([1, 1, 1, 1, 1, 9] as [Int32])), "token_type"),
      ("merges", nil, "merges"), ("merges", .array(GGUFArray(["a c"])), "merge 0"),
      ("merges", .array(GGUFArray(["abc"])), "merge 0"),
      ("bos_token_id", .uint32(77), "77"), ("model", .string("llama"), "scores"),
    ] as [(String, GGUFValue?, String)])
  func contradictions(key: String, value: GGUFValue?, name: String) throws {
    let error = #expect(throws: FormatError.self) { try read(changed(key, value)) }
    #expect(error?.description.contains(name) == true, "\(String(describing: error))")
  }

  @Test("what a name says cuts as the whole tokenizer.json does, for every published one")
  func roundTrips() throws {
    var tried: [String] = []
    for root in ["../shared/goldens/tokenizers/", "../shared/data/tokenizers/"] {
      for name in ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).sorted() {
        let folder = root + name
        guard FileManager.default.fileExists(atPath: folder + "/tokenizer.json") else { continue }
        let members = try GGUFTokenizer.metadata(ofFolder: folder).members
        let original = try TokenizerFolder.tokenizer(at: folder)
        try compare(read(members), original, "\(folder), whole")
        let native = members.filter { !$0.key.hasPrefix("heed.") }
        guard native.contains(where: { $0.key == "tokenizer.ggml.model" }) else { continue }
        try compare(read(native), original, "\(folder), by name")
        tried.append(name)
      }
    }
    guard FileManager.default.fileExists(atPath: "../shared/goldens") else {
      print("left out: the tokenizers of ../shared, which are not here")
      return
    }
    #expect(Set(tried).isSuperset(of: ["gpt2", "llama3", "qwen2", "deepseek"]), "\(tried)")
  }

  private func compare(
    _ read: any Tokenizer, _ original: any Tokenizer, _ what: String
  ) throws {
    for text in texts {
      let (got, wanted) = (try read.encode(text), try original.encode(text))
      #expect(got == wanted, "\(what): \(text.debugDescription)")
      #expect(read.decode(got) == original.decode(wanted), "\(what): \(text.debugDescription)")
    }
  }
}
