// Rows of a table by number, and the way back: gradients of rows that were read several times are
// added in the order of the numbers, each thread with its own columns.

extension Tensor {
  /// Integer elements as `Int`, in order.
  package func integers(_ operation: String) -> [Int] {
    switch elementType {
    case .int64: elements(as: Int64.self).map { Int($0) }
    case .int32: elements(as: Int32.self).map { Int($0) }
    case .int16: elements(as: Int16.self).map { Int($0) }
    case .int8: elements(as: Int8.self).map { Int($0) }
    case .uint8: elements(as: UInt8.self).map { Int($0) }
    default: preconditionFailure("\(operation): \(elementType) are not integers")
    }
  }

  /// Entries of the first axis by number: rows of an embedding table.
  ///
  /// - Parameter indices: integers of any shape, each in `0..<V`.
  /// - Returns: the shape of `indices`, then the other axes. `[V, E]` and `[B, T]` give `[B, T, E]`.
  public func gathered(atIndices indices: Tensor) -> Tensor {
    gathered(indices.integers("gathered(atIndices:)"), shape: indices.shape)
  }

  /// Entries of the first axis by number: rows of an embedding table.
  public func gathered(atIndices indices: [Int]) -> Tensor {
    gathered(indices, shape: [indices.count])
  }

  private func gathered(_ indices: [Int], shape leading: [Int]) -> Tensor {
    precondition(rank >= 1, "gathered(atIndices:): a scalar has no rows")
    let rows = shape[0]
    for index in indices {
      precondition(
        index >= 0 && index < rows, "gathered(atIndices:): no row \(index) in \(shape)")
    }
    let result = Tensor(uninitialized: leading + shape.dropFirst(), elementType)
    let source = (rank == 1 || count == 0 || sliced0IsDense) ? detached() : copied()
    let width = shape.dropFirst().reduce(1, *) * elementType.byteCount
    let step = source.strides[0] * elementType.byteCount
    let (from, to) = (source.rawPointer, result.rawPointer)
    forRows(indices.count, width: width / 4) { start, count in
      for place in start..<start + count {
        (to + place * width).copyMemory(from: from + indices[place] * step, byteCount: width)
      }
    }
    withExtendedLifetime(source) {}
    guard let tape = Tape.recording(self) else { return result }
    let original = shape
    return tape.record(result, from: [self]) { [$0.scatterAdded(at: indices, in: original)] }
  }

  /// True when each entry of the first axis is contiguous.
  private var sliced0IsDense: Bool {
    Tensor(
      storage: storage, shape: Array(shape.dropFirst()), strides: Array(strides.dropFirst()),
      offset: offset, elementType: elementType
    ).isDense
  }

  /// Zeros of `shape` to which entry i of this tensor is added at entry `indices[i]`; entries with
  /// equal numbers are added in order. The reverse of `gathered(atIndices:)`.
  ///
  /// - Precondition: this tensor has `indices.count` times the elements of one entry of `shape`.
  public func scatterAdded(at indices: [Int], in shape: [Int]) -> Tensor {
    requireMathematics("scatterAdded(at:in:)")
    let width = shape.dropFirst().reduce(1, *)
    precondition(
      !shape.isEmpty && count == indices.count * width
        && indices.allSatisfy { $0 >= 0 && $0 < shape[0] },
      "scatterAdded(at:in:): \(self.shape) at \(indices.count) places of \(shape)")
    let result = Tensor(zeros: shape, elementType)
    let source = dense()
    func add<S: TensorScalar>(_ type: S.Type) {
      let x = source.pointer(to: S.self)
      let y = result.mutablePointer(to: S.self)
      forChunks(width, of: 128) { start, n in
        for (place, index) in indices.enumerated() {
          let row = y + index * width + start
          S.add(n, row, x + place * width + start, row)
        }
      }
    }
    if elementType == .float64 { add(Double.self) } else { add(Float.self) }
    withExtendedLifetime(source) {}
    guard let tape = Tape.recording(self) else { return result }
    let original = self.shape
    return tape.record(result, from: [self]) {
      [$0.gathered(atIndices: indices).reshaped(to: original)]
    }
  }
}
