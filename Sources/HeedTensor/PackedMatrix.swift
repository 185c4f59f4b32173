import CHeedKernels

// A weight that is multiplied many times is arranged once as the matrix tiles read it: panels of 32
// outputs, k by k. One row (a token being generated) and many rows (a prompt) read the same panels
// in the same order, so both give the same bits.

/// A weight `[N, K]` packed for inference.
public struct PackedMatrix: PanelWeight, Sendable {
  /// N.
  public package(set) var outputCount: Int
  /// K.
  public let inputCount: Int
  /// Precision of the products with this matrix.
  public let precision: ProductPrecision
  /// `[ceil(N / 32)][K][32]` float32, or pairs of bfloat16 in 32 bits `[ceil(N / 32)][ceil(K / 2)][32]`.
  package var panels: Tensor

  /// Packs `weight`.
  ///
  /// - Parameters:
  ///   - weight: `[N, K]`, of any floating-point type, with any strides (a transposed view packs
  ///     without a copy).
  ///   - precision: of the products; `bfloat16` takes half the memory.
  public init(_ weight: Tensor, precision: ProductPrecision = .float32) {
    precondition(weight.rank == 2, "PackedMatrix: \(weight.shape) is not [N, K]")
    precondition(
      weight.elementType.isFloatingPoint, "PackedMatrix: \(weight.elementType) is no weight")
    let (n, k) = (weight.shape[0], weight.shape[1])
    let width = TiledProduct.panel
    let units = precision == .float32 ? k : (k + 1) / 2
    let count = (n + width - 1) / width
    let result = TensorPieces.weights.tensor(
      [count, units, width], precision == .float32 ? .float32 : .int32)
    let target = result.rawPointer
    let source = weight.detached()
    // Panel by panel, and pages that had to be mapped given back on the way, so that a large weight never
    // exists twice.
    let atOnce = source.isReadable ? count : Self.panelsAtOnce(of: units * width * 4)
    for first in stride(from: 0, to: count, by: atOnce) {
      let panels = first..<min(first + atOnce, count)
      Self.pack(source, panels: panels, units: units, precision, target)
      if !source.isReadable {
        source.sliced(axis: 0, range: first * width..<min(n, panels.upperBound * width))
          .releasePages()
      }
    }
    outputCount = n
    inputCount = k
    self.precision = precision
    panels = result
  }

  private static func pack(
    _ source: Tensor, panels: Range<Int>, units: Int, _ precision: ProductPrecision,
    _ target: UnsafeMutableRawPointer
  ) {
    let width = TiledProduct.panel
    let (n, k) = (source.shape[0], source.shape[1])
    ThreadPool.shared.parallel(panels.count) { part in
      let index = panels.lowerBound + part
      let rows = min(width, n - index * width)
      let target = target + index * units * width * 4
      var part = source.rowsFromFile(index * width..<index * width + rows)
      if precision == .bfloat16, packPairs(part, target) { return }
      if part.elementType != .float32 { part = part.converted(to: .float32) }
      if part.strides[1] != 1 && part.strides[0] != 1 { part = part.copied() }
      let isByRows = part.strides[1] == 1 || k == 1
      TiledProduct.packPanel(
        part.pointer(to: Float.self), rowStride: isByRows ? 1 : part.strides[1],
        columnStride: isByRows ? part.strides[0] : 1, depth: k, width: rows, precision, target)
      withExtendedLifetime(part) {}
    }
  }

  /// Rows of bfloat16 are pairs along k already; false where they are something else, or no whole words.
  private static func packPairs(_ rows: Tensor, _ target: UnsafeMutableRawPointer) -> Bool {
    let k = rows.shape[1]
    guard rows.elementType == .bfloat16, rows.strides[1] == 1, k % 2 == 0, rows.strides[0] % 2 == 0,
      UInt(bitPattern: rows.halves) % 4 == 0
    else { return false }
    Kernels.table.pack_transposed_u32(
      rows.shape[0], k / 2, UnsafeRawPointer(rows.halves).assumingMemoryBound(to: UInt32.self),
      rows.strides[0] / 2, target.assumingMemoryBound(to: UInt32.self), TiledProduct.panel)
    withExtendedLifetime(rows) {}
    return true
  }

  /// Bytes of the packed weight.
  public var byteCount: Int { panels.count * 4 }
}

extension Tensor {
  /// `x weight^T + bias` with a packed weight; with the bits of `linear(_:weight:bias:)`.
  ///
  /// A bfloat16 product reads and writes bfloat16 as it lies: no float32 copy of either is made. Numbers
  /// of bfloat16 under 2^-126 may then count where copies of them in float32 do not (`CHeedKernels`).
  ///
  /// - Parameters:
  ///   - weight: `[N, K]`, packed.
  ///   - bias: `[N]`.
  ///   - activation: applied to the result while it is in the cache.
  ///   - resultType: `float32`, or `bfloat16`, to which sums, bias and activation are rounded at the end.
  /// - Returns: `[.., N]` for this tensor `[.., K]` of float32, or of bfloat16 where products are.
  /// - Precondition: no tape follows this tensor (see `linear(_:weight:bias:)` for training).
  public func linear(
    _ weight: PackedMatrix, bias: Tensor? = nil, activation: Activation = .identity,
    resultType: ElementType = .float32
  ) -> Tensor {
    precondition(
      rank >= 1 && shape[rank - 1] == weight.inputCount
        && (elementType == .float32 || elementType == .bfloat16 && weight.precision == .bfloat16)
        && (resultType == .float32 || resultType == .bfloat16),
      "linear(_:bias:): \(shape) \(elementType) does not fit the packed weight "
        + "[\(weight.outputCount), \(weight.inputCount)]")
    precondition(trace == nil, "linear(_:bias:): packed weights have no gradients")
    precondition(
      bias == nil || bias?.shape == [weight.outputCount] && bias?.elementType == .float32,
      "linear(_:bias:): bias \(bias?.shape ?? []) for \(weight.outputCount) outputs")
    let rows = shape.dropLast().reduce(1, *)
    var x = dense()
    // Pairs are words of memory.
    let hasWords = weight.inputCount % 2 == 0 && x.offset % 2 == 0
    if x.elementType == .bfloat16 && !hasWords { x = x.converted(to: .float32) }
    var epilogue = bias.map { [ProductEpilogue.addition(of: $0.dense())] } ?? []
    if activation != .identity { epilogue.append(.activation(activation)) }
    let result = Tensor(uninitialized: shape.dropLast() + [weight.outputCount], resultType)
    let product = MatrixProduct<Float>(
      rows: rows, columns: weight.outputCount, depth: weight.inputCount,
      precision: weight.precision,
      left: x.elementType == .bfloat16
        ? .halves(
          MatrixOperand(base: x.halves, rowStride: weight.inputCount, columnStride: 1))
        : .matrix(
          MatrixOperand(
            base: x.pointer(to: Float.self), rowStride: weight.inputCount, columnStride: 1)),
      right: .panels(UnsafeRawPointer(weight.panels.rawPointer)),
      result: resultType == .bfloat16
        ? .halves(result.halves)
        : .scalars(result.mutablePointer(to: Float.self)),
      epilogue: epilogue)
    TiledProduct.run(product)
    withExtendedLifetime((x, weight)) {}
    return result
  }
}
