import CHeedKernels

/// Small weights as they lie in a file: rows of blocks. A value that shares its bytes like a tensor.
///
/// It answers for its rows (an embedding table is read row by row) and is what a `QuantizedMatrix` is
/// packed from. Whole rows may be moved about: views of `bytes` do that.
public struct BlockTensor: Sendable {
  /// What a block is.
  public let type: BlockType
  /// The bytes, `uint8`, `[.., bytes of a row]`.
  public let bytes: Tensor

  /// Rows of blocks.
  ///
  /// - Parameter bytes: `uint8`, whose last axis is a row of whole blocks.
  public init(_ type: BlockType, bytes: Tensor) {
    precondition(
      bytes.elementType == .uint8 && bytes.rank >= 1
        && bytes.shape[bytes.rank - 1] % type.blockByteCount == 0,
      "BlockTensor: \(bytes.shape) \(bytes.elementType) are no rows of \(type) blocks")
    self.type = type
    self.bytes = bytes
  }

  /// Makes blocks of floating-point rows, with the scales that lose least.
  ///
  /// - Parameters:
  ///   - tensor: `[.., K]`, K whole blocks.
  ///   - type: one that is written (`isWritable`).
  /// - Complexity: O(count), some tens of operations a value.
  public init(quantizing tensor: Tensor, as type: BlockType) {
    precondition(
      type.isWritable && tensor.elementType.isFloatingPoint && tensor.rank >= 1
        && tensor.shape[tensor.rank - 1] % type.blockWidth == 0,
      "BlockTensor: \(tensor.shape) \(tensor.elementType) cannot become \(type)")
    let width = tensor.shape[tensor.rank - 1]
    let rowBytes = type.rowByteCount(width: width)
    let rows = tensor.count / max(width, 1)
    let result = Tensor(uninitialized: tensor.shape.dropLast() + [rowBytes], .uint8)
    let target = result.rawPointer
    let source = tensor.detached().reshaped(to: [rows, width])
    let kind = type.kernelType
    let chunk = max(1, (1 << 14) / max(width, 1))
    forChunks(rows, of: chunk) { start, count in
      let part = source.sliced(axis: 0, range: start..<start + count).converted(to: .float32)
        .dense()
      _ = heed_quantize(
        kind, count * width / type.blockWidth, part.pointer(to: Float.self),
        target + start * rowBytes)
      withExtendedLifetime(part) {}
    }
    self.init(type, bytes: result)
  }

  /// The shape in values.
  public var shape: [Int] {
    let row = bytes.shape[bytes.rank - 1]
    return bytes.shape.dropLast() + [row / type.blockByteCount * type.blockWidth]
  }

  /// The values as `float32`, exactly as the type defines them.
  public func dequantized() -> Tensor {
    let source = bytes.dense()
    let result = Tensor(uninitialized: shape)
    let (from, to) = (source.rawPointer, result.mutablePointer(to: Float.self))
    let (kind, width, size) = (type.kernelType, type.blockWidth, type.blockByteCount)
    forChunks(source.count / size, of: max(1, elementwiseChunk / width)) { start, count in
      heed_dequantize(kind, count, from + start * size, to + start * width)
    }
    withExtendedLifetime(source) {}
    return result
  }

  /// Rows by number as `float32`: `[V, E]` and n numbers give `[n, E]`.
  ///
  /// - Precondition: the numbers are in `0..<V`.
  public func gathered(atIndices indices: [Int]) -> Tensor {
    BlockTensor(type, bytes: bytes.gathered(atIndices: indices)).dequantized()
  }
}
