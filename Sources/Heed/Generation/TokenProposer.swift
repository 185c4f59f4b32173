public import HeedText

/// Guesses tokens ahead. A wrong guess costs time, never a change of the text.
public protocol TokenProposer: Sendable {
  /// What may follow `history`: up to `limit` ids, possibly none.
  ///
  /// - Parameters:
  ///   - chooser: how the text itself is chosen; who draws by it, with the model's logits near those of
  ///     the text's model, will mostly be right.
  ///   - constraint: what the text has to match, where `history` has come to; nil without one.
  mutating func propose(
    _ history: TokenHistory, limit: Int, _ chooser: TokenChooser,
    _ constraint: inout ConstrainedPlace?
  ) -> [Int]
}

/// How far a text has come in what it has to match.
public struct ConstrainedPlace: Sendable {
  /// Walks through the constraint.
  public var walker: ConstraintWalker
  /// Where it stands.
  public var state: Int
  /// Ids that may follow a complete text.
  public let endTokens: [Int]

  /// The ids that may come next, ascending.
  public mutating func allowed() -> [Int] { walker.allowed(state, endTokens: endTokens) }

  /// Goes on behind one more token.
  public mutating func advance(by token: Int) {
    state = walker.next(state, token: token) ?? ConstraintWalker.deadState
  }
}

/// Guesses that what followed the latest words before will follow them again (prompt look-up,
/// Saxena 2023): good where a text quotes its prompt, as summaries and changed programs do.
public struct LookupProposer: TokenProposer {
  private let count: Int
  private let longestMatch: Int
  private let shortestMatch: Int

  /// Guesses up to `count` tokens, from the latest place where the last `longestMatch` tokens, or
  /// fewer, stood before.
  public init(count: Int, longestMatch: Int = 4, shortestMatch: Int = 2) {
    self.count = max(0, count)
    self.longestMatch = max(1, longestMatch)
    self.shortestMatch = max(1, shortestMatch)
  }

  /// What followed before.
  public mutating func propose(
    _ history: TokenHistory, limit: Int, _ chooser: TokenChooser,
    _ constraint: inout ConstrainedPlace?
  ) -> [Int] {
    let tokens = history.tokens
    var length = min(longestMatch, tokens.count - 1)
    while length >= shortestMatch {
      let recent = tokens.suffix(length)
      for start in stride(from: tokens.count - length - 1, through: 0, by: -1)
      where tokens[start..<start + length].elementsEqual(recent) {
        let next = start + length
        return Array(tokens[next..<min(tokens.count, next + min(count, limit))])
      }
      length -= 1
    }
    return []
  }
}

/// Guesses what a smaller model would write (Leviathan et al. 2022, arXiv 2211.17192; Chen et al. 2023,
/// arXiv 2302.01318), drawn by the same numbers as the text. What outgrows the context of the smaller
/// model is left out in its middle, as for any text (`ContextWindow`).
public struct DraftProposer<Draft: StepModel>: TokenProposer {
  private let model: Draft
  private let count: Int
  private let window: ContextWindow
  private var state: Draft.State
  private var known: [Int] = []

  /// Guesses up to `count` tokens by `model`.
  public init(_ model: Draft, count: Int) {
    self.model = model
    self.count = max(0, count)
    window = ContextWindow(limit: model.contextLength)
    state = model.start(0)
  }

  /// What the smaller model writes.
  public mutating func propose(
    _ history: TokenHistory, limit: Int, _ chooser: TokenChooser,
    _ constraint: inout ConstrainedPlace?
  ) -> [Int] {
    let limit = min(limit, count)
    guard limit > 0, history.tokens.allSatisfy({ $0 < model.vocabularySize }) else { return [] }
    var ahead = history
    var guesses: [Int] = []
    while guesses.count < limit {
      var open = TokenScores(logits(behind: ahead.tokens))
      let mask = constraint?.allowed()
      guard let id = chooser.choose(&open, ahead, mask: mask) else { break }
      guesses.append(id)
      ahead.tokens.append(id)
      constraint?.advance(by: id)
    }
    return guesses
  }

  /// The logits behind a text, of which what is known is not read again.
  private mutating func logits(behind tokens: [Int]) -> [Float] {
    let visible = window.visible(tokens)
    // What is known of a guess that was refused, or of tokens that are left out now, is forgotten.
    let shared = min(zip(known, visible).prefix { $0 == $1 }.count, visible.count - 1)
    if !state.truncate(to: shared) { state = model.start(0) }
    var states = [state]
    state = model.start(0)  // so that caches grow in place
    let scores = model.read(
      [Array(visible[states[0].count...])], states: &states, wanted: [1], wantsHidden: false)
    state = states[0]
    known = visible
    return scores[0].logits.last ?? []
  }
}
