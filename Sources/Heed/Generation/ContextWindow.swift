// A text may outgrow the positions of its model. Its first tokens then stay, because attention leans
// on them whatever they say (Xiao et al. 2023, "Efficient streaming language models with attention
// sinks", arXiv 2309.17453), the latest stay, and what is between is forgotten.
//
// The paper keeps the keys and values of what is remembered as they were. Here they are read again,
// once for every half window: then the state is a function of the tokens alone, so a text is the same
// whether it was made at one go, from a saved cache or beside others; and it works with learned
// positions and rotated keys alike. Reading half a window again for every half window of new text
// costs one more reading of each token.

/// Which tokens of a long text a model reads.
public struct ContextWindow: Sendable, Hashable {
  /// The most tokens that are read.
  public let limit: Int
  /// Tokens at the beginning that stay.
  public let sinkCount: Int

  /// A window of `limit` tokens, of which the first `sinkCount` of the text stay.
  public init(limit: Int, sinkCount: Int = 4) {
    self.limit = max(limit, 1)
    self.sinkCount = max(0, min(sinkCount, (max(limit, 1) - 1) / 2))
  }

  /// How many tokens behind the sinks are forgotten in a text of `count` tokens.
  public func forgotten(of count: Int) -> Int {
    guard count > limit else { return 0 }
    let step = max(1, (limit - sinkCount) / 2)
    return (count - limit + step - 1) / step * step
  }

  /// The tokens that are read of a text.
  public func visible(_ tokens: [Int]) -> [Int] {
    let forgotten = forgotten(of: tokens.count)
    if forgotten == 0 { return tokens }
    return Array(tokens[..<sinkCount] + tokens[(sinkCount + forgotten)...])
  }
}
