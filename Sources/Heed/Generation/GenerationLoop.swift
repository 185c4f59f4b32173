// One loop for every model that reads tokens and every way of choosing them. A round reads the tokens
// that are new, of all sequences in one pass, and then lets each sequence (or each beam search) choose.
//
// Everything that is chosen is a function of the tokens so far, the settings and the seed. Guesses
// ahead (speculation) only change how many tokens are read in one pass: a guess is kept when it is
// the token that would have been chosen anyway, by the same draw of the counter-based generator. So
// texts are the same with and without guesses, in a batch and alone, from a saved cache and from
// nothing. (The usual rule of accepting guesses by ratios of probabilities keeps the distribution, but
// not the text.)

public import HeedText

/// Generates sequences of tokens.
///
///     var loop = GenerationLoop(DecoderSteps(model), prompts: [[1, 5]], settings: settings, endTokens: [2])
///     while let tokens = loop.next() { ... }
///     loop.results
public struct GenerationLoop<Model: StepModel>: Sendable {
  let model: Model
  let settings: GenerationSettings
  let endTokens: [Int]
  let window: ContextWindow
  /// Prompts that are not read yet, by their place.
  private var unreadPrompts: [(source: Int, reading: PromptReading<Model>)] = []
  var rows: [Row] = []
  var searches: [BeamSearch<Model>] = []
  var walker: ConstraintWalker?

  /// A sequence in progress.
  struct Row: Sendable {
    let source: Int
    var history: TokenHistory
    /// What the model remembers of the visible part; nil while it is being read.
    var state: Model.State?
    /// What was forgotten when `state` was begun.
    var forgotten = 0
    let chooser: TokenChooser
    var proposer: (any TokenProposer)?
    var constraintState = 0
    var tokens: [GeneratedToken] = []
    var logProbability = 0.0
    var finish: FinishReason?
    /// For contrastive search: logits behind the last token, and the hidden states of the visible ones.
    var logits: [Float]?
    var hidden: [[Float]] = []
  }

  /// A token that was just chosen.
  public struct Event: Sendable {
    /// The sequence, by its place among those in progress.
    public let row: Int
    /// The token.
    public let token: GeneratedToken
  }

  /// A loop over prompts, each of at least one token.
  ///
  /// - Parameters:
  ///   - model: what reads.
  ///   - prompts: ids of the model's vocabulary; for encoder-decoders those that the decoder begins
  ///     with, prompt i belonging to source i.
  ///   - settings: checked by `problem` before.
  ///   - endTokens: ids that end a text, unless the settings name others.
  ///   - walker: the constraint of the settings, with the vocabulary of the model.
  ///   - proposer: guesses ahead.
  ///   - known: what the model remembers already of each prompt: of a beginning of it that is at
  ///     least one token shorter, with hidden states for contrastive search. Empty for nothing.
  public init(
    _ model: Model, prompts: [[Int]], settings: GenerationSettings, endTokens: [Int] = [],
    walker: ConstraintWalker? = nil, proposer: (any TokenProposer)? = nil,
    known: [PromptMemory<Model.State>?] = []
  ) {
    self.init(
      model, prompts: prompts, settings: settings, endTokens: endTokens, walker: walker,
      proposer: proposer, known: known, followers: [])
  }

  /// - Parameter followers: for beam search, the text of each prompt, which finds its stops.
  init(
    _ model: Model, prompts: [[Int]], settings: GenerationSettings, endTokens: [Int],
    walker: ConstraintWalker?, proposer: (any TokenProposer)?,
    known: [PromptMemory<Model.State>?], followers: [TextFollower?]
  ) {
    self.model = model
    self.settings = settings
    self.walker = walker
    self.endTokens = settings.stopTokens ?? endTokens
    let sinkCount = if case .slide(let count) = settings.overflow { count } else { 0 }
    window = ContextWindow(limit: model.contextLength, sinkCount: sinkCount)
    let isBeam = if case .beam = settings.strategy { true } else { false }
    for (source, prompt) in prompts.enumerated() where !prompt.isEmpty {
      let forgotten = window.forgotten(of: prompt.count)
      let visible = window.visible(prompt)
      var memory = PromptMemory(state: model.start(source))
      if let known = known.element(at: source), forgotten == 0,
        known.state.count < visible.count,
        !isContrastive || known.hidden.count == known.state.count
      {
        memory = known
      }
      // Not where states are forked: what has no tokens yet would be copied with them.
      if !isBeam, !isContrastive, settings.resultCount == 1 {
        let room = max(0, model.contextLength - visible.count)
        memory.state.expect(visible.count + min(room, settings.newTokenCount))
      }
      // All but its last token, once for all texts that continue it.
      unreadPrompts.append(
        (
          source,
          PromptReading(
            model, Array(visible.dropLast()), known: memory, wantsHidden: isContrastive)
        ))
      for sample in 0..<(isBeam ? 1 : settings.resultCount) {
        rows.append(
          Row(
            source: source, history: TokenHistory(tokens: prompt, promptCount: prompt.count),
            state: nil, forgotten: forgotten,
            chooser: TokenChooser(
              settings.sampling, endTokens: self.endTokens, promptCount: prompt.count,
              sample: sample),
            proposer: proposer))
      }
    }
    if case .beam(let beam) = settings.strategy {
      searches = rows.map { row in
        BeamSearch(
          beam, row: row, settings: settings, endTokens: self.endTokens,
          limit: model.contextLength, follower: followers.element(at: row.source))
      }
      rows = []
    }
  }

