// Softmax and its relatives along one axis. Rows of -infinity (nothing may be chosen) give zeros,
// and finite gradients.

extension Tensor {
  /// exp(x) divided by the sum of exp(x) along `axis`. A row of -infinity gives zeros.
  public func softmax(alongAxis axis: Int = -1) -> Tensor {
    requireMathematics("softmax(alongAxis:)")
    return alongLastAxis(axis, "softmax(alongAxis:)") { $0.softmaxOfRows() }
  }

  /// The logarithm of the softmax along `axis`.
  public func logSoftmax(alongAxis axis: Int = -1) -> Tensor {
    requireMathematics("logSoftmax(alongAxis:)")
    return self - logSumExp(alongAxis: axis, keepingRank: true)
  }

  /// log of the sum of exp(x) along `axis`; -infinity where all elements are.
  public func logSumExp(alongAxis axis: Int = -1, keepingRank: Bool = false) -> Tensor {
    requireMathematics("logSumExp(alongAxis:)")
    let axis = resolved(axis, "logSumExp(alongAxis:)")
    let result = alongLastAxis(axis, "logSumExp(alongAxis:)") { $0.logSumExpOfRows() }
    return keepingRank ? result : result.squeezed(axis: axis)
  }

  /// Applies `body`, which works on rows, with `axis` as the last one.
  func alongLastAxis(_ axis: Int, _ operation: String, _ body: (Tensor) -> Tensor) -> Tensor {
    let axis = resolved(axis, operation)
    if axis == rank - 1 { return body(self) }
    var order = Array(0..<rank)
    order.swapAt(axis, rank - 1)
    return body(transposed(permutation: order)).transposed(permutation: order)
  }

  private func softmaxOfRows() -> Tensor {
    let x = dense()
    let result = Tensor(uninitialized: shape, elementType)
    let n = shape[rank - 1]
    func run<S: TensorScalar>(_ type: S.Type) {
      let (source, target) = (x.pointer(to: S.self), result.mutablePointer(to: S.self))
      forRows(count / Swift.max(1, n), width: n) { start, rows in
        S.softmaxRows(rows, n, source + start * n, target + start * n)
      }
    }
    if elementType == .float64 { run(Double.self) } else { run(Float.self) }
    withExtendedLifetime(x) {}
    guard let tape = Tape.recording(self) else { return result }
    return tape.record(result, from: [self]) { [result.softmaxGradient($0, n)] }
  }

  /// dx = y (dy - sum(dy y)) for y = self.
  private func softmaxGradient(_ gradient: Tensor, _ n: Int) -> Tensor {
    let gradient = gradient.dense()
    let result = Tensor(uninitialized: shape, elementType)
    func run<S: TensorScalar>(_ type: S.Type) {
      let (y, dy) = (pointer(to: S.self), gradient.pointer(to: S.self))
      let dx = result.mutablePointer(to: S.self)
      forRows(count / Swift.max(1, n), width: n) { start, rows in
        for row in start..<start + rows {
          let (y, dy, dx) = (y + row * n, dy + row * n, dx + row * n)
          let sum = S.dot(n, y, dy)
          for i in 0..<n { dx[i] = y[i] * (dy[i] - sum) }
        }
      }
    }
    if elementType == .float64 { run(Double.self) } else { run(Float.self) }
    withExtendedLifetime((self, gradient)) {}
    return result
  }

  private func logSumExpOfRows() -> Tensor {
    let x = dense()
    let n = shape[rank - 1]
    let result = Tensor(uninitialized: shape.dropLast() + [1], elementType)
    func run<S: TensorScalar>(_ type: S.Type) {
      let (source, target) = (x.pointer(to: S.self), result.mutablePointer(to: S.self))
      forRows(result.count, width: n) { start, rows in
        for row in start..<start + rows { target[row] = S.logSumExp(n, source + row * n) }
      }
    }
    if elementType == .float64 { run(Double.self) } else { run(Float.self) }
    withExtendedLifetime(x) {}
    guard let tape = Tape.recording(self) else { return result }
    let kept = x.detached()
    return tape.record(result, from: [self]) { [kept.weights(logSumExp: result) * $0] }
  }

  /// exp(x - logSumExp) by rows.
  private func weights(logSumExp: Tensor) -> Tensor {
    let result = Tensor(uninitialized: shape, elementType)
    let n = shape[rank - 1]
    func run<S: TensorScalar>(_ type: S.Type) {
      let (x, l) = (pointer(to: S.self), logSumExp.pointer(to: S.self))
      let y = result.mutablePointer(to: S.self)
      forRows(logSumExp.count, width: n) { start, rows in
        for row in start..<start + rows { S.softmaxWeights(n, x + row * n, l[row], y + row * n) }
      }
    }
    if elementType == .float64 { run(Double.self) } else { run(Float.self) }
    withExtendedLifetime((self, logSumExp)) {}
    return result
  }
}
