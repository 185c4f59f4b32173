import HeedModels
import HeedText

/// A text that was generated.
public struct GeneratedText: Sendable {
  /// Which of the prompts it continues.
  public var prompt: Int
  /// The text, without the prompt, the stop and the end token.
  public var text: String
  /// Its tokens.
  public var tokens: [GeneratedToken]
  /// Why it ended.
  public var finish: FinishReason
  /// What texts of one prompt are ranked by; nil where it was not asked for.
  public var score: Float?
}

/// Generates texts for several prompts at a time, which may be of different lengths. Each text is the
/// one that its prompt would get alone.
public struct BatchGenerator: Sendable {
  private let text: TextModel
  private let settings: GenerationSettings
  private let prompts: [[Int]]
  private var loop: GenerationLoop<DecoderSteps>
  private var rows: [Row] = []

  /// A text in progress.
  private struct Row: Sendable {
    var follower: TextFollower
    /// All that was given out.
    var text = ""
    /// What became certain and was not given out yet.
    var waiting = ""
    var givenTokenCount = 0
    var isEnded = false
  }

  /// A generator for prompts.
  ///
  /// Nothing is read yet: what is wrong is thrown at once, and the prompts are read by `next`.
  ///
  /// - Parameter cache: what is known of a beginning that prompts share.
  /// - Throws: `TokenizerError` when a prompt cannot be encoded, `GenerationError` when it is empty or
  ///   too long, a setting does not fit, or the cache is of another model.
  public init(
    _ text: TextModel, prompts: [String], settings: GenerationSettings, cache: PromptCache? = nil
  ) throws {
    var ids: [[Int]] = []
    for prompt in prompts { ids.append(try text.tokenizer.encode(prompt)) }
    try self.init(text, promptTokens: ids, settings: settings, cache: cache)
  }

  /// A generator for prompts that are ids already.
  public init(
    _ text: TextModel, promptTokens prompts: [[Int]], settings: GenerationSettings,
    cache: PromptCache? = nil
  ) throws {
    try text.check(prompts, settings)
    try text.check(cache)
    self.text = text
    self.settings = settings
    self.prompts = prompts
    let isContrastive = if case .contrastive = settings.strategy { true } else { false }
    let followers = prompts.map {
      TextFollower(text.tokenizer, prompt: $0, stops: settings.stops)
    }
    loop = GenerationLoop(
      text.steps, prompts: prompts, settings: settings, endTokens: text.model.spec.endTokens,
      walker: settings.constraint.map { ConstraintWalker($0, text.vocabulary) },
      proposer: settings.speculation?.proposer,
      known: prompts.map { cache?.memory(for: $0, withHiddenStates: isContrastive) },
      followers: followers)
    for follower in followers {
      rows += Array(repeating: Row(follower: follower), count: settings.resultCount)
    }
  }

  /// The next pieces of the texts, possibly none, as while a long prompt is read; nil at the end. Beam
  /// search gives all of its text at the end, through `results`.
  public mutating func next() -> [TextPiece]? {
    let events = loop.next()
    if isBeam { return events == nil ? nil : [] }
    for event in events ?? [] {
      let row = event.row
      if case .stop? = loop.finish(row: row) { continue }
      let (text, stop) = rows[row].follower.add(event.token.id)
      rows[row].waiting += text
      if let stop { end(row, .stop(stop)) }
    }
    let pieces = rows.indices.compactMap { piece($0) }
    return events == nil && pieces.isEmpty ? nil : pieces
  }

  /// Ends a text at what was given out: tokens that reach beyond are left out.
  private mutating func end(_ row: Int, _ reason: FinishReason) {
    loop.end(row: row, reason, keeping: rows[row].follower.releasedTokenCount)
  }

  /// What is new of a text; nil when nothing is.
  private mutating func piece(_ row: Int) -> TextPiece? {
    guard !rows[row].isEnded else { return nil }
    if let finish = loop.finish(row: row) {
      rows[row].isEnded = true
      if case .stop = finish {
      } else {
        let (text, stop) = rows[row].follower.finish()
        rows[row].waiting += text
        if let stop { end(row, .stop(stop)) }
      }
    }
    let certain = rows[row].follower.releasedTokenCount
    let piece = TextPiece(
      row: row, text: rows[row].waiting,
      tokens: Array(loop.rows[row].tokens[rows[row].givenTokenCount..<certain]),
      finish: loop.finish(row: row))
    guard !piece.text.isEmpty || !piece.tokens.isEmpty || piece.finish != nil else { return nil }
    rows[row].givenTokenCount = certain
    rows[row].text += rows[row].waiting
    rows[row].waiting = ""
    return piece
  }

