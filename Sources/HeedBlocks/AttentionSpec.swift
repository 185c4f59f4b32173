public import HeedAttention

/// Self-attention as data.
public struct SelfAttentionSpec: Sendable, Hashable {
  /// H.
  public var headCount: Int
  /// G: query heads share this many key/value heads.
  public var keyValueHeadCount: Int
  /// D.
  public var headWidth: Int
  /// Rotary positions; nil when positions come from elsewhere.
  public var rotary: Rotary?
  /// Slopes of ALiBi, one for each head; nil when positions come from elsewhere.
  public var alibiSlopes: [Float]?
  /// How many latest keys a query sees; nil is all.
  public var window: Int?
  /// Factor on the products; `1/sqrt(D)` when nil.
  public var scale: Float?
  /// Scores become `cap * tanh(score / cap)`.
  public var softCap: Float?
  /// On each head of queries and keys, before positions.
  public var queryKeyNorm: NormSpec?
  /// Whether each head has one more logit whose mass goes nowhere.
  public var hasSinks: Bool
  /// Whether queries, keys and values have a bias.
  public var hasInputBias: Bool
  /// Whether the output projection has a bias.
  public var hasOutputBias: Bool
  /// Whether the weights of queries, keys and values lie in one matrix.
  public var isFused: Bool

  /// Multi-head attention over `headCount` heads, without positions and biases unless given.
  public init(
    headCount: Int, keyValueHeadCount: Int? = nil, headWidth: Int, rotary: Rotary? = nil,
    alibiSlopes: [Float]? = nil, window: Int? = nil, scale: Float? = nil, softCap: Float? = nil,
    queryKeyNorm: NormSpec? = nil, hasSinks: Bool = false, hasInputBias: Bool = false,
    hasOutputBias: Bool = false, isFused: Bool = false
  ) {
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount ?? headCount
    self.headWidth = headWidth
    self.rotary = rotary
    self.alibiSlopes = alibiSlopes
    self.window = window
    self.scale = scale
    self.softCap = softCap
    self.queryKeyNorm = queryKeyNorm
    self.hasSinks = hasSinks
    self.hasInputBias = hasInputBias
    self.hasOutputBias = hasOutputBias
    self.isFused = isFused
  }
}
