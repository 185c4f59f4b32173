// What makes tokens likelier or less likely by what was said before, or by wish.

/// Makes tokens that stand in the text less likely: positive scores are divided, negative multiplied
/// (Keskar et al. 2019, arXiv 1909.05858).
public struct RepetitionPenalty: ScoreProcessor {
  /// More than 0; 1 changes nothing.
  public var penalty: Float

  /// The penalty for standing in the text.
  public init(_ penalty: Float) { self.penalty = penalty }

  /// Changes each token of the text once.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    for id in Set(history.tokens) where id >= 0 && id < scores.count {
      let score = scores[id]
      scores[id] = score < 0 ? score * penalty : score / penalty
    }
  }
}

/// Takes from the scores of tokens that were generated: an amount for each time, and one for having
/// come at all. The prompt does not count.
public struct FrequencyPenalty: ScoreProcessor {
  /// For each time.
  public var frequency: Float
  /// For having come at all.
  public var presence: Float

  /// The two amounts; negative ones make repetition likelier.
  public init(frequency: Float, presence: Float) {
    self.frequency = frequency
    self.presence = presence
  }

  /// Takes the amounts.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    var counts: [Int: Int] = [:]
    for id in history.tokens.dropFirst(max(0, history.promptCount)) { counts[id, default: 0] += 1 }
    for (id, count) in counts where id >= 0 && id < scores.count {
      scores[id] -= frequency * Float(count) + presence
    }
  }
}

/// No sequence of this many tokens comes twice (Paulus et al. 2017, arXiv 1705.04304).
public struct NoRepeatedSequence: ScoreProcessor {
  /// The length of sequences; at least 1.
  public var length: Int

  /// No sequence of `length` tokens twice.
  public init(length: Int) { self.length = length }

  /// Forbids what would repeat one.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let tokens = history.tokens
    guard length > 0, tokens.count + 1 >= length else { return }
    let recent = tokens.suffix(length - 1)
    for start in 0..<max(0, tokens.count - length + 1)
    where tokens[start..<start + length - 1].elementsEqual(recent) {
      scores.forbid(tokens[start + length - 1])
    }
  }
}

/// Adds to the score of the last token of a sequence where the others stand before it.
public struct SequenceBias: ScoreProcessor {
  /// A sequence of ids, and what is added.
  public struct Entry: Sendable, Hashable {
    /// At least one id.
    public var tokens: [Int]
    /// What is added; -infinity forbids.
    public var bias: Float

    /// A sequence and its bias.
    public init(_ tokens: [Int], _ bias: Float) {
      self.tokens = tokens
      self.bias = bias
    }
  }

  /// The sequences.
  public var entries: [Entry]

  /// A bias for each sequence.
  public init(_ entries: [Entry]) { self.entries = entries }

  /// Sequences that must not come, but for one that is nothing but an end token.
  public init(forbidden: [[Int]], endTokens: [Int] = []) {
    entries = forbidden.filter { !($0.count == 1 && endTokens.contains($0[0])) }
      .map { Entry($0, -.infinity) }
  }

  /// Adds.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    for entry in entries {
      guard let last = entry.tokens.last, last >= 0, last < scores.count else { continue }
      let before = entry.tokens.dropLast()
      let fits =
        before.isEmpty
        || (entry.tokens.count <= history.tokens.count
          && history.tokens.suffix(before.count).elementsEqual(before))
      if fits { scores[last] += entry.bias }
    }
  }
}

/// Makes the end likelier, exponentially, from some length on.
public struct EndingDecay: ScoreProcessor {
  /// New tokens before it begins.
  public var start: Int
  /// What the score of the end grows by with each token; over 1.
  public var factor: Float
  /// Ids that end a text.
  public var endTokens: [Int]

  /// From `start` new tokens on, `factor` each.
  public init(start: Int, factor: Float, endTokens: [Int]) {
    self.start = start
    self.factor = factor
    self.endTokens = endTokens
  }

  /// Raises the scores of the ends.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let past = history.newCount - start
    guard past > 0 else { return }
    var growth: Float = 1
    for _ in 0..<min(past, 10_000) where growth.isFinite { growth *= factor }
    for id in endTokens where id >= 0 && id < scores.count {
      scores[id] += abs(scores[id]) * (growth - 1)
    }
  }
}
