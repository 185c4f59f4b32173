import HeedTensor

/// How the next token is chosen from its logits: what a person sets. `chain` makes processors of it.
public struct SamplingSettings: Sendable, Hashable {
  /// Logits are divided by this; 0 takes the likeliest token.
  public var temperature: Float
  /// Only this many likeliest tokens; nil is no limit.
  public var topK: Int?
  /// Only the likeliest tokens that together reach this mass; 1 is no limit.
  public var topP: Float
  /// Only tokens at least this likely, measured by the likeliest; 0 is no limit.
  public var minP: Float
  /// Only the most typical tokens that together reach this mass; 1 is no limit.
  public var typicalP: Float = 1
  /// Only tokens of at least this probability; 0 is no limit.
  public var epsilonCutoff: Float = 0
  /// Only tokens over a probability that falls with the entropy; 0 is no limit.
  public var etaCutoff: Float = 0
  /// Logits of tokens that stand in the text are divided by this where positive, multiplied where
  /// negative; 1 changes nothing.
  public var repetitionPenalty: Float
  /// Taken from the logit of a generated token for each time that it came.
  public var frequencyPenalty: Float = 0
  /// Taken from the logit of a token that was generated at all.
  public var presencePenalty: Float = 0
  /// No sequence of this many tokens comes twice; nil is no limit.
  public var noRepeatLength: Int?
  /// Added to the logits of single tokens.
  public var bias: [Int: Float] = [:]
  /// Sequences of ids that must not come.
  public var forbiddenSequences: [[Int]] = []
  /// Tokens that must not come.
  public var suppressedTokens: [Int] = []
  /// Tokens that must not come first.
  public var suppressedFirstTokens: [Int] = []
  /// One of these has to come first; empty for any.
  public var forcedFirstTokens: [Int] = []
  /// The least number of tokens before an end.
  public var minimumNewTokens = 0
  /// The seed of the draws: the same seed gives the same text.
  public var seed: UInt64

  /// Plain sampling, unless told otherwise.
  public init(
    temperature: Float = 1, topK: Int? = nil, topP: Float = 1, minP: Float = 0,
    repetitionPenalty: Float = 1, seed: UInt64 = 0
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.seed = seed
  }

  /// Temperatures below this take the likeliest token: dividing by them would leave the numbers that
  /// 32 bits can hold, and long before that nothing else is ever drawn.
  static let coldest: Float = 1e-30

  /// What is wrong with the numbers; nil when nothing is.
  public var problem: String? {
    func share(_ value: Float, _ name: String) -> String? {
      value > 0 && value <= 1 ? nil : "\(name) must be over 0 and at most 1, not \(value)"
    }
    func limit(_ value: Float, _ name: String) -> String? {
      value >= 0 && value <= 1 ? nil : "\(name) must be from 0 to 1, not \(value)"
    }
    if !(temperature >= 0 && temperature.isFinite) {
      return "the temperature must be a number of 0 or more, not \(temperature)"
    }
    if let topK, topK < 1 { return "top-k must be 1 or more, not \(topK)" }
    if let problem = share(topP, "top-p") ?? limit(minP, "min-p") ?? share(typicalP, "typical-p")
      ?? limit(epsilonCutoff, "the epsilon cut-off") ?? limit(etaCutoff, "the eta cut-off")
    {
      return problem
    }
    if !(repetitionPenalty > 0 && repetitionPenalty.isFinite) {
      return "the repetition penalty must be over 0, not \(repetitionPenalty)"
    }
    if !(frequencyPenalty.isFinite && presencePenalty.isFinite) {
      return "the frequency and presence penalties must be finite numbers"
    }
    if let noRepeatLength, noRepeatLength < 1 {
      return "the length of sequences that do not repeat must be 1 or more, not \(noRepeatLength)"
    }
    if minimumNewTokens < 0 {
      return "the least number of new tokens must be 0 or more, not \(minimumNewTokens)"
    }
    // Minus infinity forbids a token; plus infinity leaves no probabilities.
    if bias.values.contains(where: { $0.isNaN || $0 == .infinity }) {
      return "a bias must be a number, or minus infinity"
    }
    return nil
  }

