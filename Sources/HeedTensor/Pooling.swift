// One number for each window of a plane: its largest element or its mean. Planes are independent,
// so threads share them out.

extension Tensor {
  /// Largest element of each window of `[B, C, L]` or `[B, C, H, W]`; padding never wins. The first
  /// of equal elements gets the gradient.
  ///
  /// - Parameters:
  ///   - window: the size along each axis.
  ///   - sliding: one value for each axis, or one for all.
  /// - Precondition: no window lies in the padding alone.
  public func maxPooled(window: [Int], sliding: [Sliding]) -> Tensor {
    pooled(.largest, window, sliding, "maxPooled(window:sliding:)")
  }

  /// Mean of each window of `[B, C, L]` or `[B, C, H, W]`.
  ///
  /// - Parameters:
  ///   - window: the size along each axis.
  ///   - sliding: one value for each axis, or one for all.
  ///   - countsPadding: the zeros of the padding are elements of the mean.
  public func averagePooled(
    window: [Int], sliding: [Sliding], countsPadding: Bool = true
  ) -> Tensor {
    pooled(
      countsPadding ? .meanWithPadding : .meanOfInside, window, sliding,
      "averagePooled(window:sliding:)")
  }

  private func pooled(
    _ kind: Pooling.Kind, _ window: [Int], _ sliding: [Sliding], _ operation: String
  ) -> Tensor {
    requireMathematics(operation)
    precondition(
      (rank == 3 || rank == 4) && window.count == rank - 2
        && (sliding.count == 1 || sliding.count == window.count),
      "\(operation): \(shape) with windows \(window)")
    let planes = asPlanes()
    let pooling = Pooling(
      kind: kind, count: planes.shape[0] * planes.shape[1],
      plane: SlidingPlane(
        height: planes.shape[2], width: planes.shape[3],
        kernelHeight: rank == 3 ? 1 : window[0], kernelWidth: window[window.count - 1],
        vertical: rank == 3 ? Sliding() : sliding[0], horizontal: sliding[sliding.count - 1]))
    let x = planes.detached().dense()
    let shape = [shape[0], shape[1], pooling.plane.outputHeight, pooling.plane.outputWidth]
    var result = pooling.value(x).reshaped(to: shape)
    if let tape = Tape.recording(planes) {
      result = tape.record(result, from: [planes]) { [pooling.gradient(x, $0.dense())] }
    }
    return rank == 3 ? result.squeezed(axis: 2) : result
  }
}

private struct Pooling: Sendable {
  enum Kind { case largest, meanWithPadding, meanOfInside }

  let kind: Kind
  /// Planes.
  let count: Int
  let plane: SlidingPlane

  func value(_ x: Tensor) -> Tensor {
    x.elementType == .float64 ? value(x, Double.self) : value(x, Float.self)
  }

  func gradient(_ x: Tensor, _ dy: Tensor) -> Tensor {
    x.elementType == .float64 ? gradient(x, dy, Double.self) : gradient(x, dy, Float.self)
  }

  /// Elements of the window at an output place that lie inside the plane: their indices.
  private func forElements(_ place: Int, _ body: (Int) -> Void) {
    let (row, column) = place.quotientAndRemainder(dividingBy: plane.outputWidth)
    let (v, h) = (plane.vertical, plane.horizontal)
    for ky in 0..<plane.kernelHeight {
      let y = row * v.stride + ky * v.dilation - v.paddingBefore
      guard y >= 0 && y < plane.height else { continue }
      for kx in 0..<plane.kernelWidth {
        let x = column * h.stride + kx * h.dilation - h.paddingBefore
        if x >= 0 && x < plane.width { body(y * plane.width + x) }
      }
    }
  }

  /// What the sum of a window is divided by.
  private func divisor(_ place: Int) -> Int {
    if kind == .meanWithPadding { return plane.kernelCount }
    var inside = 0
    forElements(place) { _ in inside += 1 }
    return max(1, inside)
  }

  private func largest<S: TensorScalar>(_ x: UnsafePointer<S>, _ place: Int) -> Int {
    var best = -1
    forElements(place) {
      if best < 0 || x[$0] > x[best] || x[$0].isNaN && !x[best].isNaN { best = $0 }
    }
    precondition(best >= 0, "maxPooled(window:sliding:): a window holds nothing but padding")
    return best
  }

  private func value<S: TensorScalar>(_ x: Tensor, _ type: S.Type) -> Tensor {
    let (inputs, outputs) = (plane.height * plane.width, plane.outputHeight * plane.outputWidth)
    let result = Tensor(uninitialized: [count, outputs], x.elementType)
    let (source, target) = (x.pointer(to: S.self), result.mutablePointer(to: S.self))
    forRows(count, width: outputs * plane.kernelCount) { start, planes in
      for index in start..<start + planes {
        let (x, y) = (source + index * inputs, target + index * outputs)
        for place in 0..<outputs {
          if kind == .largest {
            y[place] = x[largest(x, place)]
          } else {
            var sum: S = 0
            forElements(place) { sum += x[$0] }
            y[place] = sum / S(divisor(place))
          }
        }
      }
    }
    withExtendedLifetime(x) {}
    return result
  }

  private func gradient<S: TensorScalar>(_ x: Tensor, _ dy: Tensor, _ type: S.Type) -> Tensor {
    let (inputs, outputs) = (plane.height * plane.width, plane.outputHeight * plane.outputWidth)
    let result = Tensor(zeros: x.shape, x.elementType)
    let (source, target) = (x.pointer(to: S.self), result.mutablePointer(to: S.self))
    let upstream = dy.pointer(to: S.self)
    forRows(count, width: outputs * plane.kernelCount) { start, planes in
      for index in start..<start + planes {
        let (x, dx, dy) = (
          source + index * inputs, target + index * inputs, upstream + index * outputs
        )
        for place in 0..<outputs {
          if kind == .largest {
            dx[largest(x, place)] += dy[place]
          } else {
            let share = dy[place] / S(divisor(place))
            forElements(place) { dx[$0] += share }
          }
        }
      }
    }
    withExtendedLifetime((x, dy)) {}
    return result
  }
}
