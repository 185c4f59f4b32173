public import HeedAttention
public import HeedTensor

/// One layer of the encoder or decoder of Vaswani et al. 2017, with the parameters and options of
/// PyTorch's `nn.TransformerEncoderLayer` and `nn.TransformerDecoderLayer`: self-attention, for a
/// decoder attention to a memory, and a feed-forward layer, each on a residual branch with its norm
/// before (pre) or after the sum (post).
public struct TransformerLayer: Sendable {
  /// What the layers of a stack have in common.
  public struct Options: Sendable, Hashable {
    /// H.
    public var headCount: Int
    /// Whether norms stand before the branches instead of after the sums.
    public var isPreNorm: Bool
    /// Between the two layers of the feed-forward.
    public var activation: Activation
    /// Of the norms.
    public var epsilon: Double

    /// The defaults of PyTorch.
    public init(
      headCount: Int, isPreNorm: Bool = false, activation: Activation = .relu,
      epsilon: Double = 1e-5
    ) {
      self.headCount = headCount
      self.isPreNorm = isPreNorm
      self.activation = activation
      self.epsilon = epsilon
    }
  }

  private let options: Options
  private let selfAttention: MultiHeadAttention
  private let crossAttention: MultiHeadAttention?
  private let first: Linear
  private let second: Linear
  private let norms: [(gain: Tensor?, bias: Tensor?)]

  /// The layer of the parameters that `parameter` gives by their names in PyTorch; with
  /// `multihead_attn` parameters it is a decoder's.
  ///
  /// - Precondition: the parameters of the attentions and of `linear1`, `linear2` are there.
  public init(_ options: Options, parameter: (_ name: String) -> Tensor?) {
    func linear(_ name: String) -> Linear {
      guard let weight = parameter(name + ".weight") else {
        preconditionFailure("TransformerLayer: there is no parameter \(name).weight")
      }
      return Linear(weight: weight, bias: parameter(name + ".bias"))
    }
    self.options = options
    selfAttention = MultiHeadAttention(headCount: options.headCount) {
      parameter("self_attn." + $0)
    }
    crossAttention =
      parameter("multihead_attn.out_proj.weight") == nil
      ? nil
      : MultiHeadAttention(headCount: options.headCount) { parameter("multihead_attn." + $0) }
    first = linear("linear1")
    second = linear("linear2")
    norms = (1...(crossAttention == nil ? 2 : 3)).map {
      (parameter("norm\($0).weight"), parameter("norm\($0).bias"))
    }
  }

  /// `[B, T, E]` to `[B, T, E]`.
  ///
  /// - Parameters:
  ///   - x: `[B, T, E]`.
  ///   - mask: which positions see which.
  ///   - bias: added to the scores of the self-attention.
  ///   - memory: what a decoder attends to, `[B, S, E]`.
  ///   - memoryMask: which positions see which of the memory.
  public func callAsFunction(
    _ x: Tensor, mask: Mask = .none, bias: Tensor? = nil, memory: Tensor? = nil,
    memoryMask: Mask = .none
  ) -> Tensor {
    var branches: [(Tensor) -> Tensor] = [{ selfAttention($0, $0, $0, mask: mask, bias: bias) }]
    if let crossAttention, let memory {
      branches.append { crossAttention($0, memory, memory, mask: memoryMask) }
    }
    branches.append { second(first($0).activated(options.activation)) }
    return zip(branches, norms).reduce(x) { x, step in
      let (branch, norm) = step
      func normed(_ x: Tensor) -> Tensor {
        x.layerNorm(gain: norm.gain, bias: norm.bias, epsilon: options.epsilon)
      }
      return options.isPreNorm ? x + branch(normed(x)) : normed(x + branch(x))
    }
  }
}
