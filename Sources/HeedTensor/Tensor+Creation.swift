extension Tensor {
  /// A tensor of the given elements in row-major order.
  ///
  /// - Precondition: `elements.count` is the product of `shape`.
  public init<Element: TensorElement>(_ elements: [Element], shape: [Int]) {
    precondition(
      elements.count == shape.reduce(1, *),
      "Tensor(_:shape:): \(elements.count) elements do not fill \(shape)")
    self.init(uninitialized: shape, Element.elementType)
    elements.withUnsafeBytes { bytes in
      if let source = bytes.baseAddress {
        storage.base.copyMemory(from: source, byteCount: bytes.count)
      }
    }
  }

  /// A vector of the given elements.
  public init<Element: TensorElement>(_ elements: [Element]) {
    self.init(elements, shape: [elements.count])
  }

  /// A scalar.
  public init<Element: TensorElement>(scalar: Element) {
    self.init([scalar], shape: [])
  }

  /// A tensor of zeros.
  public init(zeros shape: [Int], _ elementType: ElementType = .float32) {
    self.init(uninitialized: shape, elementType)
    let base = storage.base
    forChunks(count * elementType.byteCount, of: 1 << 20) { start, bytes in
      (base + start).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
  }

  /// Uninitialised memory whose axes lie in the order of `strides`, the largest outermost.
  package init(
    uninitialized shape: [Int], _ elementType: ElementType, inOrderOf strides: [Int]
  ) {
    let count = shape.reduce(1, *)
    self.init(
      storage: Storage(byteCount: count * elementType.byteCount), shape: shape,
      strides: Tensor.denseStrides(shape, inOrderOf: strides), offset: 0, elementType: elementType)
  }

  /// The strides of a dense tensor whose axes lie in the order of `strides`, the largest outermost.
  static func denseStrides(_ shape: [Int], inOrderOf strides: [Int]) -> [Int] {
    var result = strides
    var step = 1
    let outermostFirst = strides.indices.sorted {
      strides[$0] == strides[$1] ? $0 < $1 : strides[$0] > strides[$1]
    }
    for axis in outermostFirst.reversed() {
      result[axis] = step
      step *= shape[axis]
    }
    return result
  }

  /// A tensor with every element equal to `value`.
  public init<Element: TensorElement>(repeating value: Element, shape: [Int]) {
    self.init(uninitialized: shape, Element.elementType)
    storage.base.initializeMemory(as: Element.self, repeating: value, count: count)
  }
}
