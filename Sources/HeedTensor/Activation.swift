import CHeedKernels

// The functions between two linear layers, by the names that model configurations use.
// GELU: Hendrycks & Gimpel 2016, arXiv 1606.08415. SiLU: Elfwing et al. 2017, arXiv 1702.03118.
// Mish: Misra 2019, arXiv 1908.08681. ELU: Clevert et al. 2015, arXiv 1511.07289.
// Squared ReLU: So et al. 2021, arXiv 2109.08668. Laplace: Ma et al. 2022, arXiv 2209.10655.

/// A function that a feed-forward layer applies to each element.
public enum Activation: Sendable, Hashable, BitwiseCopyable {
  /// x.
  case identity
  /// x times the normal distribution function.
  case geluErf
  /// The same with tanh in place of erf: "gelu_new", "gelu_pytorch_tanh", "gelu_fast".
  case geluTanh
  /// x sigmoid(1.702 x).
  case quickGelu
  /// The exact GELU limited to `-limit...limit`.
  case clippedGelu(limit: Double)
  /// x sigmoid(x), also called swish.
  case silu
  /// x tanh(softplus(x)).
  case mish
  /// x where positive, otherwise 0.
  case relu
  /// ReLU limited to 6.
  case relu6
  /// ReLU, squared.
  case squaredRelu
  /// x where positive, otherwise slope x.
  case leakyRelu(slope: Double)
  /// x where positive, otherwise alpha (exp(x) - 1).
  case elu(alpha: Double)
  /// 1 / (1 + exp(-x)).
  case sigmoid
  /// ReLU6(x + 3) / 6.
  case hardSigmoid
  /// x ReLU6(x + 3) / 6.
  case hardSwish
  /// The hyperbolic tangent.
  case tanh
  /// log(1 + exp(x)).
  case softplus
  /// The normal distribution function with mean 0.707107 and deviation 0.282095.
  case laplace

  /// The function that `hidden_act` and its like in a `config.json` name; nil for an unknown name.
  public init?(configName name: String) {
    switch name {
    case "gelu", "gelu_python": self = .geluErf
    case "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python_tanh", "gelu_accurate":
      self = .geluTanh
    case "gelu_10": self = .clippedGelu(limit: 10)
    case "quick_gelu": self = .quickGelu
    case "silu", "swish": self = .silu
    case "mish": self = .mish
    case "relu": self = .relu
    case "relu2": self = .squaredRelu
    case "relu6": self = .relu6
    case "leaky_relu": self = .leakyRelu(slope: 0.01)
    case "elu": self = .elu(alpha: 1)
    case "sigmoid": self = .sigmoid
    case "hardsigmoid", "hard_sigmoid": self = .hardSigmoid
    case "hardswish", "hard_swish": self = .hardSwish
    case "tanh": self = .tanh
    case "softplus": self = .softplus
    case "laplace": self = .laplace
    case "linear", "identity", "none": self = .identity
    default: return nil
    }
  }

  /// The kernel that computes this function, where there is one.
  private var kernel: heed_activation? {
    switch self {
    case .geluErf: HEED_ACTIVATION_GELU_ERF
    case .geluTanh: HEED_ACTIVATION_GELU_TANH
    case .silu: HEED_ACTIVATION_SILU
    case .relu: HEED_ACTIVATION_RELU
    case .tanh: HEED_ACTIVATION_TANH
    case .sigmoid: HEED_ACTIVATION_SIGMOID
    case .quickGelu: HEED_ACTIVATION_QUICK_GELU
    default: nil
    }
  }
}

extension Activation: UnaryFormula {
  package func values(_ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    if let kernel { return Kernels.table.activation_f32(kernel, n, x, y) }
    for i in 0..<n { y[i] = value(x[i]) }
  }

  package func gradients(
    _ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>
  ) {
    if let kernel { return Kernels.table.activation_gradient_f32(kernel, n, x, dy, dx) }
    for i in 0..<n { dx[i] = dy[i] * derivative(x[i], y[i]) }
  }

