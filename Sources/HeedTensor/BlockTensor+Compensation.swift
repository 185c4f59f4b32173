import CHeedKernels

// Blocks of a matrix whose columns make good what those before them lost. Rows do not know of each
// other: some are rounded at a time, in all columns, so that what is kept of their errors is small.
// Columns go in panels: what a panel is owed by all columns before it is one product, what its own
// columns owe each other is added row by row while they are rounded.

extension BlockTensor {
  /// Makes blocks of a matrix with the scales that lose least, and passes the error of each column on to
  /// the columns behind it.
  ///
  /// A matrix whose inputs do not go with each other becomes what it becomes without compensation.
  ///
  /// - Parameters:
  ///   - weight: `[N, K]`, of any floating-point type; K whole blocks.
  ///   - type: one that is written (`isWritable`).
  ///   - compensation: of the inputs of the matrix, of width K, for blocks of this width.
  /// - Complexity: O(N·K²).
  public init(
    quantizing weight: Tensor, as type: BlockType, compensating compensation: ErrorCompensation
  ) {
    self.init(quantizing: weight, as: type, compensating: compensation, step: {})
  }

  /// The same for someone who may want to stop: `step` is called before each piece of rows.
  package init<Failure: Error>(
    quantizing weight: Tensor, as type: BlockType, compensating compensation: ErrorCompensation,
    step: () throws(Failure) -> Void
  ) throws(Failure) {
    precondition(
      type.isWritable && weight.elementType.isFloatingPoint && weight.rank == 2
        && weight.shape[1] == compensation.width && weight.shape[1] % type.blockWidth == 0
        && type.blockWidth == compensation.blockWidth,
      "BlockTensor: \(weight.shape) \(weight.elementType) cannot become \(type) with the inputs "
        + "of \(compensation.width) values for blocks of \(compensation.blockWidth)")
    let (rows, width) = (weight.shape[0], weight.shape[1])
    let rowBytes = type.rowByteCount(width: width)
    let result = Tensor(uninitialized: [rows, rowBytes], .uint8)
    let piece = 2048
    for start in stride(from: 0, to: rows, by: piece) {
      try step()
      let part = weight.detached().sliced(axis: 0, range: start..<min(rows, start + piece))
        .converted(to: .float32).dense()
      CompensatedRounding(weights: part, type: type, compensation: compensation)
        .run(result.rawPointer + start * rowBytes)
    }
    self.init(type, bytes: result)
  }
}

/// Some rows of a matrix, on their way into blocks.
private struct CompensatedRounding {
  /// `[n, K]`, float32, dense.
  let weights: Tensor
  let type: BlockType
  let compensation: ErrorCompensation
  /// The place of each column in its block, in the order of rounding.
  let places: [UInt8]

  init(weights: Tensor, type: BlockType, compensation: ErrorCompensation) {
    self.weights = weights
    self.type = type
    self.compensation = compensation
    places = compensation.order.map { UInt8($0 % type.blockWidth) }
  }

  func run(_ target: UnsafeMutableRawPointer) {
    let (rows, width) = (weights.shape[0], weights.shape[1])
    let factor = compensation.factor  // [K, K]
    let errors = Tensor(uninitialized: weights.shape)
    let panel = max(128, type.blockWidth)
    for start in stride(from: 0, to: width, by: panel) {
      let columns = start..<min(width, start + panel)
      let owed =
        start == 0
        ? Tensor(zeros: [rows, columns.count])
        : Tensor.product(
          errors.sliced(axis: 1, range: 0..<start),
          factor.sliced(axis: 0, range: 0..<start).sliced(axis: 1, range: columns), .float32)
      let chunk = max(1, (1 << 12) / columns.count)
      forChunks(rows, of: chunk) { first, count in
        for row in first..<first + count { round(row, columns, owed, errors, target) }
      }
    }
  }

  /// The blocks of one row in a panel of columns.
  private func round(
    _ row: Int, _ columns: Range<Int>, _ owed: Tensor, _ errors: Tensor,
    _ target: UnsafeMutableRawPointer
  ) {
    let width = weights.shape[1]
    let debts = owed.mutablePointer(to: Float.self) + row * columns.count
    let values = weights.pointer(to: Float.self) + row * width
    let bytes = target + row * type.rowByteCount(width: width)
    places.withUnsafeBufferPointer { places in
      guard let places = places.baseAddress else { return }
      for first in stride(from: columns.lowerBound, to: columns.upperBound, by: type.blockWidth) {
        let block = compensation.order[first] / type.blockWidth
        _ = heed_quantize_compensated(
          type.kernelType, values + block * type.blockWidth, places + first,
          columns.upperBound - first, compensation.weights.pointer(to: Float.self) + first,
          compensation.factor.pointer(to: Float.self) + first * width + first, width,
          debts + first - columns.lowerBound, bytes + block * type.blockByteCount,
          errors.mutablePointer(to: Float.self) + row * width + first)
      }
    }
  }
}
