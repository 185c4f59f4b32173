struct Addition: BinaryFormula {
  func value<S: TensorScalar>(_ a: S, _ b: S) -> S { a + b }
  func values<S: TensorScalar>(
    _ n: Int, _ a: UnsafePointer<S>, _ b: UnsafePointer<S>, _ y: UnsafeMutablePointer<S>
  ) {
    S.add(n, a, b, y)
  }
}

struct Subtraction: BinaryFormula {
  func value<S: TensorScalar>(_ a: S, _ b: S) -> S { a - b }
}

struct Multiplication: BinaryFormula {
  func value<S: TensorScalar>(_ a: S, _ b: S) -> S { a * b }
  func values<S: TensorScalar>(
    _ n: Int, _ a: UnsafePointer<S>, _ b: UnsafePointer<S>, _ y: UnsafeMutablePointer<S>
  ) {
    S.multiply(n, a, b, y)
  }
}

struct Division: BinaryFormula {
  func value<S: TensorScalar>(_ a: S, _ b: S) -> S { a / b }
}

struct Larger: BinaryFormula {
  func value<S: TensorScalar>(_ a: S, _ b: S) -> S { a.isNaN || a > b ? a : b }
}

/// How much of the gradient of max(a, b) goes to a; half of it where they are equal.
struct ShareOfLarger: BinaryFormula {
  func value<S: TensorScalar>(_ a: S, _ b: S) -> S { a > b ? 1 : a == b ? S(0.5) : 0 }
}

extension Tensor {
  /// The sum of two tensors whose shapes fit as in numpy.
  public static func + (left: Tensor, right: Tensor) -> Tensor {
    let result = combined(left, right, Addition(), "+")
    guard let tape = Tape.recording(left, right) else { return result }
    let (a, b) = (Operand(left), Operand(right))
    return tape.record(result, from: [left, right]) { [a.gradient($0), b.gradient($0)] }
  }

  /// The difference of two tensors whose shapes fit as in numpy.
  public static func - (left: Tensor, right: Tensor) -> Tensor {
    let result = combined(left, right, Subtraction(), "-")
    guard let tape = Tape.recording(left, right) else { return result }
    let (a, b) = (Operand(left), Operand(right))
    return tape.record(result, from: [left, right]) { [a.gradient($0), b.gradient($0.negated())] }
  }

  /// The product, element by element, of two tensors whose shapes fit as in numpy.
  public static func * (left: Tensor, right: Tensor) -> Tensor {
    let result = combined(left, right, Multiplication(), "*")
    guard let tape = Tape.recording(left, right) else { return result }
    let (a, b) = (Operand(left), Operand(right))
    let keptLeft = b.isNeeded ? left.detached() : nil
    let keptRight = a.isNeeded ? right.detached() : nil
    return tape.record(result, from: [left, right]) { gradient in
      [
        keptRight.flatMap { a.gradient(gradient * $0) },
        keptLeft.flatMap { b.gradient(gradient * $0) },
      ]
    }
  }

  /// The quotient, element by element, of two tensors whose shapes fit as in numpy.
  public static func / (left: Tensor, right: Tensor) -> Tensor {
    let result = combined(left, right, Division(), "/")
    guard let tape = Tape.recording(left, right) else { return result }
    let (a, b) = (Operand(left), Operand(right))
    let divisor = right.detached()
    let quotient = b.isNeeded ? result : nil
    return tape.record(result, from: [left, right]) { gradient in
      let part = gradient / divisor
      return [a.gradient(part), quotient.flatMap { b.gradient((part * $0).negated()) }]
    }
  }

  /// The larger of each pair of elements; equal ones share the gradient.
  public func maximum(_ other: Tensor) -> Tensor {
    let result = Tensor.combined(self, other, Larger(), "maximum(_:)")
    guard let tape = Tape.recording(self, other) else { return result }
    let (a, b) = (Operand(self), Operand(other))
    let (left, right) = (detached(), other.detached())
    return tape.record(result, from: [self, other]) { gradient in
      let share = Tensor.combined(left, right, ShareOfLarger(), "maximum(_:)")
      let part = gradient * share
      return [a.gradient(part), b.isNeeded ? b.gradient(gradient - part) : nil]
    }
  }

  /// The smaller of each pair of elements; equal ones share the gradient.
  public func minimum(_ other: Tensor) -> Tensor {
    negated().maximum(other.negated()).negated()
  }

  /// The elements with the other sign.
  public static prefix func - (tensor: Tensor) -> Tensor { tensor.negated() }

  /// Each element plus `scalar`.
  public static func + (left: Tensor, scalar: Double) -> Tensor {
    left.mapped(Affine(factor: 1, offset: scalar), "+")
  }

  /// Each element plus `scalar`.
  public static func + (scalar: Double, right: Tensor) -> Tensor { right + scalar }

  /// Each element minus `scalar`.
  public static func - (left: Tensor, scalar: Double) -> Tensor {
    left.mapped(Affine(factor: 1, offset: -scalar), "-")
  }

  /// `scalar` minus each element.
  public static func - (scalar: Double, right: Tensor) -> Tensor {
    right.mapped(Affine(factor: -1, offset: scalar), "-")
  }

  /// Each element times `scalar`.
  public static func * (left: Tensor, scalar: Double) -> Tensor {
    left.mapped(Affine(factor: scalar, offset: 0), "*")
  }

  /// Each element times `scalar`.
  public static func * (scalar: Double, right: Tensor) -> Tensor { right * scalar }

  /// Each element divided by `scalar`.
  public static func / (left: Tensor, scalar: Double) -> Tensor {
    left.mapped(Quotient(divisor: scalar), "/")
  }

  /// `scalar` divided by each element.
  public static func / (scalar: Double, right: Tensor) -> Tensor {
    right.mapped(Reciprocal(factor: scalar), "/")
  }

  /// Adds `right` to `left`.
  public static func += (left: inout Tensor, right: Tensor) { left = left + right }

  /// Multiplies `left` by `right`.
  public static func *= (left: inout Tensor, right: Tensor) { left = left * right }
}

/// x / divisor; not a product with the reciprocal, which rounds twice.
struct Quotient: UnaryFormula {
  let divisor: Double
  func value<S: TensorScalar>(_ x: S) -> S { x / S(divisor) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { 1 / S(divisor) }
}

/// One side of a broadcast operation: does the tape ask for its gradient, and in which shape.
struct Operand: Sendable {
  let shape: [Int]
  let isNeeded: Bool

  init(_ tensor: Tensor) {
    shape = tensor.shape
    isNeeded = tensor.trace != nil
  }

  func gradient(_ full: @autoclosure () -> Tensor) -> Tensor? {
    isNeeded ? full().sum(to: shape) : nil
  }
}
