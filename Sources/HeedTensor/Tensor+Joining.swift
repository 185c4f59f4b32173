extension Tensor {
  /// Tensors one after the other along an axis.
  ///
  /// - Precondition: the other axes have equal lengths, and the element types are one.
  public init(concatenating tensors: [Tensor], alongAxis axis: Int) {
    precondition(!tensors.isEmpty, "Tensor(concatenating:alongAxis:): no tensors")
    let axis = tensors[0].resolved(axis, "Tensor(concatenating:alongAxis:)")
    var shape = tensors[0].shape
    shape[axis] = tensors.reduce(0) { $0 + $1.shape[axis] }
    for tensor in tensors {
      precondition(
        tensor.rank == shape.count && tensor.elementType == tensors[0].elementType
          && shape.indices.allSatisfy { $0 == axis || shape[$0] == tensor.shape[$0] },
        "Tensor(concatenating:alongAxis:): \(tensors[0].shape) \(tensors[0].elementType) and "
          + "\(tensor.shape) \(tensor.elementType) along axis \(axis)")
    }
    let result = Tensor(uninitialized: shape, tensors[0].elementType)
    var starts: [Int] = []
    var start = 0
    for tensor in tensors {
      tensor.copyElements(to: result, axis: axis, start: start)
      starts.append(start)
      start += tensor.shape[axis]
    }
    guard let tape = tensors.lazy.compactMap({ $0.trace?.tape }).first else {
      self = result
      return
    }
    let parts = zip(tensors, starts).map { tensor, start in
      tensor.trace == nil ? nil : start..<start + tensor.shape[axis]
    }
    self = tape.record(result, from: tensors) { gradient in
      parts.map { $0.map { gradient.sliced(axis: axis, range: $0) } }
    }
  }

  /// Tensors of one shape side by side along a new axis.
  public init(stacking tensors: [Tensor], alongAxis axis: Int = 0) {
    self.init(concatenating: tensors.map { $0.expanded(axis: axis) }, alongAxis: axis)
  }

  /// This tensor and then `other` along an axis.
  public func concatenated(with other: Tensor, alongAxis axis: Int) -> Tensor {
    Tensor(concatenating: [self, other], alongAxis: axis)
  }

  /// With `value` added before and after the elements of an axis.
  public func padded(
    axis: Int, before: Int, after: Int, with value: Double = 0
  ) -> Tensor {
    let axis = resolved(axis, "padded(axis:before:after:)")
    precondition(
      before >= 0 && after >= 0, "padded(axis:before:after:): \(before), \(after) for \(shape)")
    func filler(_ count: Int) -> Tensor {
      var lengths = shape
      lengths[axis] = count
      return Tensor(filledWith: value, shape: lengths, elementType)
    }
    var parts = [self]
    if before > 0 { parts.insert(filler(before), at: 0) }
    if after > 0 { parts.append(filler(after)) }
    return parts.count == 1 ? self : Tensor(concatenating: parts, alongAxis: axis)
  }
}
