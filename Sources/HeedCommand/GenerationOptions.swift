import ArgumentParser
import Heed
import HeedFormats
import HeedModels
import HeedText

/// How tokens are chosen, as options.
struct SamplingOptions: ParsableArguments {
  // Other programs say --max-tokens.
  @Option(
    name: [.customLong("tokens"), .customLong("max-tokens")], parsing: .unconditional,
    help: "The most tokens to add.")
  var tokens = 300
  @Option(
    parsing: .unconditional,
    help: "Logits are divided by this; 0 takes the likeliest token (published, or 0.8).")
  var temperature: Float?
  @Option(parsing: .unconditional, help: "Only this many likeliest tokens.") var topK: Int?
  @Option(parsing: .unconditional, help: "Only the likeliest tokens that reach this mass together.")
  var topP: Float?
  @Option(
    parsing: .unconditional, help: "Only tokens at least this likely, measured by the likeliest.")
  var minP: Float?
  @Option(
    parsing: .unconditional, help: "Only the most typical tokens that reach this mass together.")
  var typicalP: Float?
  @Option(parsing: .unconditional, help: "Only tokens of at least this probability.")
  var epsilonCutoff: Float?
  @Option(
    parsing: .unconditional, help: "Only tokens over a probability that falls with the entropy.")
  var etaCutoff: Float?
  @Option(parsing: .unconditional, help: "Makes tokens of the text less likely.")
  var repetitionPenalty: Float?
  @Option(parsing: .unconditional, help: "Makes generated tokens less likely, for each time.")
  var frequencyPenalty: Float = 0
  @Option(parsing: .unconditional, help: "Makes generated tokens less likely, once.")
  var presencePenalty: Float = 0
  @Option(parsing: .unconditional, help: "No sequence of this many tokens comes twice.")
  var noRepeat: Int?
  @Option(
    parsing: .unconditionalSingleValue,
    help: "A text that must not come; may be given several times.")
  var forbid: [String] = []
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Add to the logit of a token, by its id or its text; may be given several times.",
      valueName: "token=value"))
  var logitBias: [String] = []
  @Option(parsing: .unconditional, help: "The least number of tokens before an end.")
  var minTokens = 0
  @Flag(help: "Leave out the sampling settings that were published with the model.")
  var noPublished = false
  @Option(parsing: .unconditional, help: "The same seed gives the same text.") var seed: UInt64 = 0
  @Option(parsing: .unconditionalSingleValue, help: "End at this text; may be given several times.")
  var stop: [String] = []
  @Option(
    parsing: .unconditionalSingleValue, help: "End at this token id; may be given several times.")
  var stopToken: [Int] = []

  /// What was given, over what was published with the model.
  ///
  /// - Parameter strategy: only sampling has a temperature unless one is given.
  func sampling(
    for strategy: DecodingStrategy, published: PublishedGeneration = PublishedGeneration()
  ) -> SamplingSettings {
    var settings = SamplingSettings(temperature: strategy == .sampling ? 0.8 : 1, seed: seed)
    settings.apply(published, withFilters: strategy == .sampling)
    settings.frequencyPenalty = frequencyPenalty
    settings.presencePenalty = presencePenalty
    if minTokens != 0 { settings.minimumNewTokens = minTokens }
    settings.topK = topK ?? settings.topK
    settings.noRepeatLength = noRepeat ?? settings.noRepeatLength
    set(&settings.temperature, temperature)
    set(&settings.topP, topP)
    set(&settings.minP, minP)
    set(&settings.typicalP, typicalP)
    set(&settings.epsilonCutoff, epsilonCutoff)
    set(&settings.etaCutoff, etaCutoff)
    set(&settings.repetitionPenalty, repetitionPenalty)
    return settings
  }

  /// Changes a setting where an option was given.
  private func set(_ setting: inout Float, _ option: Float?) {
    if let option { setting = option }
  }

  func validate() throws {
    guard tokens > 0 else { throw ValidationError("--tokens must be 1 or more, not \(tokens)") }
    if let problem = sampling(for: .sampling).problem { throw ValidationError(problem) }
    for (name, texts) in [("--stop", stop), ("--forbid", forbid)] where texts.contains("") {
      throw ValidationError("\(name) must not be empty")
    }
    for bias in logitBias where Self.parts(of: bias) == nil {
      throw ValidationError("--logit-bias must be TOKEN=VALUE, not \"\(bias)\"")
    }
  }

  private static func parts(of bias: String) -> (token: String, value: Float)? {
    guard let place = bias.lastIndex(of: "="), place > bias.startIndex,
      let value = Float(bias[bias.index(after: place)...]), !value.isNaN, value != .infinity
    else { return nil }
    return (String(bias[..<place]), value)
  }

  /// All settings, with texts turned into the ids of a tokenizer.
  func settings(
    _ text: TextModel, _ model: ModelOptions, strategy: DecodingStrategy = .sampling
  ) throws -> GenerationSettings {
    let published = noPublished ? PublishedGeneration() : try model.published()
    var settings = GenerationSettings(
      sampling: sampling(for: strategy, published: published), newTokenCount: tokens, stops: stop)
    settings.strategy = strategy
    if let problem = settings.problem {
      throw CommandError("\(problem) (published with the model: --no-published leaves it out)")
    }
    let tokenizer = text.tokenizer
    settings.sampling.forbiddenSequences += try forbid.map {
      try tokenizer.encode($0, addingSpecialTokens: false)
    }
    for bias in logitBias {
      guard let (token, value) = Self.parts(of: bias) else { continue }
      if let id = Int(token) {
        guard id >= 0, id < text.model.spec.vocabularySize else {
          throw CommandError("--logit-bias: there is no token \(id)")
        }
        settings.sampling.bias[id] = value
        continue
      }
      let ids = try tokenizer.encode(token, addingSpecialTokens: false)
      guard ids.count == 1 else {
        throw CommandError("--logit-bias: \"\(token)\" is \(ids.count) tokens, not one")
      }
      settings.sampling.bias[ids[0]] = value
    }
    for id in stopToken where !(0..<text.model.spec.vocabularySize).contains(id) {
      throw CommandError("--stop-token: there is no token \(id)")
    }
    if !stopToken.isEmpty { settings.stopTokens = text.model.spec.endTokens + stopToken }
    return settings
  }
}

