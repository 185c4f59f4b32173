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
    var stream: StreamDecoder
    var stops: StopFinder
    var text = ""
    /// Bytes of decoded text behind each token.
    var byteCounts: [Int] = []
    var byteCount = 0
    var isFlushed = false
  }

  /// A piece of a text, as it comes.
  public struct Piece: Sendable, Hashable {
    /// Which text: texts of one prompt follow each other.
    public let row: Int
    /// The piece; never empty.
    public let text: String
  }

  /// A generator for prompts.
  ///
  /// - Parameter cache: what is known of a beginning of the first prompt.
  /// - Throws: `TokenizerError` when a prompt cannot be encoded, `GenerationError` when it is empty or
  ///   too long, or a setting does not fit.
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
    self.text = text
    self.settings = settings
    self.prompts = prompts
    let walker = settings.constraint.map { ConstraintWalker($0, text.tokenizer) }
    let steps = DecoderSteps(text.model)
    let known = prompts.first.flatMap { first in cache?.state(for: first) }
    loop = GenerationLoop(
      steps, prompts: prompts, settings: settings, endTokens: text.model.spec.endTokens,
      walker: walker, proposer: settings.speculation?.proposer, states: known.map { [$0] } ?? [])
    for prompt in prompts {
      for _ in 0..<settings.resultCount {
        // The first new token continues the prompt: it is no beginning of a text.
        var stream = StreamDecoder(text.tokenizer)
        for id in prompt.suffix(4) { _ = stream.next(id) }
        rows.append(Row(stream: stream, stops: StopFinder(settings.stops)))
      }
    }
  }

  /// The next pieces of the texts, possibly none; nil at the end. Beam search gives all of its text at
  /// the end, through `results`.
  public mutating func next() -> [Piece]? {
    if isBeam { return loop.next() == nil ? nil : [] }
    guard let events = loop.next() else {
      let rest = rows.indices.compactMap { flushed($0) }
      return rest.isEmpty ? nil : rest
    }
    var pieces: [Piece] = []
    for event in events {
      let row = event.row
      if case .stop? = loop.finish(row: row) { continue }
      let decoded = rows[row].stream.next(event.token.id)
      rows[row].byteCount += decoded.utf8.count
      rows[row].byteCounts.append(rows[row].byteCount)
      let (piece, stop) = rows[row].stops.add(decoded)
      rows[row].text += piece
      if !piece.isEmpty { pieces.append(Piece(row: row, text: piece)) }
      if let stop { end(row, .stop(stop)) }
    }
    return pieces
  }

  /// Ends a text at what was given out: tokens that reach beyond are left out.
  private mutating func end(_ row: Int, _ reason: FinishReason) {
    let released = rows[row].stops.releasedCount
    let kept = rows[row].byteCounts.prefix { $0 <= released }.count
    loop.end(row: row, reason, keeping: kept)
    rows[row].isFlushed = true
  }

  private mutating func flushed(_ row: Int) -> Piece? {
    guard !rows[row].isFlushed else { return nil }
    rows[row].isFlushed = true
    let rest = rows[row].stream.finish()
    var (text, stop) = rows[row].stops.add(rest)
    if let stop { end(row, .stop(stop)) } else { text += rows[row].stops.finish() }
    rows[row].text += text
    return text.isEmpty ? nil : Piece(row: row, text: text)
  }

  private var isBeam: Bool {
    if case .beam = settings.strategy { true } else { false }
  }

  /// Goes on to the end.
  ///
  /// - Parameter receive: told each piece.
  /// - Returns: the texts.
  public mutating func all(_ receive: (Piece) -> Void = { _ in }) -> [GeneratedText] {
    while let pieces = next() { pieces.forEach(receive) }
    return results
  }

  /// The texts, those of one prompt together, the best first.
  public var results: [GeneratedText] {
    loop.results.map { sequence in
      var stream = StreamDecoder(text.tokenizer)
      for id in prompts[sequence.prompt].suffix(4) { _ = stream.next(id) }
      var stops = StopFinder(settings.stops)
      var result = GeneratedText(
        prompt: sequence.prompt, text: "", tokens: [], finish: sequence.finish,
        score: sequence.score)
      var byteCounts: [Int] = []
      for token in sequence.tokens {
        let decoded = stream.next(token.id)
        byteCounts.append((byteCounts.last ?? 0) + decoded.utf8.count)
        let (piece, stop) = stops.add(decoded)
        result.text += piece
        if let stop {
          let kept = byteCounts.prefix { $0 <= stops.releasedCount }.count
          result.tokens = Array(sequence.tokens.prefix(kept))
          result.finish = .stop(stop)
          return result
        }
      }
      result.text += stops.add(stream.finish()).text + stops.finish()
      result.tokens = sequence.tokens
      return result
    }
  }

  /// The texts as far as they were given out.
  public var texts: [String] { rows.map(\.text) }

  /// What the model remembers of a text and its prompt, to go on from there; nil once a part of it is
  /// forgotten.
  public func memory(row: Int = 0) -> PromptCache? {
    loop.memory(row: row).map { PromptCache(tokens: $0.tokens, state: $0.state, of: text) }
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
      DraftProposer(DecoderSteps(text.model), count: count)
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
    if case .draft(let draft, _)? = settings.speculation,
      draft.tokenizer.vocabularySize != tokenizer.vocabularySize
    {
      throw GenerationError(
        .settings,
        "the draft model has \(draft.tokenizer.vocabularySize) tokens, the model "
          + "\(tokenizer.vocabularySize)", hint: "a draft model needs the same tokenizer")
    }
  }
}
