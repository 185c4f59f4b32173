public import HeedTensor

extension Tensor {
  /// The rows of a cache with those of `update` written over them, from a place of its own for each
  /// sequence: what ONNX calls TensorScatter.
  ///
  ///     let keys = pastKeys.writingRows(of: newKeys, at: [17, 3])   // [2, G, S, D]
  ///
  /// - Parameters:
  ///   - update: the shape of this tensor, `[B, .., S, D]`, but with n rows for S.
  ///   - starts: the first row of each sequence.
  ///   - isCircular: rows beyond the last go on at the first, as in a ring for a window.
  /// - Returns: the shape and element type of this tensor. No gradient.
  /// - Precondition: the shapes fit, and all rows exist where `isCircular` is false; the message
  ///   names them.
  /// - Complexity: O(size of this tensor); a cache that grows in place is `KeyValueCache`.
  /// - Source: ONNX operator TensorScatter, opset 24.
  public func writingRows(of update: Tensor, at starts: [Int], isCircular: Bool = false) -> Tensor {
    let axis = rank - 2
    var expected = shape
    let added = update.rank == rank && axis >= 1 ? update.shape[axis] : 0
    if axis >= 1 { expected[axis] = added }
    precondition(
      axis >= 1 && update.shape == expected && update.elementType == elementType
        && starts.count == shape[0] && added <= shape[axis]
        && starts.allSatisfy {
          $0 >= 0 && (isCircular ? $0 < shape[axis] || added == 0 : $0 <= shape[axis] - added)
        },
      "writingRows: \(update.elementType) \(update.shape) at rows \(starts) of \(elementType) "
        + "\(shape)")
    let result = copied()
    let source = update.dense()
    let (rows, bytes) = (shape[axis], shape[axis + 1] * elementType.byteCount)
    let perSequence = shape[1..<axis].reduce(1, *)
    for (sequence, start) in starts.enumerated() {
      for head in sequence * perSequence..<(sequence + 1) * perSequence {
        for i in 0..<added {
          let row = (start + i) % rows
          (result.rawPointer + (head * rows + row) * bytes).copyMemory(
            from: source.rawPointer + (head * added + i) * bytes, byteCount: bytes)
        }
      }
    }
    withExtendedLifetime(source) {}
    return result
  }
}
