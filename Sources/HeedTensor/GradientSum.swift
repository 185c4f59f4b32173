/// The gradient of one tensor while its parts arrive.
///
/// Slices of a tensor that together are all of it, as queries, keys and values of one projection,
/// are written side by side into memory that nobody cleared before; zeros are only written where no
/// slice came. Slices that already lie side by side, as an operation of several slices may write them,
/// stay where they are.
struct GradientSum {
  /// A gradient of a part: the whole tensor has `shape`, and the part begins at `start` of `axis`.
  struct Slice {
    let shape: [Int]
    /// The strides of the tensor that was sliced: its gradient is laid out in the same order of
    /// axes, so that a transposition before the slice costs no copy on the way back.
    let strides: [Int]
    let axis: Int
    let start: Int

    /// Where a part lies along the axis.
    func range(of part: Tensor) -> Range<Int> { start..<start + part.shape[axis] }

    /// The tensor in whose memory `part` lies where the gradient of the whole wants it; nil when it
    /// lies elsewhere.
    func whole(around part: Tensor) -> Tensor? {
      let count = shape.reduce(1, *)
      guard part.storage.byteCount == count * part.elementType.byteCount else { return nil }
      let whole = Tensor(
        storage: part.storage, shape: shape,
        strides: Tensor.denseStrides(shape, inOrderOf: strides),
        offset: 0, elementType: part.elementType)
      return part.isSame(as: whole.sliced(axis: axis, range: range(of: part))) ? whole : nil
    }
  }

  private var tensor: Tensor
  /// The axis along which slices came, and where; nil when every element is written.
  private var written: (axis: Int, ranges: [Range<Int>])?
  /// Whether the memory is that of a slice, which others may read.
  private var isBorrowed = false

  /// A first gradient: of the whole tensor, or of a slice of it.
  init(_ part: Tensor, _ slice: Slice?) {
    guard let slice else {
      tensor = part.detached()
      return
    }
    written = (slice.axis, [])
    if let whole = slice.whole(around: part) {
      tensor = whole
      isBorrowed = true
    } else {
      tensor = Tensor(uninitialized: slice.shape, part.elementType, inOrderOf: slice.strides)
    }
    place(part, slice)
  }

  /// Adds another one.
  mutating func add(_ part: Tensor, _ slice: Slice?) {
    if let slice {
      let range = slice.range(of: part)
      if let written, written.axis == slice.axis, !written.ranges.contains(where: range.overlaps) {
        return place(part, slice)
      }
    }
    fillGaps()
    tensor.accumulate(slice.map { GradientSum(part, $0).total } ?? part)
  }

  /// The whole gradient.
  var total: Tensor {
    var sum = self
    sum.fillGaps()
    return sum.tensor
  }

  private mutating func place(_ part: Tensor, _ slice: Slice) {
    if !part.isSame(as: tensor.sliced(axis: slice.axis, range: slice.range(of: part))) {
      takeOwnMemory()
      part.copyElements(to: tensor, axis: slice.axis, start: slice.start)
    }
    written?.ranges.append(slice.range(of: part))
  }

  /// Copies what was borrowed, before anything is written.
  private mutating func takeOwnMemory() {
    guard isBorrowed else { return }
    isBorrowed = false
    let borrowed = tensor
    tensor = Tensor(
      uninitialized: borrowed.shape, borrowed.elementType, inOrderOf: borrowed.strides)
    borrowed.copyElements(to: tensor, axis: 0, start: 0)
  }

  /// Zeros wherever no slice was written.
  private mutating func fillGaps() {
    guard let (axis, ranges) = written else { return }
    written = nil
    var end = 0
    let length = tensor.shape[axis]
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) + [length..<length] {
      if range.lowerBound > end {
        takeOwnMemory()
        var shape = tensor.shape
        shape[axis] = range.lowerBound - end
        Tensor(zeros: [], tensor.elementType).broadcast(to: shape)
          .copyElements(to: tensor, axis: axis, start: end)
      }
      end = Swift.max(end, range.upperBound)
    }
  }
}

extension Tensor {
  /// Whether both are the same elements in memory.
  fileprivate func isSame(as other: Tensor) -> Bool {
    storage === other.storage && offset == other.offset && shape == other.shape
      && strides == other.strides && elementType == other.elementType
  }
}