  private var isBeam: Bool {
    if case .beam = settings.strategy { true } else { false }
  }

  /// Goes on to the end.
  ///
  /// - Parameter receive: told each piece.
  /// - Returns: the texts.
  public mutating func all(_ receive: (TextPiece) -> Void = { _ in }) -> [GeneratedText] {
    while let pieces = next() { pieces.forEach(receive) }
    return results
  }

  /// The texts, those of one prompt together, the best first.
  public var results: [GeneratedText] {
    loop.results.map { sequence in
      var follower = TextFollower(
        text.tokenizer, prompt: prompts[sequence.prompt], stops: settings.stops)
      var result = GeneratedText(
        prompt: sequence.prompt, text: "", tokens: sequence.tokens, finish: sequence.finish,
        score: sequence.score)
      var found: String?
      for token in sequence.tokens where found == nil {
        let (text, stop) = follower.add(token.id)
        result.text += text
        found = stop
      }
      if found == nil {
        let (text, stop) = follower.finish()
        result.text += text
        found = stop
      }
      if let found {
        result.tokens = Array(sequence.tokens.prefix(follower.releasedTokenCount))
        result.finish = .stop(found)
      }
      return result
    }
  }

  /// The texts as far as they were given out.
  public var texts: [String] { rows.map(\.text) }

  /// What the model remembers of a text and its prompt, to go on from there; nil once a part of it is
  /// forgotten.
  public func memory(row: Int = 0) -> PromptCache? {
    loop.memory(row: row).map { PromptCache(tokens: $0.tokens, memory: $0.memory, of: text) }
  }

  /// The tokens of a text, the prompt included.
  func tokens(row: Int) -> [Int] {
    loop.rows.indices.contains(row) ? loop.rows[row].history.tokens : prompts[0]
  }

  func generated(row: Int) -> (tokens: [GeneratedToken], finish: FinishReason?) {
    loop.rows.indices.contains(row) ? (loop.rows[row].tokens, loop.rows[row].finish) : ([], nil)
  }
}

extension Speculation {
  /// Who guesses.
  var proposer: any TokenProposer {
    switch self {
    case .draft(let text, let count):
      DraftProposer(text.steps, count: count)
    case .lookup(let count): LookupProposer(count: count)
    }
  }
}

extension TextModel {
  /// Refuses what cannot be generated.
  func check(_ prompts: [[Int]], _ settings: GenerationSettings) throws(GenerationError) {
    if let problem = settings.problem { throw GenerationError(.settings, problem) }
    let limit = model.spec.contextLength
    for (place, prompt) in prompts.enumerated() {
      let name = prompts.count > 1 ? "prompt \(place + 1)" : "the prompt"
      guard !prompt.isEmpty else {
        throw GenerationError(
          .prompt, "\(name) is empty: it has no tokens",
          hint: "give at least one character to continue")
      }
      if let id = prompt.first(where: { $0 < 0 || $0 >= model.spec.vocabularySize }) {
        throw GenerationError(.prompt, "\(name) has the token \(id), which the model does not know")
      }
      guard prompt.count <= limit || settings.allowsLongPrompts else {
        throw GenerationError(
          .promptTooLong,
          "\(name) has \(prompt.count) tokens, the model was made for \(limit) positions",
          hint: "shorten it by \(prompt.count - limit) tokens, or allow long prompts "
            + "(--long-prompt): then the first tokens and the latest are read and those between "
            + "are left out")
      }
    }
    if case .draft(let draft, _)? = settings.speculation, !hasVocabulary(of: draft) {
      let (size, own) = (draft.tokenizer.vocabularySize, tokenizer.vocabularySize)
      throw GenerationError(
        .settings,
        size == own
          ? "the draft model has \(size) tokens, but other ones than the model"
          : "the draft model has \(size) tokens, the model \(own)",
        hint: "a draft model needs the same tokenizer")
    }
  }

  /// Refuses what another model remembers.
  func check(_ cache: PromptCache?) throws(GenerationError) {
    guard let cache, !cache.belongs(to: self) else { return }
    throw GenerationError(
      .promptCache,
      "the prompt cache was made by another model, precision or kind of cache than \(name)",
      hint: "let this model read the prompt anew")
  }
}
