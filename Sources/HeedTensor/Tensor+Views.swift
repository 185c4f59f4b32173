extension Tensor {
  /// The same elements in another shape. One length may be -1: it is computed from the others.
  ///
  /// - Precondition: the number of elements stays the same.
  public func reshaped(to newShape: [Int]) -> Tensor {
    let shape = Tensor.resolve(newShape, count: count, from: self.shape)
    let source = isDense ? self : copied()
    let result = Tensor(
      storage: source.storage, shape: shape, strides: Tensor.denseStrides(shape),
      offset: source.offset, elementType: elementType)
    guard let tape = Tape.recording(self) else { return result }
    let original = self.shape
    return tape.record(result, from: [self]) { [$0.reshaped(to: original)] }
  }

  private static func resolve(_ shape: [Int], count: Int, from old: [Int]) -> [Int] {
    var result = shape
    if let hole = shape.firstIndex(of: -1) {
      let known = shape.reduce(1) { $1 == -1 ? $0 : $0 * $1 }
      precondition(
        known > 0 && count % known == 0, "reshaped(to:): \(old) does not fit \(shape)")
      result[hole] = count / known
    }
    precondition(result.reduce(1, *) == count, "reshaped(to:): \(old) does not fit \(shape)")
    return result
  }

  /// The axes in another order: axis i of the result is axis `permutation[i]` of this tensor.
  public func transposed(permutation: [Int]) -> Tensor {
    precondition(
      permutation.sorted() == Array(0..<rank),
      "transposed(permutation:): \(permutation) is not an order of the axes of \(shape)")
    let result = Tensor(
      storage: storage, shape: permutation.map { shape[$0] },
      strides: permutation.map { strides[$0] }, offset: offset, elementType: elementType)
    guard let tape = Tape.recording(self) else { return result }
    var inverse = permutation
    for (i, axis) in permutation.enumerated() { inverse[axis] = i }
    return tape.record(result, from: [self]) { [inverse] in
      [$0.transposed(permutation: inverse)]
    }
  }

  /// The last two axes exchanged.
  public func transposed() -> Tensor {
    precondition(rank >= 2, "transposed(): \(shape) has fewer than two axes")
    var order = Array(0..<rank)
    order.swapAt(rank - 1, rank - 2)
    return transposed(permutation: order)
  }
}
