public import HeedText

/// What to generate and when to stop.
public struct GenerationSettings: Sendable {
  /// How tokens are chosen.
  public var sampling: SamplingSettings
  /// How texts are searched for.
  public var strategy = DecodingStrategy.sampling
  /// The most tokens to add.
  public var newTokenCount: Int
  /// Texts that end the generation; they are not part of the result.
  public var stops: [String]
  /// Ids that end the generation; those of the model when nil.
  public var stopTokens: [Int]?
  /// How many texts each prompt gets, the best first.
  public var resultCount = 1
  /// How many of the likeliest tokens are reported for each token; nil reports none, and no
  /// probabilities.
  public var alternativeCount: Int?
  /// What the text has to match.
  public var constraint: TextConstraint?
  /// Guesses several tokens ahead, to be checked in one pass; the text stays the same.
  public var speculation: Speculation?
  /// What happens when a text outgrows the positions of the model.
  public var overflow = Overflow.slide(sinkCount: 4)
  /// Whether a prompt may be longer than the positions of the model; the part that does not fit is
  /// then forgotten. Otherwise it is an error.
  public var allowsLongPrompts = false

  /// Up to `newTokenCount` tokens.
  public init(
    sampling: SamplingSettings = SamplingSettings(), newTokenCount: Int = 200, stops: [String] = []
  ) {
    self.sampling = sampling
    self.newTokenCount = newTokenCount
    self.stops = stops
  }

  /// What happens at the last position of the model.
  public enum Overflow: Sendable, Hashable {
    /// The text ends.
    case stop
    /// The first tokens and the latest stay, those between are forgotten (see `ContextWindow`).
    case slide(sinkCount: Int)
  }

  /// What is wrong with the settings; nil when nothing is.
  public var problem: String? {
    if let problem = sampling.problem ?? strategy.problem(resultCount: resultCount) {
      return problem
    }
    if newTokenCount < 0 { return "the number of new tokens must be 0 or more" }
    if resultCount < 1 || resultCount > 1024 {
      return "the number of texts must be from 1 to 1024, not \(resultCount)"
    }
    if let alternativeCount, alternativeCount < 0 {
      return "the number of alternatives must be 0 or more, not \(alternativeCount)"
    }
    if strategy != .sampling {
      if speculation != nil { return "guessing ahead goes with sampling and greedy choice only" }
      if let filter = sampling.filterInUse {
        return "\(filter) chooses what is drawn: beams and contrastive search draw nothing"
      }
    }
    return nil
  }
}

extension GenerationSettings {
  /// Whether a text was cut before it matched what it has to.
  public func isCut(_ text: GeneratedText) -> Bool {
    guard let constraint, text.finish == .length || text.finish == .context else { return false }
    return !constraint.matches(text.text)
  }
}

/// How texts are searched for: a value.
public enum DecodingStrategy: Sendable, Hashable {
  /// Token by token, each chosen as the sampling settings say; a temperature of 0 is greedy.
  case sampling
  /// The likeliest texts, by keeping several beginnings at a time.
  case beam(BeamSettings)
  /// Token by token: of the likeliest candidates the one that is least like what was said (Su et al.
  /// 2022, arXiv 2202.06417). The penalty is from 0, greedy, to 1, unlikeness alone.
  case contrastive(candidateCount: Int, penalty: Float)

  func problem(resultCount: Int) -> String? {
    switch self {
    case .sampling: return nil
    case .beam(let beam):
      if beam.beamCount < 1 || beam.beamCount > 1024 {
        return "the number of beams must be from 1 to 1024, not \(beam.beamCount)"
      }
      if beam.groupCount < 1 || beam.beamCount % beam.groupCount != 0 {
        return "\(beam.beamCount) beams cannot be shared by \(beam.groupCount) groups"
      }
      if resultCount > beam.beamCount {
        return "\(resultCount) texts need as many beams; there are \(beam.beamCount)"
      }
      if !beam.lengthPenalty.isFinite || !beam.diversityPenalty.isFinite {
        return "the penalties of beam search must be finite numbers"
      }
      return nil
    case .contrastive(let count, let penalty):
      if count < 1 || count > 1024 { return "the number of candidates must be from 1 to 1024" }
      if !(penalty >= 0 && penalty <= 1) { return "the contrastive penalty must be from 0 to 1" }
      if resultCount > 1 { return "contrastive search gives one text for each prompt" }
      return nil
    }
  }
}

