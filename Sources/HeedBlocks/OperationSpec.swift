// What a residual branch may compute. An operation is data here (what it is, which weights it
// needs) and a value with weights when a model is made of it; each kind has a file of its own, and
// this is the only place that lists them.

package import HeedAttention
package import HeedTensor

/// What a residual branch computes.
public enum OperationSpec: Sendable, Hashable {
  /// Attention to the tokens of the sequence itself.
  case selfAttention(SelfAttentionSpec)
  /// The same with keys and values compressed to latents (DeepSeek).
  case latentAttention(LatentAttentionSpec)
  /// Half of the heads subtracted from the others (DiffLlama).
  case differentialAttention(DifferentialAttentionSpec)
  /// Two linear layers with an activation between, perhaps gated.
  case feedForward(FeedForwardSpec)
  /// Several feed-forwards, of which a router chooses some for each token.
  case experts(ExpertsSpec)
}

/// An operation with its weights: `[B, T, E]` to `[B, T, E]`.
protocol BranchOperation: Sendable {
  /// Whether the result of a token depends on other tokens.
  var readsOtherTokens: Bool { get }
  /// - Parameter last: how many of the last tokens results are wanted of, `[B, last, E]`; nil for all.
  ///   Only an operation that reads other tokens is given more of them than it is asked about.
  func callAsFunction(
    _ x: Tensor, last: Int?, layer: Int, context: inout BlockContext
  ) -> Tensor
  /// bfloat16 where the operation reads x by products in bfloat16 alone, so that its norm may round.
  func inputType(_ precision: ProductPrecision) -> ElementType
  /// The operation for tokens that are being generated; nil where it has only that on tensors.
  func tokens(keeping owners: inout MemoryOwners) -> TokenOperation?
}

extension BranchOperation {
  var readsOtherTokens: Bool { false }
  func inputType(_ precision: ProductPrecision) -> ElementType { .float32 }
  func tokens(keeping owners: inout MemoryOwners) -> TokenOperation? { nil }
}

/// An operation as data.
private protocol OperationData {
  /// The weights it needs in a model of `width` channels.
  func slots(layer: Int, width: Int) -> [WeightSlot]
  /// The operation of block `layer` with its weights, packed for inference when `packing` is given.
  func operation(
    layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) -> any BranchOperation
}

extension SelfAttentionSpec: OperationData {}
extension LatentAttentionSpec: OperationData {}
extension DifferentialAttentionSpec: OperationData {}
extension FeedForwardSpec: OperationData {}
extension ExpertsSpec: OperationData {}

extension OperationSpec {
  private var data: any OperationData {
    switch self {
    case .selfAttention(let spec): spec
    case .latentAttention(let spec): spec
    case .differentialAttention(let spec): spec
    case .feedForward(let spec): spec
    case .experts(let spec): spec
    }
  }

  /// The first part of the paths of its slots.
  package var path: String {
    switch self {
    case .selfAttention, .latentAttention, .differentialAttention: "attention"
    case .feedForward: "feedForward"
    case .experts: "experts"
    }
  }

  /// The rotary positions of an attention that has them.
  package var rotary: Rotary? {
    switch self {
    case .selfAttention(let spec): spec.rotary
    case .latentAttention(let spec): spec.rotary
    case .differentialAttention(let spec): spec.rotary
    case .feedForward, .experts: nil
    }
  }

  func slots(layer: Int, width: Int) -> [WeightSlot] { data.slots(layer: layer, width: width) }

  func operation(
    layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) -> any BranchOperation {
    data.operation(layer: layer, weights, packing: packing)
  }

  /// The cache that its keys need; nil when it keeps none.
  func cache(elementType: ElementType) -> KeyValueCache? {
    switch self {
    case .selfAttention(let spec):
      KeyValueCache(
        policy: spec.window.map { .sliding(window: $0) } ?? .growing, elementType: elementType)
    case .latentAttention, .differentialAttention: KeyValueCache(elementType: elementType)
    case .feedForward, .experts: nil
    }
  }
}

extension BlockSpec {
  /// The empty cache of a block: of its first operation that keeps keys.
  package func cache(elementType: ElementType) -> KeyValueCache {
    branches.lazy.compactMap { $0.operation.cache(elementType: elementType) }.first
      ?? KeyValueCache(elementType: elementType)
  }
}
