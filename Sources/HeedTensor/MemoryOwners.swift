/// What keeps memory alive that structures of addresses refer to.
package struct MemoryOwners: Sendable {
  private var tensors: [Tensor] = []
  private var others: [any AnyObject & Sendable] = []

  package init() {}

  /// The first element of a dense tensor that is kept from now on.
  package mutating func address(of tensor: Tensor) -> UnsafeRawPointer {
    tensors.append(tensor)
    return UnsafeRawPointer(tensor.rawPointer)
  }

  /// A reference that is not counted, to an object that is kept from now on.
  package mutating func keep<Object: AnyObject & Sendable>(_ object: Object) -> Unmanaged<Object> {
    others.append(object)
    return Unmanaged.passUnretained(object)
  }

  /// A copy of an array in memory that is kept from now on.
  package mutating func array<Element: BitwiseCopyable>(
    of elements: [Element]
  ) -> UnsafeMutableBufferPointer<Element> {
    let storage = Storage(byteCount: max(1, elements.count) * MemoryLayout<Element>.stride)
    others.append(storage)
    let copy = UnsafeMutableBufferPointer(
      start: storage.base.assumingMemoryBound(to: Element.self), count: elements.count)
    _ = copy.initialize(from: elements)
    return copy
  }
}
