/// Guesses tokens ahead. A wrong guess costs time, never a change of the text.
public protocol TokenProposer: Sendable {
  /// What may follow `history`: up to `limit` ids, possibly none.
  ///
  /// - Parameter chooser: how the text itself is chosen; who draws by it, with the model's logits near
  ///   those of the text's model, will mostly be right.
  mutating func propose(_ history: TokenHistory, limit: Int, _ chooser: TokenChooser) -> [Int]
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
    _ history: TokenHistory, limit: Int, _ chooser: TokenChooser
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
/// arXiv 2302.01318), drawn by the same numbers as the text.
public struct DraftProposer<Draft: StepModel>: TokenProposer {
  private let model: Draft
  private let count: Int
  private var state: Draft.State
  private var known: [Int] = []

  /// Guesses up to `count` tokens by `model`.
  public init(_ model: Draft, count: Int) {
    self.model = model
    self.count = max(0, count)
    state = model.start(0)
  }

  /// What the smaller model writes.
  public mutating func propose(
    _ history: TokenHistory, limit: Int, _ chooser: TokenChooser
  ) -> [Int] {
    let limit = min(limit, count, model.contextLength - history.tokens.count)
    guard limit > 0, history.tokens.allSatisfy({ $0 < model.vocabularySize }) else { return [] }
    // What is known of a guess that was refused is forgotten.
    let shared = min(
      zip(known, history.tokens).prefix { $0 == $1 }.count, history.tokens.count - 1)
    if !state.truncate(to: shared) { state = model.start(0) }
    known = Array(known.prefix(state.count))
    var ahead = history
    var guesses: [Int] = []
    while guesses.count < limit {
      let unread = Array(ahead.tokens[state.count...])
      var states = [state]
      let scores = model.read([unread], states: &states, wanted: [1], wantsHidden: false)
      state = states[0]
      known = ahead.tokens
      var open = TokenScores(scores[0].logits.last ?? [])
      guard let id = chooser.choose(&open, ahead) else { break }
      guesses.append(id)
      ahead.tokens.append(id)
    }
    return guesses
  }
}
