extension Tensor {
  /// The part `range` of an axis, without a copy.
  ///
  ///     x.sliced(axis: 1, range: 2..<5)   // [B, T, E] -> [B, 3, E]
  public func sliced(axis: Int, range: Range<Int>) -> Tensor {
    let axis = resolved(axis, "sliced(axis:range:)")
    precondition(
      range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "sliced(axis:range:): \(range) of axis \(axis) of \(shape)")
    var length = shape
    length[axis] = range.count
    let result = Tensor(
      storage: storage, shape: length, strides: strides,
      offset: offset + range.lowerBound * strides[axis], elementType: elementType)
    guard let tape = Tape.recording(self) else { return result }
    return tape.record(
      result, slicedFrom: self,
      GradientSum.Slice(shape: shape, strides: strides, axis: axis, start: range.lowerBound))
  }

  /// One entry of an axis, which goes away.
  public func entry(_ index: Int, axis: Int) -> Tensor {
    let axis = resolved(axis, "entry(_:axis:)")
    return sliced(axis: axis, range: index..<index + 1).squeezed(axis: axis)
  }

  /// The parts of an axis with the given lengths, in order.
  public func split(sizes: [Int], alongAxis axis: Int) -> [Tensor] {
    let axis = resolved(axis, "split(sizes:alongAxis:)")
    precondition(
      sizes.reduce(0, +) == shape[axis],
      "split(sizes:alongAxis:): \(sizes) do not add up to axis \(axis) of \(shape)")
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return sliced(axis: axis, range: start..<start + size)
    }
  }

  /// `count` equal parts of an axis.
  public func split(count: Int, alongAxis axis: Int) -> [Tensor] {
    let axis = resolved(axis, "split(count:alongAxis:)")
    precondition(
      count > 0 && shape[axis] % count == 0,
      "split(count:alongAxis:): axis \(axis) of \(shape) has no \(count) equal parts")
    return split(
      sizes: Array(repeating: shape[axis] / count, count: count), alongAxis: axis)
  }

  /// Without an axis of length 1.
  public func squeezed(axis: Int) -> Tensor {
    let axis = resolved(axis, "squeezed(axis:)")
    precondition(shape[axis] == 1, "squeezed(axis:): axis \(axis) of \(shape) is not 1")
    var (lengths, steps) = (shape, strides)
    lengths.remove(at: axis)
    steps.remove(at: axis)
    return viewed(lengths, steps)
  }

  /// With a new axis of length 1 at place `axis` of the result.
  public func expanded(axis: Int) -> Tensor {
    let place = axis < 0 ? axis + rank + 1 : axis
    precondition(place >= 0 && place <= rank, "expanded(axis:): \(shape) has no place \(axis)")
    var (lengths, steps) = (shape, strides)
    lengths.insert(1, at: place)
    steps.insert(1, at: place)
    return viewed(lengths, steps)
  }

  /// The same elements under axes of length 1 more or less.
  private func viewed(_ shape: [Int], _ strides: [Int]) -> Tensor {
    let result = Tensor(
      storage: storage, shape: shape, strides: strides, offset: offset, elementType: elementType)
    guard let tape = Tape.recording(self) else { return result }
    let original = self.shape
    return tape.record(result, from: [self]) { [$0.reshaped(to: original)] }
  }

  /// Each entry of `axis` `count` times, next to each other: key/value heads shared by groups of
  /// query heads. `[B, G, S, D]` with axis 1 gives `[B, G * count, S, D]`.
  public func repeated(_ count: Int, alongAxis axis: Int) -> Tensor {
    let axis = resolved(axis, "repeated(_:alongAxis:)")
    if count == 1 { return self }
    var wide = shape
    wide.insert(count, at: axis + 1)
    var flat = shape
    flat[axis] *= count
    return expanded(axis: axis + 1).broadcast(to: wide).reshaped(to: flat)
  }
}
