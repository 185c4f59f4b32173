import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedText
import Testing

/// What the fuzzer begins with (`Tests/Fuzz/Seeds`), and what it found: kept, so that it is read again.
private enum Seeds {
  static func files(_ parser: String) -> [String] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fuzz/Seeds/\(parser)").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().map { "\(folder)/\($0)" }
  }
}

private let text = "The  owl's 12 eggs,\n\u{e9}t\u{e9} \u{4e16}\u{754c} \u{1f600}</s>"

@Suite struct FuzzSeedTests {
  @Test(
    "every parser has seeds", arguments: ["safetensors", "gguf", "tokenizer", "schema", "pattern"])
  func present(parser: String) {
    #expect(!Seeds.files(parser).isEmpty)
  }

  @Test(
    "a safetensors seed gives tensors or an error of the format",
    arguments: Seeds.files("safetensors"))
  func safetensors(path: String) throws {
    do throws(FormatError) {
      let file = try SafetensorsFile(path: path)
      for name in file.tensorNames {
        let tensor = try file.tensor(named: name)
        #expect(tensor.count == tensor.shape.reduce(1, *))
        if tensor.count > 0 { _ = tensor.converted(to: .float32).sum() }
      }
    } catch {
      #expect(!error.what.isEmpty && error.place == path)
    }
  }

  @Test(
    "a GGUF seed gives tensors, a model and a tokenizer, or an error of the format",
    arguments: Seeds.files("gguf"))
  func gguf(path: String) throws {
    try expectValueOrError {
      let file = try GGUFFile(path: path)
      for name in file.tensorNames { _ = try? file.tensor(named: name) }
    }
    try expectValueOrError { _ = try LanguageModel(path: path) }
    try expectValueOrError {
      try expectTexts(of: GGUFTokenizer.tokenizer(of: GGUFFile(path: path)))
    }
  }

  @Test(
    "a tokenizer.json seed gives ids and texts, or an error of the format",
    arguments: Seeds.files("tokenizer"))
  func tokenizer(path: String) throws {
    try expectValueOrError {
      let json = try JSONValue(contentsOf: path)
      let tokenizer = try PipelineTokenizer(json: json, place: path)
      try expectTexts(of: tokenizer)
      _ = tokenizer.decode([0, 1, 2, 1 << 40, -1], skippingSpecialTokens: true)
    }
  }

  @Test(
    "a schema seed allows texts that are JSON, or is an error of the format",
    arguments: Seeds.files("schema"))
  func schema(path: String) throws {
    try expectValueOrError {
      let constraint = try TextConstraint(jsonSchema: JSONValue(contentsOf: path))
      try expectTexts(of: constraint) { _ = try JSONValue(parsing: $0) }
    }
  }

  @Test(
    "a pattern seed allows texts in each language, or is an error of the format",
    arguments: Seeds.files("pattern"))
  func pattern(path: String) throws {
    let pattern = try String(contentsOfFile: path, encoding: .utf8)
    try expectValueOrError { try expectTexts(of: TextConstraint(pattern: pattern)) { _ in } }
    try expectValueOrError {
      let schema: JSONValue = ["type": "string", "pattern": .string(pattern)]
      try expectTexts(of: TextConstraint(jsonSchema: schema)) {
        let value = try JSONValue(parsing: $0)
        #expect(value.string != nil)
      }
    }
    try expectValueOrError {
      let split: JSONValue = [
        "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
      ]
      let model: JSONValue = ["type": "WordLevel", "vocab": ["a": 0], "unk_token": "a"]
      try expectTexts(
        of: PipelineTokenizer(json: ["model": model, "pre_tokenizer": split], place: path))
    }
  }

  /// What is written by the first or the last token that may follow matches as a whole.
  private func expectTexts(
    of constraint: TextConstraint, read: (String) throws -> Void
  ) throws {
    let characters = CharacterTokenizer(
      charactersOf: String(decoding: (0x20...0x7E).map { UInt8($0) }, as: UTF8.self))
    var walker = ConstraintWalker(constraint, characters)
    for takesLast in [false, true] {
      var (state, ids) = (0, [Int]())
      while ids.count < 64, !walker.isComplete(state) {
        let allowed = walker.allowed(state, endTokens: [])
        guard let id = takesLast ? allowed.last : allowed.first else { break }
        ids.append(id)
        let next = walker.next(state, token: id)
        state = try #require(next)
      }
      guard walker.accepts(state) else { continue }
      let text = characters.decode(ids)
      #expect(constraint.matches(text), "\(text)")
      try read(text)
    }
  }

  /// A text becomes ids of the vocabulary, and these a text again.
  private func expectTexts(of tokenizer: any Tokenizer) throws {
    let ids = try tokenizer.encode(text)
    #expect(ids.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) })
    _ = tokenizer.decode(ids)
  }

  /// Anything but an error in words of the module fails the test.
  private func expectValueOrError(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as FormatError {
      #expect(!error.what.isEmpty && !error.place.isEmpty)
    } catch let error as TokenizerError {
      #expect(!"\(error)".isEmpty)
    }
  }
}
