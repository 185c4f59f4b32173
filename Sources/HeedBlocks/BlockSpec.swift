public import HeedAttention
public import HeedTensor

/// A norm as data.
public enum NormSpec: Sendable, Hashable {
  /// Mean and variance (Ba et al. 2016, arXiv 1607.06450), with gain and bias.
  case layerNorm(epsilon: Double)
  /// Root mean square (Zhang & Sennrich 2019, arXiv 1910.07467); the gain counts from `gainOffset`.
  case rms(epsilon: Double, gainOffset: Double = 0)
}

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
  /// How many latest keys a query sees; nil is all.
  public var window: Int?
  /// Factor on the products; `1/sqrt(D)` when nil.
  public var scale: Float?
  /// Whether queries, keys and values have a bias.
  public var hasInputBias: Bool
  /// Whether the output projection has a bias.
  public var hasOutputBias: Bool
  /// Whether the weights of queries, keys and values lie in one matrix.
  public var isFused: Bool

  /// Multi-head attention over `headCount` heads, without positions and biases unless given.
  public init(
    headCount: Int, keyValueHeadCount: Int? = nil, headWidth: Int, rotary: Rotary? = nil,
    window: Int? = nil, scale: Float? = nil, hasInputBias: Bool = false,
    hasOutputBias: Bool = false, isFused: Bool = false
  ) {
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount ?? headCount
    self.headWidth = headWidth
    self.rotary = rotary
    self.window = window
    self.scale = scale
    self.hasInputBias = hasInputBias
    self.hasOutputBias = hasOutputBias
    self.isFused = isFused
  }
}

/// A feed-forward layer as data.
public struct FeedForwardSpec: Sendable, Hashable {
  /// F.
  public var hiddenWidth: Int
  /// The function between the two layers.
  public var activation: Activation
  /// Whether a second projection is multiplied by the activated one (Shazeer 2020, arXiv
  /// 2002.05202).
  public var isGated: Bool
  /// Whether the layers have biases.
  public var hasBias: Bool

  /// A feed-forward layer of `hiddenWidth`.
  public init(hiddenWidth: Int, activation: Activation, isGated: Bool, hasBias: Bool) {
    self.hiddenWidth = hiddenWidth
    self.activation = activation
    self.isGated = isGated
    self.hasBias = hasBias
  }
}

/// What a residual branch computes.
public enum OperationSpec: Sendable, Hashable {
  case selfAttention(SelfAttentionSpec)
  case feedForward(FeedForwardSpec)
}

/// One residual branch: `x <- after(x + out(op(in(x))))`; an absent norm is the identity.
public struct BranchSpec: Sendable, Hashable {
  /// Before the operation (pre-norm).
  public var inputNorm: NormSpec?
  /// What the branch computes.
  public var operation: OperationSpec
  /// On the operation's result, before it is added.
  public var outputNorm: NormSpec?
  /// After the sum (post-norm).
  public var afterNorm: NormSpec?

  /// A branch with the given norms.
  public init(
    inputNorm: NormSpec? = nil, operation: OperationSpec, outputNorm: NormSpec? = nil,
    afterNorm: NormSpec? = nil
  ) {
    self.inputNorm = inputNorm
    self.operation = operation
    self.outputNorm = outputNorm
    self.afterNorm = afterNorm
  }
}

/// How the branches of a block are put together.
public enum BranchArrangement: Sendable, Hashable {
  /// Each reads what the one before it left.
  case sequential
  /// All read the block's input; their results are summed.
  case parallel
}

/// A block as data: a fold over residual branches.
public struct BlockSpec: Sendable, Hashable {
  /// The branches, in order.
  public var branches: [BranchSpec]
  /// How they are put together.
  public var arrangement: BranchArrangement

  /// A block of the given branches.
  public init(_ branches: [BranchSpec], arrangement: BranchArrangement = .sequential) {
    self.branches = branches
    self.arrangement = arrangement
  }
}
