import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText
import Testing

@Suite struct TextPieceTests {
  @Test(
    "pieces hold the text, its tokens and the reason of its end, for every way of choosing",
    arguments: [
      DecodingStrategy.sampling, .beam(BeamSettings(beamCount: 3)),
      .contrastive(candidateCount: 3, penalty: 0.5),
    ])
  func wholeText(strategy: DecodingStrategy) async throws {
    let model = try TinyModel.text()
    var settings = settings(count: 30)
    settings.strategy = strategy
    settings.alternativeCount = 2
    let plain = try #require(try model.generate(["ab"], settings: settings).first)
    settings.stops = [String(plain.text.dropFirst(9).prefix(3))]
    let text = try #require(try model.generate(["ab"], settings: settings).first)
    var pieces: [TextPiece] = []
    for await piece in try model.pieces("ab", settings: settings) { pieces.append(piece) }
    #expect(pieces.map(\.text).joined() == text.text)
    #expect(pieces.flatMap(\.tokens) == text.tokens)
    #expect(text.tokens.allSatisfy { $0.logProbability != nil && $0.alternatives.count == 2 })
    #expect(pieces.compactMap(\.finish) == [text.finish] && pieces.last?.finish != nil)
  }

  @Test("a long prompt is read in slices, to the bits of one piece")
  func slices() throws {
    let model = try TinyModel.text(TinyModel.longLlama)
    let letters = Array(TinyModel.letters)
    let prompt = String((0..<700).map { letters[$0 * $0 % letters.count] })
    let ids = try model.tokenizer.encode(prompt)
    var generator = try TextGenerator(
      model, prompt: prompt, settings: settings(temperature: 0, count: 3))
    var emptyCount = 0
    var pieces: [TextPiece] = []
    while let piece = generator.nextPiece() {
      if piece.text.isEmpty, piece.finish == nil { emptyCount += 1 }
      pieces.append(piece)
    }
    #expect(emptyCount == 2)
    var expected = ids
    for _ in 0..<3 {
      let logits = model.model.logits([expected])
        .sliced(axis: 1, range: expected.count - 1..<expected.count)
      let scores: [Float] = logits.elements()
      expected.append(try #require(scores.indices.max { scores[$0] < scores[$1] }))
    }
    #expect(generator.tokens == expected)
  }

  @Test("a task that is cancelled gets no more pieces, also while a prompt is read")
  func cancelled() async throws {
    let model = try TinyModel.text(TinyModel.longLlama)
    let pieces = try model.pieces("ab", settings: settings(count: 30))
    let long = try model.pieces(String(repeating: "ab", count: 400), settings: settings(count: 30))
    let task = Task {
      var seen: [TextPiece] = []
      for await piece in pieces {
        seen.append(piece)
        withUnsafeCurrentTask { $0?.cancel() }
      }
      // Cancelled already: the prompt is not read at all.
      for await piece in long { seen.append(piece) }
      return seen
    }
    let seen = await task.value
    #expect(seen.count == 1 && seen[0].finish == nil)
  }

  @Test("what is wrong is thrown before anything is read")
  func refused() throws {
    let model = try TinyModel.text()
    #expect(throws: GenerationError.self) { try model.pieces("", settings: settings()) }
    let other = try TinyModel.text(seed: 6)
    let cache = try PromptCache(reading: [1, 2, 3], by: other)
    let error = #expect(throws: GenerationError.self) {
      try model.stream("ab", settings: settings(), cache: cache)
    }
    #expect(error?.code == .promptCache)
  }
}
