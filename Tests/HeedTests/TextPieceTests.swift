import Dispatch
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText
import Synchronization
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

  @Test("other tasks go on while more texts are made than there are processors")
  func otherTasks() async throws {
    let plain = try TinyModel.text()
    let gate = Gate()
    let model = TextModel(
      name: "gated", model: plain.model,
      tokenizer: GatedTokenizer(tokenizer: plain.tokenizer, gate: gate))
    let pieces = try model.pieces("ab", settings: settings(count: 3))
    gate.isClosed.store(true, ordering: .releasing)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<ThreadPool.defaultThreadCount + 2 {
        group.addTask { for await _ in pieces {} }
      }
      // Comes last: all texts are waiting for it, each on its thread.
      group.addTask {
        while gate.waiting.load(ordering: .acquiring) == 0 { await Task.yield() }
        gate.open.signal()
      }
    }
    let (waiting, isBroken) = (
      gate.waiting.load(ordering: .acquiring), gate.isBroken.load(ordering: .acquiring)
    )
    #expect(waiting > 0 && !isBroken)
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

/// Once closed, lets nobody through until it is open.
private final class Gate: Sendable {
  let isClosed = Atomic<Bool>(false)
  let open = DispatchSemaphore(value: 0)
  let waiting = Atomic<Int>(0)
  /// Whether somebody has waited for too long.
  let isBroken = Atomic<Bool>(false)

  func pass() {
    guard isClosed.load(ordering: .acquiring) else { return }
    waiting.wrappingAdd(1, ordering: .acquiringAndReleasing)
    if open.wait(timeout: .now() + 20) == .timedOut {
      isBroken.store(true, ordering: .releasing)
    }
    open.signal()
  }
}

/// A tokenizer that gives no text before its gate is open.
private struct GatedTokenizer: Tokenizer {
  let tokenizer: any Tokenizer
  let gate: Gate

  var vocabularySize: Int { tokenizer.vocabularySize }
  func encode(_ text: String, addingSpecialTokens: Bool) throws -> [Int] {
    try tokenizer.encode(text, addingSpecialTokens: addingSpecialTokens)
  }
  func encoding(
    of text: String, and second: String?, addingSpecialTokens: Bool
  ) throws -> Encoding {
    try tokenizer.encoding(of: text, and: second, addingSpecialTokens: addingSpecialTokens)
  }
  func decode(_ ids: [Int], skippingSpecialTokens: Bool) -> String {
    gate.pass()
    return tokenizer.decode(ids, skippingSpecialTokens: skippingSpecialTokens)
  }
  func token(of id: Int) -> String? { tokenizer.token(of: id) }
  func id(of token: String) -> Int? { tokenizer.id(of: token) }
}
