import CHeedKernels

// Training may move the scales of blocks, and the numbers beside them, as it moves weights ("EfficientQAT",
// Chen et al. 2024, arXiv 2407.11062). Whatever the type, a value is linear in what its block has in half
// precision: that times a step, plus the least value times an offset. So the steps of any type are what it
// reads as with a scale of one and a least value of zero, and the offsets the other way round.

extension BlockType {
  /// Where a block has its scale, and its least value, in half precision; in bytes from its beginning.
  fileprivate var places: (scale: Int, least: Int?) {
    switch self {
    case .q8_0, .q4_0, .q5_0, .mxfp4: (0, nil)
    case .q4_1, .q5_1, .q4_K, .q5_K: (0, 2)
    case .q6_K: (208, nil)
    }
  }

  /// The whole numbers that steps are; nil where parts of a block have factors of their own.
  package var stepRange: ClosedRange<Double>? {
    switch self {
    case .q8_0: -127...127
    case .q4_0: -8...7
    case .q4_1: 0...15
    case .q5_0: -16...15
    case .q5_1: 0...31
    case .q4_K, .q5_K, .q6_K, .mxfp4: nil
    }
  }
}

/// Blocks taken apart into numbers that a tape may watch: n blocks of W values,
/// `values = scales * steps + leasts * offsets`.
package struct BlockParts: Sendable {
  private let source: BlockTensor
  /// `[n, 1]`; in half precision in a file.
  package var scales: Tensor
  /// `[n, 1]`, in half precision in a file; nil for types without.
  package var leasts: Tensor?
  /// `[n, W]`: whole numbers where the type has a `stepRange`, and the nearest to these otherwise.
  package var steps: Tensor
  /// `[n, W]`; nil for ones.
  private let offsets: Tensor?

  /// Blocks of a type that is written, as their parts.
  package init(_ blocks: BlockTensor) {
    precondition(
      blocks.type.isWritable, "BlockParts: \(blocks.type) has no scale in half precision")
    let type = blocks.type
    let count = blocks.bytes.count / type.blockByteCount
    let (ones, zeros) = (
      Tensor(repeating: Float(1), shape: [count, 1]), Tensor(zeros: [count, 1])
    )
    let shape = [count, type.blockWidth]
    source = blocks
    scales = blocks.halves(at: type.places.scale)
    leasts = type.places.least.map { blocks.halves(at: $0) }
    steps = blocks.replacing(scales: ones, leasts: zeros).dequantized().reshaped(to: shape)
    offsets =
      leasts == nil || type.stepRange != nil
      ? nil : blocks.replacing(scales: zeros, leasts: ones).dequantized().reshaped(to: shape)
  }

  /// What a block is.
  package var type: BlockType { source.type }

  /// The weights, of the shape of the blocks, with gradients to the parts.
  package var values: Tensor {
    var values = steps * scales  // [n, W]
    if let leasts { values += offsets.map { $0 * leasts } ?? leasts }
    return values.reshaped(to: source.shape)
  }

  /// The parts as a file has them.
  package var written: BlockParts {
    var parts = self
    parts.scales = scales.detached().converted(to: .float16).converted(to: .float32)
    parts.leasts = leasts?.detached().converted(to: .float16).converted(to: .float32)
    parts.steps = type.stepRange.map { steps.detached().rounded(to: $0) } ?? steps
    return parts
  }

  /// The blocks of a file.
  package var blocks: BlockTensor {
    let parts = written
    let scaled = source.replacing(scales: parts.scales, leasts: parts.leasts)
    return type.stepRange == nil ? scaled : scaled.rounding(parts.values)
  }
}

extension Tensor {
  /// The nearest whole numbers in `range`, ties to even. Their gradient is passed on as if nothing were
  /// rounded, where nothing is cut off ("straight through", Bengio et al. 2013, arXiv 1308.3432).
  package func rounded(to range: ClosedRange<Double>) -> Tensor {
    clamped(to: range).mapped(RoundedStraightThrough(), "rounded(to:)")
  }
}

private struct RoundedStraightThrough: UnaryFormula {
  func value<S: TensorScalar>(_ x: S) -> S { x.rounded(.toNearestOrEven) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { 1 }
}

extension BlockTensor {
  /// The two bytes at `place` of each block as numbers, `[n, 1]`.
  fileprivate func halves(at place: Int) -> Tensor {
    let (bytes, size) = (bytes.dense(), type.blockByteCount)
    let result = Tensor(uninitialized: [bytes.count / size, 1], .float16)
    for block in 0..<result.count {
      (result.rawPointer + 2 * block).copyMemory(
        from: bytes.rawPointer + block * size + place, byteCount: 2)
    }
    withExtendedLifetime(bytes) {}
    return result.converted(to: .float32)
  }

  /// The same blocks with other scales, `[n, 1]`, and other least values where they have some.
  fileprivate func replacing(scales: Tensor, leasts: Tensor?) -> BlockTensor {
    let result = Tensor(bytes.dense().elements(as: UInt8.self), shape: bytes.shape)
    func put(_ numbers: Tensor, at place: Int) {
      let halves = numbers.converted(to: .float16).dense()
      for block in 0..<halves.count {
        (result.rawPointer + block * type.blockByteCount + place).copyMemory(
          from: halves.rawPointer + 2 * block, byteCount: 2)
      }
      withExtendedLifetime(halves) {}
    }
    put(scales, at: type.places.scale)
    if let leasts, let place = type.places.least { put(leasts, at: place) }
    return BlockTensor(type, bytes: result)
  }

  /// Blocks of the same scales, whose values are the nearest to `values`.
  fileprivate func rounding(_ values: Tensor) -> BlockTensor {
    let (values, width) = (values.dense(), type.blockWidth)
    let result = Tensor(bytes.dense().elements(as: UInt8.self), shape: bytes.shape)
    _ = heed_requantize(
      type.kernelType, values.count / width, values.pointer(to: Float.self), result.rawPointer)
    withExtendedLifetime(values) {}
    return BlockTensor(type, bytes: result)
  }
}
