/// The gradient of one tensor while its parts arrive.
///
/// Slices of a tensor that together are all of it, as queries, keys and values of one projection,
/// are written side by side into memory that nobody cleared before; zeros are only written where no
/// slice came.
struct GradientSum {
  /// A gradient of a part: the whole tensor has `shape`, and the part begins at `start` of `axis`.
  struct Slice {
    let shape: [Int]
    /// The strides of the tensor that was sliced: its gradient is laid out in the same order of
    /// axes, so that a transposition before the slice costs no copy on the way back.
    let strides: [Int]
    let axis: Int
    let start: Int
  }

  private var tensor: Tensor
  /// The axis along which slices came, and where; nil when every element is written.
  private var written: (axis: Int, ranges: [Range<Int>])?

  /// A first gradient: of the whole tensor, or of a slice of it.
  init(_ part: Tensor, _ slice: Slice?) {
    guard let slice else {
      tensor = part.detached()
      return
    }
    tensor = Tensor(uninitialized: slice.shape, part.elementType, inOrderOf: slice.strides)
    written = (slice.axis, [])
    place(part, slice)
  }

  /// Adds another one.
  mutating func add(_ part: Tensor, _ slice: Slice?) {
    if let slice {
      let range = slice.start..<slice.start + part.shape[slice.axis]
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
    part.copyElements(to: tensor, axis: slice.axis, start: slice.start)
    written?.ranges.append(slice.start..<slice.start + part.shape[slice.axis])
  }

  /// Zeros wherever no slice was written.
  private mutating func fillGaps() {
    guard let (axis, ranges) = written else { return }
    written = nil
    var end = 0
    let length = tensor.shape[axis]
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) + [length..<length] {
      if range.lowerBound > end {
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
  /// Memory of its own whose axes lie in the order of `strides`, the largest outermost.
  fileprivate init(uninitialized shape: [Int], _ elementType: ElementType, inOrderOf strides: [Int])
  {
    let order = strides.indices.sorted {
      strides[$0] == strides[$1] ? $0 < $1 : strides[$0] > strides[$1]
    }
    var inverse = order
    for (place, axis) in order.enumerated() { inverse[axis] = place }
    self = Tensor(uninitialized: order.map { shape[$0] }, elementType)
      .transposed(permutation: inverse)
  }
}
