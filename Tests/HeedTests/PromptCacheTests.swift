import Foundation
import Heed
import HeedFormats
import HeedText
import Testing

@Suite struct PromptCacheTests {
  @Test("a saved cache gives the same text", arguments: TinyModel.all)
  func saved(config: JSONValue) throws {
    let model = try TinyModel.text(config)
    let prompt = "abc, def. gh"
    let settings = settings(count: 60)
    let text = try model.generate([prompt], settings: settings).map(\.text)
    try withFile { path in
      try PromptCache(reading: model.tokenizer.encode(prompt), by: model).save(to: path)
      let cache = try PromptCache(contentsOf: path, for: model)
      #expect(try cache.sharedCount(with: model.tokenizer.encode(prompt)) == 11)
      #expect(try model.generate([prompt], settings: settings, cache: cache).map(\.text) == text)
    }
  }

  @Test("a cache of another model, a damaged one and another file are refused")
  func refused() throws {
    let model = try TinyModel.text()
    try withFile { path in
      try PromptCache(reading: [1, 2, 3], by: model).save(to: path)
      let other = try TinyModel.text(seed: 6)
      let error = #expect(throws: FormatError.self) {
        try PromptCache(contentsOf: path, for: other)
      }
      #expect(error?.what.contains("another model") == true)
      let bytes = try #require(FileManager.default.contents(atPath: path))
      for count in stride(from: 0, to: bytes.count, by: 97) {
        try bytes.prefix(count).write(to: URL(fileURLWithPath: path))
        #expect(throws: FormatError.self) { try PromptCache(contentsOf: path, for: model) }
      }
      try SafetensorsFile.write([:], to: path)
      #expect(throws: FormatError.self) { try PromptCache(contentsOf: path, for: model) }
    }
    #expect(throws: GenerationError.self) {
      try PromptCache(reading: Array(repeating: 1, count: 41), by: model)
    }
  }

  @Test("a conversation with what is remembered says what one without would say")
  func conversation() throws {
    let model = try TinyModel.text(
      TinyModel.llama, letters: "abcdefgh .,:\nUsertAin")
    var chat = ChatSession(model, format: .plain, settings: settings(count: 9))
    var replies: [String] = []
    for message in ["abc", "de, f", "gh", "a", "b. c"] {
      let before = chat.messages
      let reply = try chat.reply(to: message)
      replies.append(reply)
      // The same turn by a conversation that remembers nothing.
      var fresh = ChatSession(model, format: .plain, settings: settings(count: 9))
      fresh.replay(before)
      #expect(try fresh.reply(to: message) == reply)
    }
    #expect(chat.messages.count == 10 && Set(replies).count > 1)
    chat.reset()
    #expect(chat.messages.isEmpty)
    #expect(try chat.reply(to: "abc") == replies[0])
    #expect(throws: TokenizerError.self) { try chat.reply(to: "\u{4E2D}") }
    #expect(chat.messages.count == 2)
  }
}