  /// Reads up to a slice of the prompts; whoever continues one that is read goes on from there.
  private mutating func readPrompts() {
    var room = PromptReading<Model>.sliceLength
    while !unreadPrompts.isEmpty {
      guard unreadPrompts[0].reading.isDone else {
        guard room > 0 else { return }
        room -= unreadPrompts[0].reading.readSlice(limit: room)
        continue
      }
      let (source, reading) = unreadPrompts.removeFirst()
      let memory = reading.memory
      for row in rows.indices where rows[row].source == source {
        rows[row].state = memory.state
        rows[row].hidden = memory.hidden
      }
      for search in searches.indices where searches[search].source == source {
        searches[search].begin(from: memory.state)
      }
    }
  }

  var isContrastive: Bool {
    if case .contrastive = settings.strategy { true } else { false }
  }

  /// The next tokens of all sequences; nil when all have ended. There are none while long prompts are
  /// read, a slice at a time, and beam search gives none at all: `results` has them.
  public mutating func next() -> [Event]? {
    readPrompts()
    guard unreadPrompts.isEmpty else { return [] }
    if !searches.isEmpty {
      guard searches.contains(where: { !$0.isDone }) else { return nil }
      advanceBeams()
      return []
    }
    for row in rows.indices where rows[row].finish == nil {
      if rows[row].history.newCount >= settings.newTokenCount {
        rows[row].finish = .length
      } else if settings.overflow == .stop, rows[row].history.tokens.count >= model.contextLength {
        rows[row].finish = .context
      }
    }
    let live = rows.indices.filter { rows[$0].finish == nil }
    guard !live.isEmpty else { return nil }
    return isContrastive ? advanceContrastively(live) : advance(live)
  }

  /// Ends a sequence from outside, as when its text has come to a stop.
  public mutating func end(row: Int, _ reason: FinishReason, keeping count: Int) {
    rows[row].tokens = Array(rows[row].tokens.prefix(count))
    rows[row].finish = reason
  }

  /// Why a sequence ended; nil while it has not.
  public func finish(row: Int) -> FinishReason? { rows[row].finish }

  /// Which prompt a sequence continues.
  public func source(row: Int) -> Int { rows[row].source }

  /// The sequences, those of one prompt together, the best first.
  public var results: [GeneratedSequence] {
    if !searches.isEmpty {
      return searches.flatMap { $0.results(count: settings.resultCount) }
    }
    let all = rows.map { row in
      GeneratedSequence(
        prompt: row.source, tokens: row.tokens, finish: row.finish ?? .length,
        score: needsProbabilities ? Float(row.logProbability) : nil)
    }
    guard settings.resultCount > 1 else { return all }
    return all.enumerated().sorted { left, right in
      if left.element.prompt != right.element.prompt {
        return left.element.prompt < right.element.prompt
      }
      let (first, second) = (left.element.score ?? 0, right.element.score ?? 0)
      return first == second ? left.offset < right.offset : first > second
    }.map(\.element)
  }

  /// What the model remembers of a sequence, with the tokens that it has read; nil once a part of
  /// them is forgotten.
  public func memory(row: Int) -> (tokens: [Int], memory: PromptMemory<Model.State>)? {
    guard rows.indices.contains(row), rows[row].forgotten == 0, let state = rows[row].state else {
      return nil
    }
    return (
      Array(rows[row].history.tokens.prefix(state.count)),
      PromptMemory(state: state, hidden: rows[row].hidden)
    )
  }

  var needsProbabilities: Bool { settings.alternativeCount != nil || settings.resultCount > 1 }

  /// The tokens that a row has not read yet; begins anew when its window has moved.
  mutating func unread(_ row: Int) -> [Int] {
    let tokens = rows[row].history.tokens
    let forgotten = window.forgotten(of: tokens.count)
    if forgotten != rows[row].forgotten || rows[row].state == nil {
      rows[row].state = model.start(rows[row].source)
      rows[row].forgotten = forgotten
      rows[row].hidden = []
    }
    return Array(window.visible(tokens)[(rows[row].state?.count ?? 0)...])
  }

  /// Adds what the model says of a token, where asked for.
  func described(_ id: Int, _ logits: [Float]) -> GeneratedToken {
    needsProbabilities
      ? GeneratedToken(id, logits: logits, alternativeCount: settings.alternativeCount ?? 0)
      : GeneratedToken(id)
  }

  /// Appends a chosen token to a row, or ends it; nil when it is no part of the text.
  mutating func accept(_ id: Int?, _ logits: [Float], row: Int) -> GeneratedToken? {
    guard let id else {
      let isMatched = walker?.accepts(rows[row].constraintState) ?? false
      rows[row].finish = isMatched ? .constraint : .stuck
      return nil
    }
    if endTokens.contains(id) {
      rows[row].finish = .endToken(id)
      if needsProbabilities {
        rows[row].logProbability += Double(described(id, logits).logProbability ?? 0)
      }
      return nil
    }
    let token = described(id, logits)
    rows[row].history.tokens.append(id)
    rows[row].tokens.append(token)
    rows[row].logProbability += Double(token.logProbability ?? 0)
    if walker != nil {
      let before = rows[row].constraintState
      let state = walker?.next(before, token: id) ?? ConstraintWalker.deadState
      rows[row].constraintState = state
      if walker?.isComplete(state) == true { rows[row].finish = .constraint }
    }
    return token
  }
}

extension Array {
  /// What a list of optional things has at a place; nil beyond its end.
  func element<Wrapped>(at place: Int) -> Wrapped? where Element == Wrapped? {
    indices.contains(place) ? self[place] : nil
  }
}
