import Foundation
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText
import Testing

/// Texts that nothing can follow.
@Suite struct StuckTests {
  private static let strategies: [DecodingStrategy] = [
    .sampling, .beam(BeamSettings(beamCount: 3)), .contrastive(candidateCount: 3, penalty: 0.5),
  ]

  /// A model whose last weights, or all of them, are `value`.
  private func model(of value: Float, all: Bool = true) throws -> TextModel {
    let text = try TinyModel.text(TinyModel.llama, letters: "abcdefgh .,:\nUsertAin")
    let parameters = text.model.parameters.reduce(into: [String: Tensor]()) {
      let isChanged = all || $1.key == "model.norm.weight"
      let values = [Float](repeating: value, count: $1.value.count)
      $0[$1.key] = isChanged ? Tensor(values, shape: $1.value.shape) : $1.value
    }
    return TextModel(
      name: "damaged",
      model: LanguageModel(
        spec: text.model.spec, binding: text.model.binding, parameters: parameters),
      tokenizer: text.tokenizer)
  }

  @Test("a model that gives no numbers ends at once and says so", arguments: strategies)
  func noNumbers(strategy: DecodingStrategy) throws {
    for (value, all) in [(Float.nan, true), (.nan, false), (.infinity, true), (-.infinity, false)] {
      let text = try model(of: value, all: all)
      for temperature: Float in [0, 1] {
        var settings = settings(temperature: temperature)
        settings.strategy = strategy
        let result = try #require(try text.generate(["ab"], settings: settings).first)
        #expect(result.finish == .stuck && result.text.isEmpty)
      }
    }
  }

  @Test("a model that gives no numbers can neither talk nor be measured")
  func noNumbersElsewhere() throws {
    let text = try model(of: .nan)
    let error = #expect(throws: GenerationError.self) { try text.evaluate("abc, def.") }
    #expect(error?.code == .scores)
    var chat = ChatSession(text, format: .plain, settings: settings())
    #expect(throws: GenerationError.self) {
      try chat.reply(to: "abc")
    }
    #expect(chat.messages.isEmpty)
  }

  @Test("what the vocabulary cannot say ends where it stands", arguments: strategies)
  func vocabulary(strategy: DecodingStrategy) throws {
    let text = try TinyModel.text()
    for (pattern, start) in [("z+", ""), ("abzc", "ab"), ("a|zzz", "a")] {
      var settings = settings()
      settings.strategy = strategy
      settings.constraint = try TextConstraint(pattern: pattern)
      let result = try #require(try text.generate(["ab"], settings: settings).first)
      #expect(result.text == start)
      #expect(result.finish == (pattern == "a|zzz" ? .constraint : .stuck))
      let words = GenerationError.stuck(after: "ab", settings)
      #expect(words.code == .constraint && words.description.contains("\"ab\""))
    }
  }

  @Test("a temperature next to nothing takes the likeliest token")
  func cold() throws {
    let text = try TinyModel.text()
    let greedy = try text.generate(["ab"], settings: settings(temperature: 0))
    for temperature in [Float.leastNonzeroMagnitude, 1e-31] {
      let cold = try text.generate(["ab"], settings: settings(temperature: temperature))
      #expect(cold.map(\.text) == greedy.map(\.text))
    }
  }

  @Test("a message that does not fit beside what the model was told is refused with both lengths")
  func longMessage() throws {
    let text = try TinyModel.text(TinyModel.llama, letters: "abcdefgh .,:\nUsertAinSym")
    var chat = ChatSession(text, format: .plain, settings: settings(count: 5), system: "abc")
    let error = #expect(throws: GenerationError.self) {
      try chat.reply(to: String(repeating: "a", count: 60))
    }
    #expect(error?.code == .promptTooLong && error?.what.contains("48 positions") == true)
    #expect(chat.messages.map(\.role) == ["system"])
  }

  @Test("a saved cache with a changed bit anywhere is refused")
  func changedCache() throws {
    let text = try TinyModel.text()
    try withFile { path in
      try PromptCache(reading: [1, 2, 3], by: text).save(to: path)
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      for place in stride(from: 3, to: bytes.count, by: 31) {
        var changed = bytes
        changed[place] ^= 16
        // A new name each time: the last one may still be mapped.
        try Data(changed).write(to: URL(fileURLWithPath: path + "c"), options: .atomic)
        defer { try? FileManager.default.removeItem(atPath: path + "c") }
        #expect(throws: FormatError.self, "byte \(place)") {
          try PromptCache(contentsOf: path + "c", for: text)
        }
      }
    }
  }
}