  package func value<S: TensorScalar>(_ x: S) -> S {
    switch self {
    case .identity: return x
    case .geluErf: return x * normalDistribution(x)
    case .geluTanh: return S(0.5) * x * (1 + S.hyperbolicTangent(geluArgument(x)))
    case .quickGelu: return x * logistic(S(1.702) * x)
    case .clippedGelu(let limit):
      return Swift.max(S(-limit), Swift.min(S(limit), x * normalDistribution(x)))
    case .silu: return x * logistic(x)
    case .mish: return x * S.hyperbolicTangent(logOnePlusExp(x))
    case .relu: return x > 0 ? x : 0
    case .relu6: return x > 0 ? Swift.min(x, 6) : 0
    case .squaredRelu: return x > 0 ? x * x : 0
    case .leakyRelu(let slope): return x > 0 ? x : S(slope) * x
    case .elu(let alpha): return x > 0 ? x : S(alpha) * (S.exponential(x) - 1)
    case .sigmoid: return logistic(x)
    case .hardSigmoid: return Swift.max(0, Swift.min(6, x + 3)) / 6
    case .hardSwish: return x * Swift.max(0, Swift.min(6, x + 3)) / 6
    case .tanh: return S.hyperbolicTangent(x)
    case .softplus: return logOnePlusExp(x)
    case .laplace: return normalDistribution((x - S(0.707107)) / S(0.282095))
    }
  }

  package func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S {
    switch self {
    case .identity: return 1
    case .geluErf: return normalDistribution(x) + x * normalDensity(x)
    case .geluTanh:
      let t = S.hyperbolicTangent(geluArgument(x))
      let slope = S((2 / Double.pi).squareRoot()) * (1 + 3 * S(0.044715) * x * x)
      return S(0.5) * (1 + t) + (t.magnitude == 1 ? 0 : S(0.5) * x * (1 - t * t) * slope)
    case .quickGelu:
      let s = logistic(S(1.702) * x)
      return s + S(1.702) * x * s * (1 - s)
    case .clippedGelu(let limit):
      let gelu = x * normalDistribution(x)
      return gelu.magnitude > S(limit) ? 0 : normalDistribution(x) + x * normalDensity(x)
    case .silu:
      let s = logistic(x)
      return s + x * s * (1 - s)
    case .mish:
      let t = S.hyperbolicTangent(logOnePlusExp(x))
      return t + x * (1 - t * t) * logistic(x)
    case .relu: return x > 0 ? 1 : 0
    case .relu6: return x > 0 && x < 6 ? 1 : 0
    case .squaredRelu: return x > 0 ? 2 * x : 0
    case .leakyRelu(let slope): return x > 0 ? 1 : S(slope)
    case .elu(let alpha): return x > 0 ? 1 : S(alpha) * S.exponential(x)
    case .sigmoid:
      let s = logistic(x)
      return s * (1 - s)
    case .hardSigmoid: return x > -3 && x < 3 ? 1 / S(6) : 0
    case .hardSwish: return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6
    case .tanh:
      let t = S.hyperbolicTangent(x)
      return 1 - t * t
    case .softplus: return logistic(x)
    case .laplace:
      return normalDensity((x - S(0.707107)) / S(0.282095)) / S(0.282095)
    }
  }

  private func geluArgument<S: TensorScalar>(_ x: S) -> S {
    S((2 / Double.pi).squareRoot()) * (x + S(0.044715) * x * x * x)
  }
}

/// 1 / (1 + exp(-x)), without overflow.
func logistic<S: TensorScalar>(_ x: S) -> S {
  let e = S.exponential(-x.magnitude)
  return x >= 0 ? 1 / (1 + e) : e / (1 + e)
}

/// log(1 + exp(x)), without overflow.
func logOnePlusExp<S: TensorScalar>(_ x: S) -> S {
  (x > 0 ? x : 0) + S.logarithmOfOnePlus(S.exponential(-x.magnitude))
}

private func normalDistribution<S: TensorScalar>(_ x: S) -> S {
  S(0.5) * (1 + S.errorFunction(x * S(0.5.squareRoot())))
}

private func normalDensity<S: TensorScalar>(_ x: S) -> S {
  S((0.5 / Double.pi).squareRoot()) * S.exponential(S(-0.5) * x * x)
}

extension Tensor {
  /// `activation` of each element.
  public func activated(_ activation: Activation) -> Tensor {
    activation == .identity ? self : mapped(activation, "activated(_:)")
  }
}
