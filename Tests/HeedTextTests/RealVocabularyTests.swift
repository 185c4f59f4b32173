import Foundation
import HeedFormats
import HeedText
import Testing

/// Published vocabularies beside what their own implementations make of texts. Without
/// `../shared/data` (or `HEED_DATA`) these are left out, and say so by their condition.
@Suite("real vocabularies")
struct RealVocabularyTests {
  private static let data: String? = {
    let root = ProcessInfo.processInfo.environment["HEED_DATA"] ?? "../shared/data"
    return FileManager.default.fileExists(atPath: root + "/tokenizers") ? root : nil
  }()

  private static var isThere: Bool { data != nil }

  private func path(_ name: String) throws -> String { try #require(Self.data) + "/" + name }

  /// Texts and ids of llama.cpp's vocabulary tests.
  private func vectors(_ name: String) throws -> [(text: String, ids: [Int])] {
    let base = try path("tokenizers/llama.cpp-vocab/ggml-vocab-\(name).gguf")
    let texts = try String(contentsOfFile: base + ".inp", encoding: .utf8)
      .components(separatedBy: "\n__ggml_vocab_test__\n")
    let lines = try String(contentsOfFile: base + ".out", encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
    return zip(texts, lines).map { text, line in
      (text, line.split(separator: " ").compactMap { Int($0) })
    }
  }

  @Test(
    "every vector of llama.cpp",
    .enabled(if: isThere, "needs ../shared/data"),
    arguments: [
      ("gpt-2", "tokenizers/gpt2"), ("bert-bge", "models/all-MiniLM-L6-v2"),
      ("llama-spm", "tokenizers/llama"),
    ])
  func llamaVectors(_ name: String, _ folder: String) throws {
    let tokenizer = try TokenizerFolder.tokenizer(at: path(folder))
    let vectors = try vectors(name)
    #expect(vectors.count >= 46)
    for vector in vectors {
      let ids = try tokenizer.encode(vector.text, addingSpecialTokens: false)
      #expect(ids == vector.ids, "\(vector.text.debugDescription)")
    }
  }

  @Test(
    "every vector of llama.cpp with the vocabulary of its own file",
    .enabled(if: isThere, "needs ../shared/data"))
  func llamaFile() throws {
    let file = try GGUFFile(path: path("tokenizers/llama.cpp-vocab/ggml-vocab-llama-spm.gguf"))
    let tokenizer = try GGUFTokenizer.tokenizer(of: file)
    #expect(tokenizer.specialTokens.beginning == 1)
    for vector in try vectors("llama-spm") {
      let ids = try tokenizer.encode(vector.text, addingSpecialTokens: false)
      #expect(ids == vector.ids, "\(vector.text.debugDescription)")
      #expect(try tokenizer.encode(vector.text) == [1] + vector.ids)
    }
  }

  @Test(
    "expected tokenisations of models on the hub",
    .enabled(if: isThere, "needs ../shared/data"),
    arguments: [
      ("bert-base-uncased", "models/all-MiniLM-L6-v2"),
      ("google-bert/bert-base-uncased", "models/all-MiniLM-L6-v2"),
      ("distilgpt2", "tokenizers/gpt2"), ("t5-base", "tokenizers/t5-small"),
    ])
  func expected(_ name: String, _ folder: String) throws {
    let tokenizer = try TokenizerFolder.tokenizer(at: path(folder))
    let tests = try JSONValue(contentsOf: path("tokenizers/expected/tokenizer_tests.json"))[name]
    let cases = try #require(tests?.array)
    #expect(cases.count == 18)
    for entry in cases {
      let text = try #require(entry["input"]?.string)
      let ids = (entry["encoded"]?["input_ids"]?.array ?? []).compactMap(\.integer)
      #expect(try tokenizer.encode(text) == ids, "\(text)")
      // The lists of decoded texts were made with settings that these files do not have; bytes come
      // back whole.
      if name == "distilgpt2" { #expect(tokenizer.decode(ids) == text) }
    }
  }

  @Test("Llama 2's pieces with their beginning", .enabled(if: isThere, "needs ../shared/data"))
  func llama() throws {
    let tokenizer = try TokenizerFolder.tokenizer(at: path("tokenizers/llama/tokenizer.model"))
    let name = "coreml-projects/Llama-2-7b-chat-coreml"
    let tests = try JSONValue(contentsOf: path("tokenizers/expected/tokenizer_tests.json"))[name]
    for entry in try #require(tests?.array) {
      let text = try #require(entry["input"]?.string)
      let ids = (entry["encoded"]?["input_ids"]?.array ?? []).compactMap(\.integer)
      #expect(try [1] + tokenizer.encode(text, addingSpecialTokens: false) == ids, "\(text)")
    }
  }

  @Test("Whisper's ranks", .enabled(if: isThere, "needs ../shared/data"))
  func whisper() throws {
    let tokenizer = try TokenizerFolder.tokenizer(
      at: path("tokenizers/whisper/multilingual.tiktoken"))
    let name = "openai/whisper-large-v2"
    let tests = try JSONValue(contentsOf: path("tokenizers/expected/tokenizer_tests.json"))[name]
    for entry in try #require(tests?.array) {
      let text = try #require(entry["input"]?.string)
      // Two tokens before and one behind are the model's frame.
      let ids = (entry["encoded"]?["input_ids"]?.array ?? []).compactMap(\.integer)
        .dropFirst(2).dropLast()
      #expect(try tokenizer.encode(text) == Array(ids), "\(text)")
      #expect(tokenizer.decode(Array(ids)) == text)
    }
  }

  @Test("llama2.c's tokenizer reads the story back", .enabled(if: isThere, "needs ../shared/data"))
  func stories() throws {
    let tokenizer = try TokenizerFolder.tokenizer(at: path("models/stories260K"))
    let golden = try JSONValue(contentsOf: path("models/stories260K/golden.json"))
    let run = try #require(golden["greedy_from_bos"])
    let ids = (run["token_ids"]?.array ?? []).compactMap(\.integer)
    let story = tokenizer.decode(ids)
    if let text = run["text"]?.string { #expect(story == text) }
    #expect(try tokenizer.encode(story) == ids)
  }

  @Test(
    "ALBERT's and the small models give text back", .enabled(if: isThere, "needs ../shared/data"))
  func roundTrips() throws {
    for name in [
      "tokenizers/albert/spiece.model", "tokenizers/sentencepiece-small/unigram-1000.model",
      "tokenizers/sentencepiece-small/bpe-1000.model",
    ] {
      let tokenizer = try TokenizerFolder.tokenizer(at: path(name))
      let text = "this is a test of the emergency system."
      #expect(tokenizer.decode(try tokenizer.encode(text)) == text)
    }
  }
}
