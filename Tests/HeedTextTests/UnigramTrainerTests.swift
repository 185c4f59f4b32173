import HeedFormats
import HeedText
import Testing

@Suite("unigram trainer")
struct UnigramTrainerTests {
  private let text = String(
    repeating: "low lower lowest newer newest wide wider widest Höhe höher\n", count: 20)

  private func trained(_ size: Int, _ text: String) throws -> JSONValue {
    var trainer = try UnigramTrainer(vocabularySize: size, specialTokens: ["<pad>"])
    try trainer.add(text)
    return trainer.trained()
  }

  @Test("a trained tokenizer has the size asked for and gives words back")
  func roundTrip() throws {
    let tokenizer = try PipelineTokenizer(json: trained(40, text), place: "test")
    #expect(tokenizer.vocabularySize == 40)
    #expect(tokenizer.id(of: "<unk>") == 0)
    #expect(tokenizer.id(of: "<pad>") == 1)
    let sample = "lowest höher newer wow"
    #expect(tokenizer.decode(try tokenizer.encode(sample)) == sample)
    #expect(try tokenizer.encode("lowest").count < 6)
  }

  @Test("probabilities are those of a distribution")
  func distribution() throws {
    let pieces = try trained(40, text)["model"]?["vocab"]?.array?.dropFirst(2) ?? []
    let scores = pieces.compactMap { $0.array?[1].number }
    #expect(scores.count == 38)
    #expect(scores.allSatisfy { $0 < 0 && $0.isFinite })
    #expect(scores == scores.sorted(by: >))
  }

  @Test("characters are never dropped")
  func characters() throws {
    let tokenizer = try PipelineTokenizer(json: trained(3, "abc xyz abc"), place: "test")
    #expect(!(try tokenizer.encode("zcxayb").contains(0)))
    #expect(try tokenizer.encode("q").contains(0))
  }

  @Test("the same text gives the same bytes")
  func deterministic() throws {
    #expect(try trained(45, text).text() == trained(45, text).text())
  }

  @Test("no text and no room are no crash")
  func edges() throws {
    #expect(try PipelineTokenizer(json: trained(10, ""), place: "test").vocabularySize == 2)
    #expect(throws: TokenizerError.self) { try UnigramTrainer(vocabularySize: 1) }
    #expect(throws: TokenizerError.self) {
      try UnigramTrainer(vocabularySize: 10, specialTokens: ["a", "a"])
    }
  }
}
