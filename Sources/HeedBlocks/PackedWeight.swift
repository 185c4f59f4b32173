import HeedTensor

/// A weight `[N, K]` packed for inference, as numbers or as blocks.
enum PackedWeight: Sendable {
  case numbers(PackedMatrix)
  case blocks(QuantizedMatrix)

  /// Packs the matrices below each other.
  ///
  /// - Parameters:
  ///   - parts: at least one; all are alike.
  ///   - precision: of the products with numbers.
  init(_ parts: [MatrixWeight], precision: ProductPrecision) {
    let weight = MatrixWeight.joining(parts)
    switch weight {
    case .dense(let tensor): self = .numbers(PackedMatrix(tensor, precision: precision))
    case .blocks(let blocks) where weight.hasFewBlocks:
      self = .numbers(PackedMatrix(blocks.dequantized()))
    case .blocks(let blocks): self = .blocks(QuantizedMatrix(blocks))
    }
    for part in parts { part.releasePages() }
  }

  /// The weight of some of the outputs, in the same memory; nil where they are not whole panels.
  func outputs(_ range: Range<Int>) -> PackedWeight? {
    switch self {
    case .numbers(let matrix): matrix.outputs(range).map { .numbers($0) }
    case .blocks(let matrix): matrix.outputs(range).map { .blocks($0) }
    }
  }

  /// `[N, K]`.
  var shape: [Int] {
    switch self {
    case .numbers(let matrix): [matrix.outputCount, matrix.inputCount]
    case .blocks(let matrix): [matrix.outputCount, matrix.inputCount]
    }
  }

  /// Bytes of the packed weight.
  var byteCount: Int {
    switch self {
    case .numbers(let matrix): matrix.byteCount
    case .blocks(let matrix): matrix.byteCount
    }
  }

  /// What products read without a conversion.
  var inputType: ElementType {
    if case .numbers(let matrix) = self, matrix.precision == .bfloat16 {
      .bfloat16
    } else {
      .float32
    }
  }

  /// `activation(x weight^T + bias)`, `[.., K]` to `[.., N]`.
  ///
  /// - Parameter resultType: numbers in products of float32, and blocks, give `float32` whatever it is.
  func callAsFunction(
    _ x: Tensor, bias: Tensor?, activation: Activation, resultType: ElementType
  ) -> Tensor {
    switch self {
    case .numbers(let matrix):
      x.linear(
        matrix, bias: bias, activation: activation,
        resultType: matrix.precision == .bfloat16 ? resultType : .float32)
    case .blocks(let matrix): x.linear(matrix, bias: bias, activation: activation)
    }
  }
}

extension MatrixWeight {
  /// Blocks of fewer weights are packed as the floats that they stand for: those stay in the caches, so
  /// that products of 8-bit activations would save nothing and cost precision.
  var hasFewBlocks: Bool {
    if case .blocks(let blocks) = self { blocks.shape.reduce(1, *) < 1 << 16 } else { false }
  }
}
