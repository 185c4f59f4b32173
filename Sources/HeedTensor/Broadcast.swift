// Functions of two elements over shapes that fit each other as in numpy: aligned at the last axis,
// a length of 1 stands for any length. Neighbouring axes that both operands step through evenly
// are merged first, so that the common cases (same shape, [.., n] with [n], a scalar) are one loop.

/// A function of two scalars.
package protocol BinaryFormula: Sendable {
  func value<S: TensorScalar>(_ a: S, _ b: S) -> S
  /// The loop over two vectors, where there is a better one.
  func values<S: TensorScalar>(
    _ n: Int, _ a: UnsafePointer<S>, _ b: UnsafePointer<S>, _ y: UnsafeMutablePointer<S>)
}

extension BinaryFormula {
  package func values<S: TensorScalar>(
    _ n: Int, _ a: UnsafePointer<S>, _ b: UnsafePointer<S>, _ y: UnsafeMutablePointer<S>
  ) {
    for i in 0..<n { y[i] = value(a[i], b[i]) }
  }
}

/// The loops of one broadcast operation, outermost first.
struct BroadcastLoops {
  var lengths: [Int] = []
  var leftStrides: [Int] = []
  var rightStrides: [Int] = []

  init(_ left: Tensor, _ right: Tensor, shape: [Int]) {
    let a = left.strides(broadcastTo: shape)
    let b = right.strides(broadcastTo: shape)
    for axis in shape.indices where shape[axis] != 1 {
      if let last = lengths.indices.last, leftStrides[last] == a[axis] * shape[axis],
        rightStrides[last] == b[axis] * shape[axis]
      {
        lengths[last] *= shape[axis]
        leftStrides[last] = a[axis]
        rightStrides[last] = b[axis]
      } else {
        lengths.append(shape[axis])
        leftStrides.append(a[axis])
        rightStrides.append(b[axis])
      }
    }
    if lengths.isEmpty {
      lengths = [1]
      leftStrides = [1]
      rightStrides = [1]
    }
  }

  /// Where row `row` (all loops but the last, counted together) begins in both operands.
  func places(ofRow row: Int) -> (Int, Int) {
    var (rest, left, right) = (row, 0, 0)
    for axis in lengths.indices.dropLast().reversed() {
      let (quotient, index) = rest.quotientAndRemainder(dividingBy: lengths[axis])
      rest = quotient
      left += index * leftStrides[axis]
      right += index * rightStrides[axis]
    }
    return (left, right)
  }
}

extension Tensor {
  /// The shape that `left` and `right` have in common.
  package static func broadcastShape(_ left: [Int], _ right: [Int], _ operation: String) -> [Int] {
    let rank = Swift.max(left.count, right.count)
    return (0..<rank).map { axis in
      let a = axis < rank - left.count ? 1 : left[axis - (rank - left.count)]
      let b = axis < rank - right.count ? 1 : right[axis - (rank - right.count)]
      precondition(
        a == b || a == 1 || b == 1, "\(operation): \(left) and \(right) do not fit each other")
      return a == 1 ? b : a
    }
  }

  /// The strides of this tensor seen in `shape`: 0 along an axis that is repeated.
  package func strides(broadcastTo target: [Int]) -> [Int] {
    let missing = target.count - rank
    return target.indices.map { axis in
      axis < missing || (shape[axis - missing] == 1 && target[axis] != 1)
        ? 0 : strides[axis - missing]
    }
  }

  /// `formula` of each pair of elements; without the tape.
  package static func combined<F: BinaryFormula>(
    _ left: Tensor, _ right: Tensor, _ formula: F, _ operation: String
  ) -> Tensor {
    left.requireMathematics(operation)
    precondition(
      left.elementType == right.elementType,
      "\(operation): \(left.elementType) and \(right.elementType) are not one type")
    return left.elementType == .float64
      ? combine(left, right, formula, operation, Double.self)
      : combine(left, right, formula, operation, Float.self)
  }

  private static func combine<F: BinaryFormula, S: TensorScalar>(
    _ left: Tensor, _ right: Tensor, _ formula: F, _ operation: String, _ type: S.Type
  ) -> Tensor {
    let isSame = left.shape == right.shape && left.isDense && right.isDense
    let shape = isSame ? left.shape : broadcastShape(left.shape, right.shape, operation)
    let result = Tensor(uninitialized: shape, left.elementType)
    if result.count == 0 { return result }
    let a = left.pointer(to: S.self)
    let b = right.pointer(to: S.self)
    let y = result.mutablePointer(to: S.self)
    defer { withExtendedLifetime((left, right)) {} }
    if isSame {
      forChunks(result.count, of: elementwiseChunk) { formula.values($1, a + $0, b + $0, y + $0) }
      return result
    }
    let loops = BroadcastLoops(left, right, shape: shape)
    let last = loops.lengths.count - 1
    let (n, stepA, stepB) = (loops.lengths[last], loops.leftStrides[last], loops.rightStrides[last])
    if last == 0 {
      forChunks(n, of: elementwiseChunk) {
        row(formula, $1, a + $0 * stepA, stepA, b + $0 * stepB, stepB, y + $0)
      }
      return result
    }
    forRows(result.count / n, width: n) { start, rows in
      for index in start..<start + rows {
        let (placeA, placeB) = loops.places(ofRow: index)
        row(formula, n, a + placeA, stepA, b + placeB, stepB, y + index * n)
      }
    }
    return result
  }

  @inline(__always)
  private static func row<F: BinaryFormula, S: TensorScalar>(
    _ f: F, _ n: Int, _ a: UnsafePointer<S>, _ stepA: Int, _ b: UnsafePointer<S>, _ stepB: Int,
    _ y: UnsafeMutablePointer<S>
  ) {
    switch (stepA, stepB) {
    case (1, 1):
      f.values(n, a, b, y)
    case (1, 0):
      let right = b[0]
      for i in 0..<n { y[i] = f.value(a[i], right) }
    case (0, 1):
      let left = a[0]
      for i in 0..<n { y[i] = f.value(left, b[i]) }
    default:
      for i in 0..<n { y[i] = f.value(a[i * stepA], b[i * stepB]) }
    }
  }

  /// This tensor seen in a larger shape: axes of length 1, and new axes in front, are repeated
  /// without a copy.
  ///
  /// - Precondition: the shapes fit as in numpy.
  public func broadcast(to target: [Int]) -> Tensor {
    precondition(
      Tensor.broadcastShape(shape, target, "broadcast(to:)") == target,
      "broadcast(to:): \(shape) does not grow to \(target)")
    let result = Tensor(
      storage: storage, shape: target, strides: strides(broadcastTo: target), offset: offset,
      elementType: elementType)
    guard let tape = Tape.recording(self) else { return result }
    let original = shape
    return tape.record(result, from: [self]) { [$0.sum(to: original)] }
  }

  /// The reverse of `broadcast(to:)`: sums over the axes that were repeated.
  package func sum(to target: [Int]) -> Tensor {
    if shape == target { return self }
    let missing = rank - target.count
    let axes = shape.indices.filter {
      $0 < missing || (target[$0 - missing] == 1 && shape[$0] != 1)
    }
    return sum(alongAxes: axes, keepingRank: true).reshaped(to: target)
  }
}
