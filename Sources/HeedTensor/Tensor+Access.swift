extension Tensor {
  /// The elements in row-major order, as they are stored.
  ///
  /// - Precondition: `Element` is the tensor's element type (see `converted(to:)`).
  /// - Complexity: O(count).
  public func elements<Element: TensorElement>(as type: Element.Type = Element.self) -> [Element] {
    precondition(
      Element.elementType == elementType,
      "elements(as:): the tensor holds \(elementType), not \(Element.elementType)")
    return withElements(of: Element.self) { Array($0) }
  }

  /// The only element of a tensor of one element.
  public func item<Element: TensorElement>(as type: Element.Type = Element.self) -> Element {
    precondition(count == 1, "item(): \(shape) has \(count) elements, not one")
    return elements(as: type)[0]
  }

  /// One `float32` element.
  public subscript(indices: Int...) -> Float {
    precondition(
      indices.count == rank && zip(indices, shape).allSatisfy { $0 >= 0 && $0 < $1 },
      "subscript: \(indices) is not a place in \(shape)")
    precondition(elementType == .float32, "subscript: \(elementType), not float32")
    let place = zip(indices, strides).reduce(offset) { $0 + $1.0 * $1.1 }
    return storage.base.assumingMemoryBound(to: Float.self)[place]
  }

  /// The dense form: itself when dense, otherwise a copy. Keeps the trace.
  package func dense() -> Tensor {
    if isDense { return self }
    var result = copied()
    result.trace = trace
    return result
  }

  /// The elements, dense and in order, for reading during `body`.
  package func withElements<Element: TensorElement, Result>(
    of type: Element.Type, _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    let source = dense()
    return try withExtendedLifetime(source) {
      try body(
        UnsafeBufferPointer(start: source.pointer(to: Element.self), count: source.count))
    }
  }

  /// The first element. Valid while the tensor lives: keep it with `withExtendedLifetime`.
  package func pointer<Element: TensorElement>(to type: Element.Type) -> UnsafePointer<Element> {
    precondition(
      Element.elementType == elementType, "pointer: \(elementType), not \(Element.elementType)")
    return UnsafePointer(storage.base.assumingMemoryBound(to: Element.self) + offset)
  }

  /// The first element for writing, while the tensor is being made (see `Storage`).
  package func mutablePointer<Element: TensorElement>(
    to type: Element.Type
  ) -> UnsafeMutablePointer<Element> {
    precondition(
      Element.elementType == elementType, "pointer: \(elementType), not \(Element.elementType)")
    return storage.base.assumingMemoryBound(to: Element.self) + offset
  }

  /// The first byte, whatever the element type.
  package var rawPointer: UnsafeMutableRawPointer {
    storage.base + offset * elementType.byteCount
  }

  /// The first element of a tensor of bfloat16.
  package var halves: UnsafeMutablePointer<UInt16> {
    precondition(elementType == .bfloat16, "halves: \(elementType), not bfloat16")
    return rawPointer.assumingMemoryBound(to: UInt16.self)
  }

  /// Changes the elements in place; copies first when the storage is shared.
  package mutating func withMutableElements<Element: TensorElement, Result>(
    of type: Element.Type, _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    makeUnique()
    return try body(
      UnsafeMutableBufferPointer(start: mutablePointer(to: Element.self), count: count))
  }
}
