/// A norm as data.
public enum NormSpec: Sendable, Hashable, BitwiseCopyable {
  /// Mean and variance (Ba et al. 2016, arXiv 1607.06450), with gain and bias.
  case layerNorm(epsilon: Double)
  /// Root mean square (Zhang & Sennrich 2019, arXiv 1910.07467); the gain counts from `gainOffset`.
  case rms(epsilon: Double, gainOffset: Double = 0)
}

/// What a branch is multiplied by before it is added.
public enum GateSpec: Sendable, Hashable {
  /// A learned factor for each channel that starts small, so that a deep stack begins as the identity
  /// (LayerScale, Touvron et al. 2021, arXiv 2103.17239).
  case layerScale(start: Double)
}

/// One residual branch: `x <- after(x + gate * out(op(in(x))))`; an absent norm is the identity, an absent
/// gate 1.
public struct BranchSpec: Sendable, Hashable {
  /// Before the operation (pre-norm).
  public var inputNorm: NormSpec?
  /// What the branch computes.
  public var operation: OperationSpec
  /// On the operation's result, before it is added.
  public var outputNorm: NormSpec?
  /// What the branch is multiplied by.
  public var gate: GateSpec?
  /// After the sum (post-norm).
  public var afterNorm: NormSpec?

  /// A branch with the given norms and gate.
  public init(
    inputNorm: NormSpec? = nil, operation: OperationSpec, outputNorm: NormSpec? = nil,
    gate: GateSpec? = nil, afterNorm: NormSpec? = nil
  ) {
    self.inputNorm = inputNorm
    self.operation = operation
    self.outputNorm = outputNorm
    self.gate = gate
    self.afterNorm = afterNorm
  }
}

/// How the branches of a block are put together.
public enum BranchArrangement: Sendable, Hashable {
  /// Each reads what the one before it left.
  case sequential
  /// All read the block's input, through one norm where there is one; their results are summed.
  case parallel(inputNorm: NormSpec? = nil)
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
