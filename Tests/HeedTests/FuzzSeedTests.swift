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
  @Test("every parser has seeds", arguments: ["safetensors", "gguf", "tokenizer"])
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
