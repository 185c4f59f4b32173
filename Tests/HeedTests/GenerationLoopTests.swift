import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText
import Testing

@Suite struct GenerationLoopTests {
  private let prompts = ["ab", "c", "hgf edc ba. 0123", "a, b, c, d, e, f, g, h"]

  private func one(
    _ model: TextModel, _ prompt: String, _ settings: GenerationSettings,
    cache: PromptCache? = nil
  ) throws -> GeneratedText {
    try #require(try model.generate([prompt], settings: settings, cache: cache).first)
  }

  @Test(
    "a text is the same alone, beside others, on any number of threads and from a cache",
    arguments: TinyModel.all, [Float(0), 1])
  func neighbours(config: JSONValue, temperature: Float) throws {
    let model = try TinyModel.text(config)
    // Longer than the context: windows move at other times for each prompt.
    let settings = settings(temperature: temperature, count: 70)
    let alone = try prompts.map { try one(model, $0, settings).text }
    #expect(try model.generate(prompts, settings: settings).map(\.text) == alone)
    for threads in [1, 2, 3] {
      let texts = try ThreadPool.withThreadCount(threads) {
        try model.generate(prompts.reversed(), settings: settings).map(\.text)
      }
      #expect(texts == alone.reversed())
    }
    for (prompt, text) in zip(prompts, alone) {
      for known in [prompt, prompt + "abc", String(prompt.prefix(1)) + "hh"] {
        let cache = try PromptCache(reading: model.tokenizer.encode(known), by: model)
        #expect(try one(model, prompt, settings, cache: cache).text == text)
      }
    }
  }

  @Test(
    "guesses ahead never change the text", arguments: TinyModel.all, [Float(0), 0.7])
  func speculation(config: JSONValue, temperature: Float) throws {
    let model = try TinyModel.text(config)
    // One draft that is always right, one that hardly ever is.
    let drafts = [model, try TinyModel.text(TinyModel.llama, seed: 77)]
    for prompt in prompts {
      for count in [12, 60] {
        var settings = settings(temperature: temperature, count: count, seed: 3)
        settings.alternativeCount = 2
        let plain = try one(model, prompt, settings)
        var ways: [Speculation] = [.lookup(count: 1), .lookup(count: 5)]
        ways += drafts.flatMap { [.draft($0, count: 1), .draft($0, count: 6)] }
        for way in ways {
          settings.speculation = way
          let guessed = try one(model, prompt, settings)
          #expect(guessed.text == plain.text && guessed.tokens == plain.tokens)
          #expect(guessed.finish == plain.finish && guessed.score == plain.score)
        }
      }
    }
  }

  @Test(
    "bfloat16 products and caches of 16 and 8 bits change a text, but not from way to way",
    arguments: [TinyModel.gpt2, TinyModel.llama, TinyModel.mistral],
    [ElementType.bfloat16, .int8])
  func smallCaches(config: JSONValue, cacheType: ElementType) throws {
    let model = try TinyModel.text(config, precision: .bfloat16, cacheType: cacheType)
    var settings = settings(count: 60)
    let alone = try prompts.map { try one(model, $0, settings).text }
    #expect(try model.generate(prompts, settings: settings).map(\.text) == alone)
    let exact = try TinyModel.text(config)
    #expect(try prompts.map { try one(exact, $0, settings).text } != alone)
    settings.speculation = .draft(exact, count: 3)
    #expect(try model.generate(prompts, settings: settings).map(\.text) == alone)
    settings.speculation = nil
    for (prompt, text) in zip(prompts, alone) {
      let cache = try PromptCache(reading: model.tokenizer.encode(prompt), by: model)
      try withFile { path in
        try cache.save(to: path)
        let known = try PromptCache(contentsOf: path, for: model)
        #expect(try one(model, prompt, settings, cache: known).text == text)
        let other = try TinyModel.text(config, precision: .bfloat16, cacheType: .float32)
        #expect(throws: FormatError.self) { try PromptCache(contentsOf: path, for: other) }
      }
    }
  }

  @Test("a draft that is right is read several tokens at a time, also past its own context")
  func longDraft() throws {
    let model = try TinyModel.text(TinyModel.longLlama)
    let draft = try TinyModel.text(TinyModel.llama)
    var settings = settings(temperature: 0, count: 120)
    let plain = try one(model, "ab", settings).text
    settings.speculation = .draft(draft, count: 3)
    var batch = try BatchGenerator(model, prompts: ["ab"], settings: settings)
    #expect(batch.all().map(\.text) == [plain])
    var proposer = DraftProposer(DecoderSteps(draft.model), count: 3)
    let history = TokenHistory(tokens: Array(repeating: 1, count: 90), promptCount: 2)
    let chooser = TokenChooser(SamplingSettings(), endTokens: [], promptCount: 2)
    var place: ConstrainedPlace?
    #expect(proposer.propose(history, limit: 5, chooser, &place).count == 3)
  }