/// How texts are searched for, as options.
struct SearchOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "How many texts each prompt gets, the best first.")
  var results = 1
  @Option(parsing: .unconditional, help: "Beam search with this many beams.") var beams: Int?
  @Option(
    parsing: .unconditional,
    help: "Beams: over 0 favours long texts, below 0 short ones (default: 1).")
  var lengthPenalty: Float?
  @Option(help: "Beams: when the search ends: full, heuristic (the default) or sure.")
  var beamEnd: String?
  @Option(parsing: .unconditional, help: "Beams: groups that avoid each other (default: 1).")
  var beamGroups: Int?
  @Option(parsing: .unconditional, help: "Beams: how much groups avoid each other (default: 0).")
  var diversityPenalty: Float?
  @Option(parsing: .unconditional, help: "Contrastive search among this many candidates.")
  var contrastive: Int?
  @Option(parsing: .unconditional, help: "Contrastive search: from 0, greedy, to 1 (default: 0.6).")
  var contrastivePenalty: Float?

  var strategy: DecodingStrategy {
    if let beams {
      let ending: BeamSettings.Ending =
        beamEnd == "full" ? .whenFull : beamEnd == "sure" ? .whenSure : .heuristic
      return .beam(
        BeamSettings(
          beamCount: beams, lengthPenalty: lengthPenalty ?? 1, ending: ending,
          groupCount: beamGroups ?? 1, diversityPenalty: diversityPenalty ?? 0))
    }
    if let contrastive {
      return .contrastive(candidateCount: contrastive, penalty: contrastivePenalty ?? 0.6)
    }
    return .sampling
  }

  func validate() throws {
    if let beamEnd, !["full", "heuristic", "sure"].contains(beamEnd) {
      throw ValidationError("--beam-end must be full, heuristic or sure, not \"\(beamEnd)\"")
    }
    if beams != nil, contrastive != nil {
      throw ValidationError("--beams and --contrastive are two ways: choose one")
    }
    try refuseUnused()
    var settings = GenerationSettings()
    settings.strategy = strategy
    settings.resultCount = results
    if let problem = settings.problem { throw ValidationError(problem) }
  }

  /// Refuses settings of a search that nobody asked for.
  private func refuseUnused() throws {
    let ofBeams = [
      ("--length-penalty", lengthPenalty != nil), ("--beam-end", beamEnd != nil),
      ("--beam-groups", beamGroups != nil), ("--diversity-penalty", diversityPenalty != nil),
    ]
    for (name, isGiven) in ofBeams where isGiven && beams == nil {
      throw ValidationError("\(name) goes with --beams")
    }
    if diversityPenalty ?? 0 != 0, beamGroups ?? 1 == 1 {
      throw ValidationError("--diversity-penalty goes with --beam-groups: one group avoids none")
    }
    if contrastivePenalty != nil, contrastive == nil {
      throw ValidationError("--contrastive-penalty goes with --contrastive")
    }
  }
}
