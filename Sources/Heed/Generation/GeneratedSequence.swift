/// A token that was generated.
public struct GeneratedToken: Sendable, Hashable {
  /// Its id.
  public var id: Int
  /// The natural logarithm of its probability by the model alone, before any setting; nil when it was
  /// not asked for.
  public var logProbability: Float?
  /// The likeliest tokens at its place, by the model alone, the likeliest first.
  public var alternatives: [Alternative] = []

  /// A token that could have come.
  public struct Alternative: Sendable, Hashable {
    /// Its id.
    public var id: Int
    /// The natural logarithm of its probability.
    public var logProbability: Float
  }

  init(_ id: Int) { self.id = id }

  /// A token with what the model says of it.
  ///
  /// - Parameters:
  ///   - logits: at its place, `[V]`.
  ///   - count: how many alternatives are reported.
  init(_ id: Int, logits: [Float], alternativeCount count: Int) {
    self.id = id
    let logs = TokenScores(logits).logProbabilities()
    logProbability = logs[id]
    guard count > 0 else { return }
    var best = TokenScores(logs)
    TopK(count).process(&best, TokenHistory(tokens: [], promptCount: 0))
    let ids = best.candidates ?? Array(logs.indices)
    alternatives = ids.sorted { logs[$0] == logs[$1] ? $0 < $1 : logs[$0] > logs[$1] }
      .prefix(count).map { Alternative(id: $0, logProbability: logs[$0]) }
  }
}

/// Why a text ended.
public enum FinishReason: Sendable, Hashable, CustomStringConvertible {
  /// As many tokens as were asked for.
  case length
  /// A token that ends a text; it is not part of the text.
  case endToken(Int)
  /// A stop text; it is not part of the text.
  case stop(String)
  /// The last position of the model.
  case context
  /// What was to be matched is complete.
  case constraint
  /// Nothing may follow, and the text is not complete: no token fits what is to be matched, every one
  /// is forbidden, or the scores are no numbers (`GenerationError.stuck` says it in words).
  case stuck

  /// A word for it.
  public var description: String {
    switch self {
    case .length: "length"
    case .endToken: "end"
    case .stop: "stop"
    case .context: "context"
    case .constraint: "constraint"
    case .stuck: "stuck"
    }
  }
}

/// A sequence as the loop made it.
public struct GeneratedSequence: Sendable {
  /// Which prompt it continues.
  public var prompt: Int
  /// The new tokens.
  public var tokens: [GeneratedToken]
  /// Why it ended.
  public var finish: FinishReason
  /// What texts of one prompt are ranked by: the sum of log-probabilities, for beams divided by their
  /// length to the length penalty. Nil where it was not asked for.
  public var score: Float?

  /// The ids of the new tokens.
  public var ids: [Int] { tokens.map(\.id) }
}