  @Test("tokens of a LongRoPE model are scored by one pass over the text so far")
  func longRope() throws {
    let model = try TinyModel.text(TinyModel.longRope)
    let text = try one(model, "abc, de", settings(temperature: 0, count: 24))
    var tokens = try model.tokenizer.encode("abc, de")
    for token in text.tokens {
      let logits = model.model.logits([tokens])
      let last: [Float] = logits.sliced(axis: 1, range: tokens.count - 1..<tokens.count).elements()
      #expect(last.indices.max { last[$0] < last[$1] } == token.id)
      tokens.append(token.id)
    }
    #expect(tokens.count == 31)
  }

  @Test("a draft that is right is read several tokens at a time")
  func fewerRounds() throws {
    let model = try TinyModel.text()
    var settings = settings(temperature: 0, count: 30)
    func rounds() throws -> Int {
      var batch = try BatchGenerator(model, prompts: ["ab"], settings: settings)
      var count = 0
      while batch.next() != nil { count += 1 }
      return count
    }
    let plain = try rounds()
    settings.speculation = .draft(model, count: 4)
    let guessed = try rounds()
    #expect(plain >= 30 && guessed <= 8)
  }

  @Test("one beam is greedy, and contrastive search without a penalty too")
  func sameAsGreedy() throws {
    for config in TinyModel.all {
      let model = try TinyModel.text(config)
      var settings = settings(temperature: 0, count: 60)
      let greedy = try one(model, "abc", settings).text
      settings.strategy = .beam(BeamSettings(beamCount: 1))
      #expect(try one(model, "abc", settings).text == greedy)
      settings.strategy = .contrastive(candidateCount: 3, penalty: 0)
      #expect(try one(model, "abc", settings).text == greedy)
    }
  }

  @Test("as many beams as there are texts find the likeliest text")
  func exhaustive() throws {
    let model = try TinyModel.text(letters: "abc")
    var settings = settings(count: 3)
    settings.strategy = .beam(BeamSettings(beamCount: 9, lengthPenalty: 0))
    settings.resultCount = 3
    let found = try model.generate(["ab"], settings: settings)
    // All 27 texts with their log-probabilities.
    let prompt = try model.tokenizer.encode("ab")
    var all: [(ids: [Int], score: Float)] = []
    for code in 0..<27 {
      let ids = [code / 9, code / 3 % 3, code % 3]
      let logs = model.model.logits([prompt + ids]).logSoftmax()
      let score = ids.enumerated().reduce(Float(0)) { sum, step in
        sum + logs[0, prompt.count - 1 + step.offset, step.element]
      }
      all.append((ids, score))
    }
    all.sort { $0.score > $1.score }
    #expect(found.map { $0.tokens.map(\.id) } == all.prefix(3).map(\.ids))
    for (text, best) in zip(found, all) {
      #expect(abs((text.score ?? 0) - best.score) < 1e-4)
    }
  }

  @Test("beam search beside other prompts finds what it finds alone")
  func beamBatch() throws {
    for config in TinyModel.all {
      let model = try TinyModel.text(config)
      var settings = settings(count: 40)
      settings.strategy = .beam(
        BeamSettings(beamCount: 4, ending: .whenSure, groupCount: 2, diversityPenalty: 0.8))
      settings.stopTokens = try model.tokenizer.encode(".")
      settings.resultCount = 2
      let alone = try prompts.flatMap { prompt in
        try model.generate([prompt], settings: settings).map(\.text)
      }
      #expect(try model.generate(prompts, settings: settings).map(\.text) == alone)
    }
  }

  @Test("groups of beams that avoid each other begin differently")
  func diverse() throws {
    let model = try TinyModel.text()
    var settings = settings(count: 6)
    settings.resultCount = 4
    func texts(_ penalty: Float) throws -> [String] {
      settings.strategy = .beam(
        BeamSettings(beamCount: 4, groupCount: 4, diversityPenalty: penalty))
      return try model.generate(["ab"], settings: settings).map(\.text)
    }
    #expect(try Set(texts(0)).count == 1)
    #expect(try Set(texts(50).map { $0.prefix(1) }).count == 4)
  }

