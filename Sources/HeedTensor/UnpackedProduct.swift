import CHeedKernels

// Products with a weight that is used once: packing all of it would ask the system for as much memory as
// it has bytes, and clearing those fresh pages takes longer than the product. So a few panels are packed
// at a time, multiplied while they are in the caches, and their memory is used again for the next ones.
// An element of a product is one sum in order whatever columns it is computed with, hence the same bits.

extension Tensor {
  /// `linear(_:bias:activation:resultType:)`, with the bits of a packed weight that is not kept.
  ///
  /// - Parameters:
  ///   - weight: `[N, K]`, of any floating-point type, with any strides.
  ///   - precision: of the products.
  ///   - bias: `[N]`.
  ///   - activation: applied to the result.
  ///   - resultType: as for a packed weight.
  /// - Returns: `[.., N]` for this tensor `[.., K]`.
  /// - Complexity: packing is done anew with every call; 2 MB beside the result.
  package func linear(
    unpacked weight: Tensor, precision: ProductPrecision, bias: Tensor? = nil,
    activation: Activation = .identity, resultType: ElementType = .float32
  ) -> Tensor {
    let inputBytes = precision == .float32 ? 4 : 2
    return inPieces(
      of: weight.shape, panelBytes: weight.shape[1] * TiledProduct.panel * inputBytes
    ) { rows in
      linear(
        PackedMatrix(
          weight.sliced(axis: 0, range: rows), precision: precision, isKept: false),
        bias: bias?.sliced(axis: 0, range: rows), activation: activation, resultType: resultType)
    }
  }

  /// The same with blocks, and the bits of `linear(_:bias:activation:)` with a quantised weight.
  package func linear(
    unpacked weight: BlockTensor, bias: Tensor? = nil, activation: Activation = .identity
  ) -> Tensor {
    let format = heed_panel_format_of(weight.type.kernelType)
    return inPieces(
      of: weight.shape, panelBytes: weight.shape[1] / 32 * heed_panel_bytes(format)
    ) { rows in
      let part = BlockTensor(weight.type, bytes: weight.bytes.sliced(axis: 0, range: rows))
      return linear(
        QuantizedMatrix(part, isKept: false), bias: bias?.sliced(axis: 0, range: rows),
        activation: activation)
    }
  }

  /// What `product` makes of runs of rows of a weight `[N, K]`, whole panels, side by side.
  private func inPieces(
    of shape: [Int], panelBytes: Int, _ product: (Range<Int>) -> Tensor
  ) -> Tensor {
    let outputs = shape[0]
    let panels = Swift.max(
      ThreadPool.threadCount, WeightMemory.passingBytes / Swift.max(1, panelBytes))
    let step = panels * TiledProduct.panel
    guard outputs > step else { return product(0..<outputs) }
    let pieces = stride(from: 0, to: outputs, by: step).map {
      product($0..<Swift.min($0 + step, outputs))
    }
    return Tensor(concatenating: pieces, alongAxis: pieces[0].rank - 1)
  }

  /// Whether the elements lie in a file, from which they can be had at any time.
  package var isInFile: Bool { storage.isReadOnly }
}
