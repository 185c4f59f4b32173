/// What came before the token that is to be chosen.
public struct TokenHistory: Sendable, Hashable {
  /// All ids, the prompt included.
  public var tokens: [Int]
  /// How many of them are the prompt.
  public var promptCount: Int

  /// A history.
  public init(tokens: [Int], promptCount: Int) {
    self.tokens = tokens
    self.promptCount = promptCount
  }

  /// How many ids were added to the prompt.
  public var newCount: Int { tokens.count - promptCount }
}

/// A change of the scores of the next token: a value, one link of a chain.
///
/// A processor is a function of the scores and of what came before, and of nothing else. That is why
/// the same settings give the same text for every cache, batch and draft model.
public protocol ScoreProcessor: Sendable {
  /// Changes the scores of the token that follows `history`.
  func process(_ scores: inout TokenScores, _ history: TokenHistory)
}

/// Processors, one after the other.
public struct ScoreChain: ScoreProcessor {
  /// The links in order.
  public var processors: [any ScoreProcessor]

  /// A chain of the given links.
  public init(_ processors: [any ScoreProcessor] = []) { self.processors = processors }

  /// Calls each link.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    for processor in processors { processor.process(&scores, history) }
  }
}