  @Test("a stop ends a beam as an end token does, and its tokens have probabilities")
  func beamStops() throws {
    let model = try TinyModel.text()
    var settings = settings(count: 12)
    settings.strategy = .beam(BeamSettings(beamCount: 4, lengthPenalty: 0, ending: .whenSure))
    settings.alternativeCount = 3
    settings.resultCount = 4
    let free = try model.generate(["ab"], settings: settings)
    // The sum of the probabilities of all tokens is the score.
    for text in free {
      let sum = text.tokens.reduce(Float(0)) { $0 + ($1.logProbability ?? .infinity) }
      #expect(abs(sum - (text.score ?? 0)) < 1e-4)
    }
    settings.stops = [String(free[0].text.prefix(2))]
    let stopped = try model.generate(["ab"], settings: settings)
    // A text that stopped early was not read on: it stands beside others of full length.
    #expect(stopped.contains { $0.finish == .stop(settings.stops[0]) })
    for text in stopped {
      #expect(!text.text.contains(settings.stops[0]))
      #expect(text.tokens.map(\.id) == (try model.tokenizer.encode(text.text)))
    }
    #expect(Set(stopped.map(\.text)).count == 4)
  }

  @Test("no sequence of two comes twice in a beam")
  func beamRules() throws {
    let model = try TinyModel.text()
    var settings = settings(count: 25)
    settings.strategy = .beam(BeamSettings(beamCount: 3))
    settings.sampling.noRepeatLength = 2
    let ids = try one(model, "a", settings).tokens.map(\.id)
    let pairs = zip(ids, ids.dropFirst()).map { [$0, $1] }
    #expect(pairs.count == 24 && Set(pairs).count == pairs.count)
  }

  @Test("a penalty for likeness makes contrastive search repeat itself less")
  func contrastive() throws {
    let model = try TinyModel.text()
    var settings = settings(temperature: 0, count: 30)
    settings.strategy = .contrastive(candidateCount: 6, penalty: 0.9)
    let texts = try prompts.map { try one(model, $0, settings).text }
    #expect(try model.generate(prompts, settings: settings).map(\.text) == texts)
    for (prompt, text) in zip(prompts, texts) {
      let ids = try model.tokenizer.encode(prompt)
      try withFile { path in
        try PromptCache(reading: ids, by: model, keepsHiddenStates: true).save(to: path)
        let cache = try PromptCache(contentsOf: path, for: model)
        #expect(cache.sharedCount(with: ids, keepsHiddenStates: true) == ids.count - 1)
        #expect(try one(model, prompt, settings, cache: cache).text == text)
      }
      let plain = try PromptCache(reading: ids, by: model)
      #expect(plain.sharedCount(with: ids, keepsHiddenStates: true) == 0)
      #expect(try one(model, prompt, settings, cache: plain).text == text)
    }
    settings.strategy = .contrastive(candidateCount: 6, penalty: 0)
    #expect(try prompts.map { try one(model, $0, settings).text } != texts)
  }

  @Test("several texts of one prompt differ, are ranked, and the first draw is the usual one")
  func several() throws {
    let model = try TinyModel.text()
    var settings = settings(count: 20)
    let usual = try one(model, "ab", settings).text
    settings.resultCount = 5
    let texts = try model.generate(["ab", "c"], settings: settings)
    #expect(texts.map(\.prompt) == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    #expect(texts.prefix(5).map(\.text).contains(usual))
    #expect(Set(texts.prefix(5).map(\.text)).count == 5)
    let scores = texts.prefix(5).map { $0.score ?? 0 }
    #expect(scores == scores.sorted(by: >))
  }

  @Test("log-probabilities are the model's, and the alternatives the likeliest in order")
  func probabilities() throws {
    let model = try TinyModel.text()
    var settings = settings(temperature: 0.5, count: 8)
    settings.sampling.topK = 3
    settings.alternativeCount = 4
    let text = try one(model, "ab", settings)
    var ids = try model.tokenizer.encode("ab")
    for token in text.tokens {
      let logs = model.model.logits([ids]).sliced(axis: 1, range: ids.count - 1..<ids.count)
        .logSoftmax().elements(as: Float.self)
      #expect(token.logProbability == logs[token.id])
      #expect(token.alternatives.map(\.logProbability) == Array(logs.sorted(by: >).prefix(4)))
      ids.append(token.id)
    }
    let whole = try model.probabilities(of: ids, alternativeCount: 4)
    #expect(whole.map(\.id) == ids && whole.dropFirst(2) == text.tokens[...])
    #expect(whole[0].logProbability == nil && whole[1].logProbability != nil)
    let sum = text.tokens.reduce(0.0) { $0 + Double($1.logProbability ?? 0) }
    #expect(text.score == Float(sum))
  }

