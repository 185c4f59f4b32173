// Functions of one element: a formula is a value that knows f(x) and f'(x); the loops, the threads
// and the tape are written here once.

/// A function of one scalar and its derivative.
package protocol UnaryFormula: Sendable {
  func value<S: TensorScalar>(_ x: S) -> S
  /// f'(x), where y = f(x).
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S
  /// What the derivative reads; the other one is not kept for the backward pass.
  var derivativeReads: DerivativeReads { get }
  /// The loops for `Float`, where the kernel table has better ones.
  func values(_ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>)
  func gradients(
    _ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>)
}

/// See `UnaryFormula.derivativeReads`.
package enum DerivativeReads: Sendable { case input, output }

extension UnaryFormula {
  package var derivativeReads: DerivativeReads { .input }

  package func values(_ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    for i in 0..<n { y[i] = value(x[i]) }
  }

  package func gradients(
    _ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<n { dx[i] = dy[i] * derivative(x[i], y[i]) }
  }
}

/// Elements in one part of an elementwise operation.
let elementwiseChunk = 1 << 15

/// Calls `body` for pieces of `0..<count` of a fixed size, so that results do not depend on threads.
package func forChunks(
  _ count: Int, of size: Int, order: ThreadPool.Order = .next,
  _ body: (_ start: Int, _ length: Int) -> Void
) {
  guard count > size else {
    if count > 0 { body(0, count) }
    return
  }
  ThreadPool.shared.parallel((count + size - 1) / size, order: order) { part in
    let start = part * size
    body(start, min(size, count - start))
  }
}

/// Calls `body` for groups of rows of `width` elements.
package func forRows(
  _ rows: Int, width: Int, _ body: (_ start: Int, _ rows: Int) -> Void
) {
  forChunks(rows, of: max(1, elementwiseChunk / max(width, 1)), body)
}

extension Tensor {
  /// Stops with the operation's name when the elements are not `float32` or `float64`.
  package func requireMathematics(_ operation: String) {
    precondition(
      elementType == .float32 || elementType == .float64,
      "\(operation): computes in float32 or float64, not in \(elementType); see converted(to:)")
  }

  /// `formula` of each element.
  package func mapped<F: UnaryFormula>(_ formula: F, _ operation: String) -> Tensor {
    requireMathematics(operation)
    let x = dense()
    let y = elementType == .float64 ? x.map(formula, Double.self) : x.map(formula, Float.self)
    guard let tape = Tape.recording(self) else { return y }
    let kept = formula.derivativeReads == .input ? x.detached() : y
    return tape.record(y, from: [self]) { dy in
      [
        kept.elementType == .float64
          ? kept.mapGradient(formula, dy, Double.self) : kept.mapGradient(formula, dy, Float.self)
      ]
    }
  }

  private func map<F: UnaryFormula, S: TensorScalar>(_ f: F, _ type: S.Type) -> Tensor {
    let result = Tensor(uninitialized: shape, elementType)
    let x = pointer(to: S.self)
    let y = result.mutablePointer(to: S.self)
    defer { withExtendedLifetime(self) {} }
    forChunks(count, of: elementwiseChunk) { S.map(f, $1, x + $0, y + $0) }
    return result
  }

  /// `self` is what the derivative reads; it stands for both x and y.
  private func mapGradient<F: UnaryFormula, S: TensorScalar>(
    _ f: F, _ dy: Tensor, _ type: S.Type
  ) -> Tensor {
    let result = Tensor(uninitialized: shape, elementType)
    let dy = dy.dense()
    let x = pointer(to: S.self)
    let g = dy.pointer(to: S.self)
    let dx = result.mutablePointer(to: S.self)
    defer { withExtendedLifetime((self, dy)) {} }
    forChunks(count, of: elementwiseChunk) {
      S.mapGradient(f, $1, x + $0, x + $0, g + $0, dx + $0)
    }
    return result
  }
}
