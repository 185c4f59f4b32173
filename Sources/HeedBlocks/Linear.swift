public import HeedTensor

/// A linear layer: a weight `[N, K]` and perhaps a bias `[N]`.
///
/// The weight stays as it is while a tape watches it; for inference it is packed once, and only the
/// packed form is kept.
public struct Linear: Sendable {
  /// `[N]`.
  public let bias: Tensor?
  private let form: Form
  /// Told what a weight that is not packed is multiplied by.
  var watch: (@Sendable (Tensor) -> Void)?

  private enum Form: Sendable {
    case plain(Tensor)
    case packed(PackedWeight)
  }

  /// - Parameter packing: the precision to pack the weight in, once; nil leaves it as it is.
  public init(weight: Tensor, bias: Tensor? = nil, packing: ProductPrecision? = nil) {
    self.init(.dense(weight), bias: bias, packing: packing)
  }

  /// - Parameters:
  ///   - weight: `[N, K]`; blocks stay blocks when they are packed, unless they are very few.
  ///   - packing: the precision to pack a weight of numbers in, once; nil leaves the numbers plain.
  public init(_ weight: MatrixWeight, bias: Tensor? = nil, packing: ProductPrecision? = nil) {
    self.init(joining: [weight], bias: bias, packing: packing)
  }

  /// - Parameter parts: the weight as matrices below each other; all are alike.
  init(joining parts: [MatrixWeight], bias: Tensor?, packing: ProductPrecision?) {
    self.bias = bias
    switch (parts[0], packing) {
    case (.blocks, let packing?): form = .packed(PackedWeight(parts, precision: packing))
    case (.dense(let tensor), let packing?) where tensor.elementType != .float64:
      form = .packed(PackedWeight(parts, precision: packing))
    default: form = .plain(MatrixWeight.joining(parts).tensor.forMathematics())
    }
  }

  /// The layer of some of the outputs, with the same bits, where its weight is packed and they can be told
  /// apart in it.
  func outputs(_ range: Range<Int>) -> Linear? {
    guard case .packed(let weight) = form, let part = weight.outputs(range) else { return nil }
    return Linear(form: .packed(part), bias: bias?.sliced(axis: 0, range: range))
  }

  private init(form: Form, bias: Tensor?) {
    self.form = form
    self.bias = bias
  }

  /// The product of a few rows between buffers; nil where the weight is not packed.
  package func rows(keeping owners: inout MemoryOwners) -> RowProduct? {
    guard case .packed(let weight) = form else { return nil }
    return switch weight {
    case .numbers(let matrix): RowProduct(matrix, bias: bias, keeping: &owners)
    case .blocks(let matrix): RowProduct(matrix, bias: bias, keeping: &owners)
    }
  }

  /// `[N, K]` of the weight.
  public var shape: [Int] {
    switch form {
    case .plain(let weight): weight.shape
    case .packed(let weight): weight.shape
    }
  }

  /// Bytes of the weight as it is kept.
  public var byteCount: Int {
    switch form {
    case .plain(let weight): weight.count * weight.elementType.byteCount
    case .packed(let weight): weight.byteCount
    }
  }

  /// `inputActivation(x) weight^T + bias`, `[.., K]` to `[.., N]`.
  ///
  /// - Parameter resultType: `bfloat16` where only products in bfloat16 read the result; a quantised
  ///   layer gives float32 all the same, as do products in float32.
  public func callAsFunction(
    _ x: Tensor, inputActivation: Activation = .identity, precision: ProductPrecision = .float32,
    resultType: ElementType = .float32
  ) -> Tensor {
    switch form {
    case .plain(let weight):
      watch?(x.activated(inputActivation))
      return linear(
        x, inputActivation: inputActivation, weight: weight, bias: bias, precision: precision,
        resultType: precision == .bfloat16 && weight.elementType == .float32 ? resultType : nil)
    case .packed(let weight):
      return weight(
        x.activated(inputActivation), bias: bias, activation: .identity, resultType: resultType)
    }
  }

  /// `next(activation(x weight^T + bias))`, with the bits of two calls.
  ///
  /// Without a tape the activation is taken while the product is in the cache, and what the next layer
  /// would round to bfloat16 is rounded there.
  func followed(
    by next: Linear, activation: Activation, _ x: Tensor, precision: ProductPrecision
  ) -> Tensor {
    switch form {
    case .plain(let up):
      if precision == .bfloat16, case .plain(let down) = next.form, up.elementType == .float32,
        watch == nil, next.watch == nil
      {
        x.feedForward(
          up: up, upBias: bias, activation: activation, down: down, downBias: next.bias)
      } else {
        next(self(x, precision: precision), inputActivation: activation, precision: precision)
      }
    case .packed(let weight):
      next(
        weight(x, bias: bias, activation: activation, resultType: next.inputType(precision)),
        precision: precision)
    }
  }

  /// What the products of the layer read: an input that nobody else reads may be rounded to it.
  func inputType(_ precision: ProductPrecision) -> ElementType {
    switch form {
    case .plain(let weight):
      precision == .bfloat16 && weight.elementType == .float32 && watch == nil
        ? .bfloat16 : .float32
    case .packed(let weight): weight.inputType
    }
  }

  init(
    _ path: String, layer: Int?, hasBias: Bool, _ weights: WeightLookup,
    packing: ProductPrecision?
  ) {
    self.init(
      weights.matrix(path + ".weight", layer),
      bias: hasBias ? weights(path + ".bias", layer) : nil, packing: packing)
    watch = weights.watch(of: path + ".weight", layer)
  }
}