  @Test("a text ends at a stop, an end token, its length or the last position, and says so")
  func endings() throws {
    let model = try TinyModel.text()
    var settings = settings(count: 25, seed: 8)
    let plain = try one(model, "ab", settings)
    #expect(plain.finish == .length && plain.tokens.count == 25)
    let end = plain.tokens[6].id
    settings.stopTokens = [end]
    let ended = try one(model, "ab", settings)
    let first = try #require(plain.tokens.firstIndex { $0.id == end })
    #expect(ended.finish == .endToken(end) && ended.tokens.count == first)
    settings.stopTokens = nil
    settings.stops = ["nothing", String(plain.text.dropFirst(7).prefix(3))]
    let stopped = try one(model, "ab", settings)
    #expect(plain.text.hasPrefix(stopped.text) && !stopped.text.contains(settings.stops[1]))
    #expect(stopped.finish == .stop(settings.stops[1]))
    #expect(stopped.tokens.count == stopped.text.unicodeScalars.count)
    settings.stops = []
    settings.newTokenCount = 100
    settings.overflow = .stop
    let full = try one(model, "ab", settings)
    #expect(full.finish == .context && full.tokens.count == 38)
    settings.newTokenCount = 0
    #expect(try one(model, "ab", settings).text.isEmpty)
  }

  @Test("an end is held back until the least length")
  func leastLength() throws {
    let model = try TinyModel.text()
    var settings = settings(temperature: 0, count: 25)
    let first = try #require(try one(model, "ab", settings).tokens.first?.id)
    settings.stopTokens = [first]
    #expect(try one(model, "ab", settings).tokens.isEmpty)
    settings.sampling.minimumNewTokens = 5
    #expect(try one(model, "ab", settings).tokens.count >= 5)
  }

  @Test("what cannot be generated is refused with words")
  func refused() throws {
    let model = try TinyModel.text()
    func code(_ prompt: String, _ change: (inout GenerationSettings) -> Void = { _ in })
      -> GenerationError.Code?
    {
      var settings = settings()
      change(&settings)
      do { _ = try model.generate([prompt], settings: settings) } catch {
        return (error as? GenerationError)?.code
      }
      return nil
    }
    #expect(code("") == .prompt)
    #expect(code("a") { $0.resultCount = 0 } == .settings)
    let long = String(repeating: "ab", count: 21)
    #expect(code(long) == .promptTooLong)
    #expect(code(long) { $0.allowsLongPrompts = true } == nil)
    // Fewer tokens, and as many in another order.
    for letters in ["ab", TinyModel.letters.replacing("a", with: "z")] {
      let other = try TinyModel.text(letters: letters)
      #expect(code("a") { $0.speculation = .draft(other, count: 2) } == .settings)
    }
    for strategy in [
      DecodingStrategy.beam(BeamSettings(beamCount: 2)),
      .contrastive(candidateCount: 2, penalty: 0.5),
    ] {
      for change in [
        { $0.topK = 3 }, { $0.topP = 0.9 }, { $0.minP = 0.1 }, { $0.typicalP = 0.9 },
        { $0.temperature = 0.7 }, { $0.etaCutoff = 0.1 },
      ] as [(inout SamplingSettings) -> Void] {
        let refusal = code("a") {
          $0.strategy = strategy
          change(&$0.sampling)
        }
        #expect(refusal == .settings)
      }
    }
    #expect(throws: TokenizerError.self) {
      try model.generate(["\u{4E2D}"], settings: settings())
    }
  }

  @Test("a stream gives the pieces of the text and ends when nobody listens")
  func stream() async throws {
    let model = try TinyModel.text()
    let settings = settings(count: 40)
    let whole = try one(model, "ab", settings).text
    var text = ""
    for await piece in try model.stream("ab", settings: settings) { text += piece }
    #expect(text == whole)
    var count = 0
    for await _ in try model.stream("ab", settings: settings) {
      count += 1
      if count == 3 { break }
    }
    #expect(count == 3)
  }

  @Test("the window of a long text keeps its beginning and its end, and only depends on its length")
  func window() {
    for limit in 1..<12 {
      for sinks in 0..<6 {
        let window = ContextWindow(limit: limit, sinkCount: sinks)
        for count in 1..<60 {
          let tokens = Array(0..<count)
          let visible = window.visible(tokens)
          #expect(visible.count <= limit && !visible.isEmpty && visible.last == count - 1)
          if count <= limit { #expect(visible == tokens) }
          #expect(visible.prefix(window.sinkCount) == tokens.prefix(window.sinkCount))
        }
      }
    }
  }
}
