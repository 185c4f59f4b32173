/// An n-dimensional array: a value, row-major with strides, one element type.
///
/// Copies share storage until one of them is changed. A tensor that came out of a tape's `watch`,
/// and everything computed from it, carries a trace, so that the tape can give gradients.
///
///     let x = Tensor([1, 2, 3, 4], shape: [2, 2])
///     let y = x.transposed(permutation: [1, 0])   // shares x's bytes
///     y[1, 0]                                     // 2
public struct Tensor: Sendable {
  /// The length of each axis, outermost first. Empty for a scalar.
  public let shape: [Int]
  /// Elements between neighbours along each axis; 0 along a broadcast axis.
  package let strides: [Int]
  /// Index of the first element in the storage.
  package let offset: Int
  /// What one element is.
  public let elementType: ElementType
  package private(set) var storage: Storage
  /// Where the tape knows this tensor; nil outside training.
  package var trace: Trace?

  package init(
    storage: Storage, shape: [Int], strides: [Int], offset: Int, elementType: ElementType,
    trace: Trace? = nil
  ) {
    self.shape = shape
    self.strides = strides
    self.offset = offset
    self.elementType = elementType
    self.storage = storage
    self.trace = trace
  }

  /// An uninitialised dense tensor, to be filled by the operation that makes it.
  package init(uninitialized shape: [Int], _ elementType: ElementType = .float32) {
    let count = shape.reduce(1, *)
    self.init(
      storage: Storage(byteCount: count * elementType.byteCount), shape: shape,
      strides: Tensor.denseStrides(shape), offset: 0, elementType: elementType)
  }

  /// Number of axes.
  public var rank: Int { shape.count }

  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// True when elements lie one after the other in row-major order.
  public var isDense: Bool {
    var expected = 1
    for axis in shape.indices.reversed() where shape[axis] != 1 {
      if strides[axis] != expected { return false }
      expected *= shape[axis]
    }
    return true
  }

  /// Row-major strides of `shape`.
  package static func denseStrides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    var step = 1
    for axis in shape.indices.reversed() {
      strides[axis] = step
      step *= shape[axis]
    }
    return strides
  }

  /// The storage for writing: this tensor's own, copied first when it is shared or read-only.
  ///
  /// - Precondition: the tensor is dense.
  package mutating func makeUnique() {
    if !isUnique() { self = copied() }
  }

  /// True when the elements may be changed in place: dense, and nobody else's.
  package mutating func isUnique() -> Bool {
    isKnownUniquelyReferenced(&storage) && !storage.isReadOnly && isDense
  }

  /// True when nobody else has the storage: all there is to `isUnique()` for a tensor known to be dense and
  /// in memory, without a look at its shape.
  package mutating func isOnlyOwner() -> Bool { isKnownUniquelyReferenced(&storage) }

  /// A dense copy with storage of its own, without a trace.
  package func copied() -> Tensor {
    let result = Tensor(uninitialized: shape, elementType)
    copyElements(to: result)
    return result
  }

  /// This tensor without its trace: a constant for the tape.
  public func detached() -> Tensor {
    var result = self
    result.trace = nil
    return result
  }
}
