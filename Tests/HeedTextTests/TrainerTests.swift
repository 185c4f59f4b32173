import HeedFormats
import HeedText
import Testing

@Suite("BPE trainer")
struct TrainerTests {
  private let text = String(
    repeating: "low lower lowest newer newest wide wider widest. Höhe, höher\n", count: 20)

  private func trained(_ size: Int, _ texts: [String]) throws -> JSONValue {
    var trainer = try BPETrainer(vocabularySize: size, specialTokens: ["<|endoftext|>"])
    for text in texts { try trainer.add(text) }
    return trainer.trained()
  }

  @Test("a trained tokenizer has the size asked for and gives every text back")
  func roundTrip() throws {
    let json = try trained(280, [text])
    let tokenizer = try PipelineTokenizer(json: json, place: "test")
    #expect(tokenizer.vocabularySize == 280)
    #expect(tokenizer.id(of: "<|endoftext|>") == 0)
    for sample in [text, "newest low", "日本 😀\u{0}", ""] {
      #expect(tokenizer.decode(try tokenizer.encode(sample)) == sample)
    }
    #expect(try tokenizer.encode(text).count < text.utf8.count / 2)
  }

  @Test("the most frequent pair merges first, of equals that of the lower ids")
  func order() throws {
    let merges = try trained(261, ["ab ab cd cd abx"])["model"]?["merges"]?.array
    let first = merges?.map { $0.array?.compactMap(\.string) ?? [] }
    // "ab" three times; then " c" and "cd" and " ab" twice each, "cd" having the lowest ids.
    #expect(first == [["a", "b"], ["c", "d"], ["Ġ", "ab"], ["Ġ", "cd"]])
  }

  @Test("counts stay right where a pair overlaps itself")
  func overlaps() throws {
    let merges = try trained(259, ["aaaa aaaa"])["model"]?["merges"]?.array
    #expect(merges?.first?.array?.compactMap(\.string) == ["a", "a"])
    #expect(merges?.last?.array?.compactMap(\.string) == ["aa", "aa"])
  }

  @Test("special tokens in the text are no words, and end those beside them")
  func specialTokens() throws {
    let plain = try trained(290, [text, text])
    let joined = try trained(290, [text + "<|endoftext|>" + text + "<|endoftext|>"])
    #expect(joined.text() == plain.text())
  }

  @Test("pairs that occur once are not learned, so the vocabulary may stay small")
  func rarePairs() throws {
    let tokenizer = try PipelineTokenizer(json: trained(500, ["abcdefg"]), place: "test")
    #expect(tokenizer.vocabularySize == 257)
  }

  @Test("the same text gives the same bytes, in one piece or in several")
  func deterministic() throws {
    let once = try trained(290, [text + text])
    #expect(try trained(290, [text, text]).text() == once.text())
  }

  @Test("what is learned is what the plain definition says")
  func plainDefinition() throws {
    var generator = SteadyGenerator(state: 21)
    let words = (0..<60).map { _ in
      String(
        (0..<Int.random(in: 1...8, using: &generator)).compactMap { _ in
          "abc".randomElement(using: &generator)
        })
    }
    // Each word a text of its own: no spaces, no pairs across words.
    var split = words.map { $0.map { String($0) } }
    var ids = ["a": 0, "b": 1, "c": 2]
    var expected: [[String]] = []
    for _ in 0..<12 {
      var counts: [[String]: Int] = [:]
      for word in split {
        for (left, right) in zip(word, word.dropFirst()) { counts[[left, right], default: 0] += 1 }
      }
      let best = counts.filter { $0.value >= 2 }.min { one, other in
        one.value != other.value
          ? one.value > other.value
          : (ids[one.key[0]] ?? 0, ids[one.key[1]] ?? 0)
            < (ids[other.key[0]] ?? 0, ids[other.key[1]] ?? 0)
      }
      guard let best else { break }
      expected.append(best.key)
      ids[best.key.joined()] = ids.count
      split = split.map { word in
        var merged: [String] = []
        var place = 0
        while place < word.count {
          if place + 1 < word.count, word[place] == best.key[0], word[place + 1] == best.key[1] {
            merged.append(best.key.joined())
            place += 2
          } else {
            merged.append(word[place])
            place += 1
          }
        }
        return merged
      }
    }
    let merges = try trained(257 + expected.count, words)["model"]?["merges"]?.array
    #expect(merges?.map { $0.array?.compactMap(\.string) ?? [] } == expected)
  }

  @Test("sizes without room are refused")
  func refusals() {
    #expect(throws: TokenizerError.self) { try BPETrainer(vocabularySize: 255) }
    #expect(throws: TokenizerError.self) {
      try BPETrainer(vocabularySize: 256, specialTokens: ["a"])
    }
    #expect(throws: TokenizerError.self) {
      try BPETrainer(vocabularySize: 300, specialTokens: ["a", "a"])
    }
    #expect(throws: TokenizerError.self) { try BPETrainer(vocabularySize: .max) }
  }
}
