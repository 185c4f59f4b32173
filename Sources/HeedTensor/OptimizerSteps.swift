import CHeedKernels

// The inner loops of training: one AdamW step in place, and the length of a gradient.
// Loshchilov & Hutter 2017, "Decoupled weight decay regularization", arXiv 1711.05101.

/// The numbers of one AdamW step; the same for all tensors of a parameter group.
public struct AdamWStep: Sendable, Hashable {
  /// How far a parameter moves; often changed by a schedule.
  public var learningRate: Double
  /// Share of the old value in the running mean of gradients.
  public var beta1: Double
  /// Share of the old value in the running mean of squared gradients.
  public var beta2: Double
  /// Added to the root of the second moment.
  public var epsilon: Double
  /// Share of the learning rate by which a parameter shrinks; 0 for gains and biases.
  public var weightDecay: Double
  /// Counts from 1; corrects the moments, which begin at zero.
  public var step: Int
  /// Multiplies the gradient first: clipping, or the mean over accumulated batches.
  public var gradientScale: Double

  /// A step with the usual constants.
  public init(
    learningRate: Double, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
    weightDecay: Double = 0.01, step: Int, gradientScale: Double = 1
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.step = step
    self.gradientScale = gradientScale
  }
}

extension Tensor {
  /// One AdamW step on this parameter, in place: decay, moments, correction, update.
  ///
  /// `w <- w (1 - rate decay) - rate m^ / (sqrt(v^) + epsilon)` with the corrected moments m^, v^.
  ///
  /// - Parameters:
  ///   - gradient: of the shape of this tensor.
  ///   - firstMoment: running mean of gradients; zeros before the first step.
  ///   - secondMoment: running mean of squared gradients; zeros before the first step.
  /// - Precondition: all four have one shape and one type, `float32` or `float64`.
  public mutating func adamWStep(
    gradient: Tensor, firstMoment: inout Tensor, secondMoment: inout Tensor, _ step: AdamWStep
  ) {
    requireMathematics("adamWStep")
    precondition(step.step >= 1, "adamWStep: steps count from 1, not \(step.step)")
    for other in [gradient, firstMoment, secondMoment] {
      precondition(
        other.shape == shape && other.elementType == elementType,
        "adamWStep: \(shape) \(elementType) and \(other.shape) \(other.elementType)")
    }
    let gradient = gradient.dense()
    trace = nil
    makeUnique()
    firstMoment.makeUnique()
    secondMoment.makeUnique()
    if elementType == .float64 {
      adamWStepPlain(gradient, firstMoment, secondMoment, step)
    } else {
      let (w, g) = (mutablePointer(to: Float.self), gradient.pointer(to: Float.self))
      let (m, v) = (
        firstMoment.mutablePointer(to: Float.self), secondMoment.mutablePointer(to: Float.self)
      )
      let size = step.learningRate / step.correction(step.beta1)
      let rootCorrection = 1 / step.correction(step.beta2).squareRoot()
      let decay = 1 - step.learningRate * step.weightDecay
      forChunks(count, of: elementwiseChunk) { start, n in
        Kernels.table.adamw_f32(
          n, w + start, g + start, m + start, v + start, Float(step.gradientScale),
          Float(step.beta1), Float(step.beta2), Float(size), Float(rootCorrection),
          Float(step.epsilon), Float(decay))
      }
    }
    withExtendedLifetime(gradient) {}
  }

  /// The specification of the kernel.
  private func adamWStepPlain(
    _ gradient: Tensor, _ firstMoment: Tensor, _ secondMoment: Tensor, _ step: AdamWStep
  ) {
    let (w, g) = (mutablePointer(to: Double.self), gradient.pointer(to: Double.self))
    let m = firstMoment.mutablePointer(to: Double.self)
    let v = secondMoment.mutablePointer(to: Double.self)
    for i in 0..<count {
      let g = g[i] * step.gradientScale
      m[i] = step.beta1 * m[i] + (1 - step.beta1) * g
      v[i] = step.beta2 * v[i] + (1 - step.beta2) * g * g
      let root = (v[i] / step.correction(step.beta2)).squareRoot() + step.epsilon
      w[i] =
        w[i] * (1 - step.learningRate * step.weightDecay) - step.learningRate
        * (m[i] / step.correction(step.beta1)) / root
    }
  }

  /// Sum of the squared elements, in float64 and in a fixed order.
  public func sumOfSquares() -> Double {
    requireMathematics("sumOfSquares()")
    let x = dense()
    defer { withExtendedLifetime(x) {} }
    func run<S: TensorScalar>(_ type: S.Type) -> Double {
      let source = x.pointer(to: S.self)
      if count <= Reduction.piece { return S.sumOfSquares(count, source) }
      return Reduction.pieces(count) { S.sumOfSquares($1, source + $0) }
    }
    return elementType == .float64 ? run(Double.self) : run(Float.self)
  }
}

extension AdamWStep {
  /// 1 - beta^step, by repeated products: the same bits on every platform.
  fileprivate func correction(_ beta: Double) -> Double {
    var (power, base, rest) = (1.0, beta, step)
    while rest > 0 {
      if rest & 1 == 1 { power *= base }
      base *= base
      rest >>= 1
    }
    return 1 - power
  }
}

/// The Euclidean length of all tensors together (what gradient clipping compares), in float64 and
/// in the order given.
public func globalNorm(_ tensors: [Tensor]) -> Double {
  tensors.reduce(0) { $0 + $1.sumOfSquares() }.squareRoot()
}
