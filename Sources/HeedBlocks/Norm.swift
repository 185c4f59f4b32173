public import HeedTensor

/// A norm with its weights.
public struct Norm: Sendable {
  let spec: NormSpec
  let gain: Tensor
  let bias: Tensor?

  /// The norm of `spec` with the weights at `path`.
  public init(_ spec: NormSpec, path: String, layer: Int?, _ weights: WeightLookup) {
    self.spec = spec
    gain = weights(path + ".gain", layer)
    if case .layerNorm = spec { bias = weights(path + ".bias", layer) } else { bias = nil }
  }

  /// `[.., E]` to `[.., E]`.
  ///
  /// - Parameter resultType: `bfloat16` where only products in bfloat16 read the result of float32.
  public func callAsFunction(_ x: Tensor, resultType: ElementType = .float32) -> Tensor {
    let type = x.elementType == .float32 ? resultType : nil
    return switch spec {
    case .layerNorm(let epsilon):
      x.layerNorm(gain: gain, bias: bias, epsilon: epsilon, resultType: type)
    case .rms(let epsilon, let offset):
      x.rmsNorm(gain: gain, gainOffset: offset, epsilon: epsilon, resultType: type)
    }
  }
}