  /// What changes logits whatever the way of choosing: penalties, biases, lengths.
  ///
  /// - Parameters:
  ///   - endTokens: ids that end a text.
  ///   - promptCount: tokens of the prompt.
  public func rules(endTokens: [Int], promptCount: Int) -> ScoreChain {
    var chain: [any ScoreProcessor] = []
    if !bias.isEmpty {
      chain.append(SequenceBias(bias.sorted { $0.key < $1.key }.map { .init([$0.key], $0.value) }))
    }
    if repetitionPenalty != 1 { chain.append(RepetitionPenalty(repetitionPenalty)) }
    if frequencyPenalty != 0 || presencePenalty != 0 {
      chain.append(FrequencyPenalty(frequency: frequencyPenalty, presence: presencePenalty))
    }
    if let noRepeatLength { chain.append(NoRepeatedSequence(length: noRepeatLength)) }
    if !forbiddenSequences.isEmpty {
      chain.append(SequenceBias(forbidden: forbiddenSequences, endTokens: endTokens))
    }
    if minimumNewTokens > 0 { chain.append(MinimumLength(minimumNewTokens, endTokens: endTokens)) }
    if !suppressedTokens.isEmpty { chain.append(SuppressedTokens(suppressedTokens)) }
    if !suppressedFirstTokens.isEmpty {
      chain.append(SuppressedTokens(suppressedFirstTokens, at: promptCount))
    }
    if !forcedFirstTokens.isEmpty { chain.append(ForcedToken(forcedFirstTokens, at: promptCount)) }
    return ScoreChain(chain)
  }

  /// What leaves unlikely tokens out before one is drawn.
  public var filters: ScoreChain {
    guard temperature >= Self.coldest else { return ScoreChain() }
    var chain: [any ScoreProcessor] = []
    // Dividing keeps the order, so the k likeliest are found first and the rest never divided.
    if let topK { chain.append(TopK(topK)) }
    if temperature != 1 { chain.append(Temperature(temperature)) }
    if topP < 1 { chain.append(TopP(topP)) }
    if minP > 0 { chain.append(MinP(minP)) }
    if typicalP < 1 { chain.append(TypicalMass(typicalP)) }
    if epsilonCutoff > 0 { chain.append(EpsilonCutoff(epsilonCutoff)) }
    if etaCutoff > 0 { chain.append(EtaCutoff(etaCutoff)) }
    return ScoreChain(chain)
  }

  /// The name of a filter, or of a temperature that is neither 1 nor greedy; nil when there is none.
  var filterInUse: String? {
    if temperature >= Self.coldest, temperature != 1 { return "a temperature of \(temperature)" }
    let filters: [(String, Bool)] = [
      ("top-k", topK != nil), ("top-p", topP < 1), ("min-p", minP > 0), ("typical-p", typicalP < 1),
      ("the epsilon cut-off", epsilonCutoff > 0), ("the eta cut-off", etaCutoff > 0),
    ]
    return filters.first(where: \.1)?.0
  }

  /// The token after `history`, from its logits `[V]`.
  ///
  /// - Parameter step: counts draws: a step draws the same number whatever came before.
  public func token(from logits: [Float], history: [Int], step: Int) -> Int {
    let history = TokenHistory(tokens: history, promptCount: history.count - step)
    let chooser = TokenChooser(self, endTokens: [], promptCount: history.promptCount)
    var scores = TokenScores(logits)
    return chooser.choose(&scores, history) ?? 0
  }
}

/// Chooses tokens: rules, filters, and a draw that depends on the seed and the step alone.
public struct TokenChooser: Sendable {
  private let rules: ScoreChain
  private let filters: ScoreChain
  private let isGreedy: Bool
  private let seed: UInt64
  /// Which of several texts of one prompt this is: each draws other numbers.
  private let sample: UInt64

  /// The chooser of `settings`.
  public init(
    _ settings: SamplingSettings, endTokens: [Int], promptCount: Int, sample: Int = 0
  ) {
    rules = settings.rules(endTokens: endTokens, promptCount: promptCount)
    filters = settings.filters
    isGreedy = settings.temperature < SamplingSettings.coldest
    seed = settings.seed
    self.sample = UInt64(max(0, sample))
  }

  /// Penalties, biases and lengths alone.
  func applyRules(_ scores: inout TokenScores, _ history: TokenHistory) {
    rules.process(&scores, history)
  }

  /// The token that follows `history`; nil when none may come. `scores` are the logits, and are
  /// changed.
  ///
  /// - Parameter mask: what may come by a constraint; nil for everything.
  public func choose(
    _ scores: inout TokenScores, _ history: TokenHistory, mask: [Int]? = nil
  ) -> Int? {
    if let mask { scores.keep(mask) }
    rules.process(&scores, history)
    if isGreedy { return scores.best }
    filters.process(&scores, history)
    // The stream is the step, and the sample stands far above any step.
    var generator = RandomGenerator(
      seed: seed, stream: sample << 40 | UInt64(max(0, history.newCount)))
    let draw = Double.random(in: 0..<1, using: &generator)
    return placeDrawn(draw, masses: scores.openProbabilities).map { scores.id(at: $0) }
  }
}
