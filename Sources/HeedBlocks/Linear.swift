public import HeedTensor

/// A linear layer: a weight `[N, K]` and perhaps a bias `[N]`.
///
/// The weight stays as it is while a tape watches it; for inference it is packed once.
public struct Linear: Sendable {
  /// `[N, K]`, perhaps a transposed view.
  public let weight: Tensor
  /// `[N]`.
  public let bias: Tensor?
  private let packed: PackedMatrix?

  /// - Parameter packing: the precision to pack the weight in, once; nil leaves it as it is.
  public init(weight: Tensor, bias: Tensor? = nil, packing: ProductPrecision? = nil) {
    self.weight = weight
    self.bias = bias
    packed = packing.map { PackedMatrix(weight, precision: $0) }
  }

  /// `x weight^T + bias`, `[.., K]` to `[.., N]`.
  public func callAsFunction(_ x: Tensor, precision: ProductPrecision = .float32) -> Tensor {
    if let packed, x.elementType == .float32 { return x.linear(packed, bias: bias) }
    return linear(x, weight: weight, bias: bias, precision: precision)
  }

  init(
    _ path: String, layer: Int?, hasBias: Bool, _ weights: WeightLookup,
    packing: ProductPrecision?
  ) {
    self.init(
      weight: weights(path + ".weight", layer),
      bias: hasBias ? weights(path + ".bias", layer) : nil, packing: packing)
  }
}
