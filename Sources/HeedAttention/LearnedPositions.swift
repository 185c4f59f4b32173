/// Which row of a learned table of positions a token takes, as families number them.
public enum LearnedPositions: Sendable, Hashable {
  /// 0, 1, ... whatever is padding (GPT-2, BERT).
  case places
  /// The count of tokens before it, padding not counted; padding takes row `padding`.
  case tokens(padding: Int)
  /// The count of tokens up to it, plus `offset`; padding takes row `offset` (RoBERTa: the row of its
  /// padding token; OPT: 1).
  case tokensFrom(offset: Int)

  /// The row of each place of one sequence.
  ///
  /// - Parameter isToken: false where there is padding.
  public func rows(isToken: [Bool]) -> [Int] {
    var seen = 0
    return isToken.enumerated().map { place, isToken in
      if isToken { seen += 1 }
      return switch self {
      case .places: place
      case .tokens(let padding): isToken ? seen - 1 : padding
      case .tokensFrom(let offset): isToken ? seen + offset : offset
      }
    }
  }
}
