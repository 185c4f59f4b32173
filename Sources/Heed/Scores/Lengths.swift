// What has to come, or must not, at certain places.

/// No end before a number of tokens.
public struct MinimumLength: ScoreProcessor {
  /// The least length.
  public var length: Int
  /// Whether the prompt counts.
  public var countsPrompt: Bool
  /// Ids that end a text.
  public var endTokens: [Int]

  /// At least `length` tokens.
  public init(_ length: Int, countsPrompt: Bool = false, endTokens: [Int]) {
    self.length = length
    self.countsPrompt = countsPrompt
    self.endTokens = endTokens
  }

  /// Forbids the ends.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let count = countsPrompt ? history.tokens.count : history.newCount
    if count < length { for id in endTokens { scores.forbid(id) } }
  }
}

/// One of the given tokens has to come when the text has a certain length: a language code at first,
/// or an end where the text may not grow.
public struct ForcedToken: ScoreProcessor {
  /// Tokens of the text before it, the prompt included.
  public var place: Int
  /// What may come there.
  public var tokens: [Int]

  /// One of `tokens` behind `place` others.
  public init(_ tokens: [Int], at place: Int) {
    self.tokens = tokens
    self.place = place
  }

  /// Leaves the tokens alone, with the score 0.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    guard history.tokens.count == place else { return }
    let allowed = Set(tokens).filter { $0 >= 0 && $0 < scores.count }.sorted()
    scores.keep(allowed)
    for id in allowed { scores[id] = 0 }
  }
}

/// Tokens that must not come: anywhere, or at one place.
public struct SuppressedTokens: ScoreProcessor {
  /// The tokens.
  public var tokens: [Int]
  /// Tokens of the text before the place; nil for everywhere.
  public var place: Int?

  /// Forbidden tokens.
  public init(_ tokens: [Int], at place: Int? = nil) {
    self.tokens = tokens
    self.place = place
  }

  /// Forbids them.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    if let place, place != history.tokens.count { return }
    for id in tokens { scores.forbid(id) }
  }
}
