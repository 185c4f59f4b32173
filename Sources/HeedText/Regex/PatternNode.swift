/// What a pattern says, as a tree.
indirect enum PatternNode: Sendable, Hashable {
  /// Matches the empty text.
  case empty
  /// One character of a set.
  case set(ScalarSet)
  /// One after the other.
  case sequence([PatternNode])
  /// The first that leads to a match.
  case alternatives([PatternNode])
  /// `node` again and again.
  case repetition(PatternNode, Bounds, Greed)
  /// What follows, or stands before, without taking it.
  case look(PatternNode, isBehind: Bool, isNegated: Bool)
  /// Matched once, never reconsidered.
  case atomic(PatternNode)
  case anchor(Anchor)

  /// How often something may occur.
  struct Bounds: Sendable, Hashable {
    var least: Int
    /// Nil for without limit.
    var most: Int?
  }

  /// Whether a repetition takes as much as it can, as little, or as much for good.
  enum Greed: Sendable, Hashable { case greedy, lazy, possessive }

  /// A place rather than a character.
  enum Anchor: Sendable, Hashable {
    case textStart, textEnd, textEndOrLastNewline, lineStart, lineEnd, wordEdge, noWordEdge
  }

  /// The node again and again. What takes nothing stays nothing, so that bounds of bounds of it cost nothing.
  func repeated(_ bounds: Bounds, _ greed: Greed) -> PatternNode {
    self == .empty || bounds.most == 0 ? .empty : .repetition(self, bounds, greed)
  }
}