/// How beam search goes.
public struct BeamSettings: Sendable, Hashable {
  /// Beginnings that are kept.
  public var beamCount: Int
  /// A text of n new tokens is judged by its log-probability divided by n to this power: more than 0
  /// favours long texts, less than 0 short ones.
  public var lengthPenalty: Float
  /// When the search ends.
  public var ending: Ending
  /// Groups of beams that avoid each other (diverse beam search, Vijayakumar et al. 2016, arXiv
  /// 1610.02424).
  public var groupCount: Int
  /// Taken from the score of a token for each beam of an earlier group that chose it in this step.
  public var diversityPenalty: Float

  /// When the search ends.
  public enum Ending: Sendable, Hashable {
    /// As soon as there are as many finished texts as beams.
    case whenFull
    /// When the best beginning, judged at its present length, is no better than the worst finished
    /// text.
    case heuristic
    /// When no beginning can become better than the worst finished text any more.
    case whenSure
  }

  /// Plain beam search, unless told otherwise.
  public init(
    beamCount: Int, lengthPenalty: Float = 1, ending: Ending = .heuristic, groupCount: Int = 1,
    diversityPenalty: Float = 0
  ) {
    self.beamCount = beamCount
    self.lengthPenalty = lengthPenalty
    self.ending = ending
    self.groupCount = groupCount
    self.diversityPenalty = diversityPenalty
  }
}

/// How tokens are guessed ahead.
public enum Speculation: Sendable {
  /// By a smaller model whose tokens are the same, which is checked; it guesses what it would draw by
  /// the numbers of the text, and a guess is kept when it is what the text draws. (Leviathan et al. 2022,
  /// arXiv 2211.17192, keep more of them: they keep the distribution, but not the text.)
  case draft(TextModel, count: Int)
  /// By what followed the same words earlier in the text (prompt look-up, Saxena 2023).
  case lookup(count: Int)
}

/// What cannot be generated, and what would help.
public struct GenerationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of mistake it is.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    private enum Kind: String {
      case settings, prompt, promptTooLong, promptCache, constraint, scores
    }
    private let kind: Kind

    /// A setting is out of its range, or two do not go together.
    public static let settings = Code(kind: .settings)
    /// The prompt cannot be continued.
    public static let prompt = Code(kind: .prompt)
    /// The prompt is longer than the context.
    public static let promptTooLong = Code(kind: .promptTooLong)
    /// A prompt cache was made by another model.
    public static let promptCache = Code(kind: .promptCache)
    /// A constraint is not supported, or cannot be met.
    public static let constraint = Code(kind: .constraint)
    /// No token can be chosen: the scores are no numbers, or all are forbidden.
    public static let scores = Code(kind: .scores)

    /// The text for people.
    public var description: String { kind.rawValue }
  }

  /// What kind of mistake it is.
  public let code: Code
  /// What is wrong.
  public let what: String
  /// What a person may do about it.
  public let hint: String?

  /// An error with its parts.
  public init(_ code: Code, _ what: String, hint: String? = nil) {
    self.code = code
    self.what = what
    self.hint = hint
  }

  /// What to say of a text that ended with `FinishReason.stuck`.
  public static func stuck(
    after text: String, _ settings: GenerationSettings
  ) -> GenerationError {
    let end = "\"\(text.suffix(40))\""
    guard settings.constraint == nil else {
      return GenerationError(
        .constraint, "no token can follow \(end) in a text that has to match",
        hint: "the vocabulary may lack a character that is needed")
    }
    return GenerationError(
      .scores, "no token can follow \(end)",
      hint: "the model's scores are no numbers, as damaged weights make them, or every token is "
        + "forbidden")
  }

  /// The text for people.
  public var description: String { hint.map { "\(what) (\($0))" } ?? what }
}
