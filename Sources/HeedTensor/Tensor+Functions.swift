import CHeedKernels

extension Tensor {
  /// The elements with the other sign.
  public func negated() -> Tensor { mapped(Affine(factor: -1, offset: 0), "negated()") }

  /// e to the power of each element.
  public func exp() -> Tensor { mapped(Exponential(), "exp()") }

  /// Natural logarithm.
  public func log() -> Tensor { mapped(Logarithm(), "log()") }

  /// Square root.
  public func squareRoot() -> Tensor { mapped(SquareRoot(), "squareRoot()") }

  /// 1 / sqrt(x).
  public func reciprocalSquareRoot() -> Tensor {
    mapped(ReciprocalSquareRoot(), "reciprocalSquareRoot()")
  }

  /// x * x.
  public func squared() -> Tensor { mapped(Square(), "squared()") }

  /// Hyperbolic tangent.
  public func tanh() -> Tensor { mapped(HyperbolicTangent(), "tanh()") }

  /// Sine.
  public func sin() -> Tensor { mapped(Sine(), "sin()") }

  /// Cosine.
  public func cos() -> Tensor { mapped(Cosine(), "cos()") }

  /// The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.
  public func erf() -> Tensor { mapped(ErrorFunction(), "erf()") }

  /// 1 / (1 + exp(-x)).
  public func sigmoid() -> Tensor { activated(.sigmoid) }

  /// Absolute value; its derivative at 0 is 0.
  public func abs() -> Tensor { mapped(AbsoluteValue(), "abs()") }

  /// x to the power of `exponent`.
  public func pow(_ exponent: Double) -> Tensor { mapped(Power(exponent: exponent), "pow(_:)") }

  /// The elements limited to `limits`; outside them the derivative is 0.
  public func clamped(to limits: ClosedRange<Double>) -> Tensor {
    mapped(Clamp(lower: limits.lowerBound, upper: limits.upperBound), "clamped(to:)")
  }
}

struct Affine: UnaryFormula {
  let factor: Double
  let offset: Double
  func value<S: TensorScalar>(_ x: S) -> S { x * S(factor) + S(offset) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { S(factor) }
}

/// factor / x.
struct Reciprocal: UnaryFormula {
  let factor: Double
  func value<S: TensorScalar>(_ x: S) -> S { S(factor) / x }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { -S(factor) / (x * x) }
}

struct Exponential: UnaryFormula {
  var derivativeReads: DerivativeReads { .output }
  func value<S: TensorScalar>(_ x: S) -> S { S.exponential(x) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { y }
  func values(_ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    Kernels.table.exp_f32(n, x, y)
  }
}

struct Logarithm: UnaryFormula {
  func value<S: TensorScalar>(_ x: S) -> S { S.logarithm(x) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { 1 / x }
}

struct SquareRoot: UnaryFormula {
  var derivativeReads: DerivativeReads { .output }
  func value<S: TensorScalar>(_ x: S) -> S { x.squareRoot() }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { S(0.5) / y }
}

struct ReciprocalSquareRoot: UnaryFormula {
  var derivativeReads: DerivativeReads { .output }
  func value<S: TensorScalar>(_ x: S) -> S { 1 / x.squareRoot() }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { S(-0.5) * y * y * y }
}

struct Square: UnaryFormula {
  func value<S: TensorScalar>(_ x: S) -> S { x * x }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { x + x }
}

struct HyperbolicTangent: UnaryFormula {
  var derivativeReads: DerivativeReads { .output }
  func value<S: TensorScalar>(_ x: S) -> S { S.hyperbolicTangent(x) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { 1 - y * y }
  func values(_ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    Kernels.table.tanh_f32(n, x, y)
  }
}

struct Sine: UnaryFormula {
  func value<S: TensorScalar>(_ x: S) -> S { S.sine(x) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { S.cosine(x) }
}

struct Cosine: UnaryFormula {
  func value<S: TensorScalar>(_ x: S) -> S { S.cosine(x) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { -S.sine(x) }
}

struct ErrorFunction: UnaryFormula {
  func value<S: TensorScalar>(_ x: S) -> S { S.errorFunction(x) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S {
    S(2 / Double.pi.squareRoot()) * S.exponential(-x * x)
  }
  func values(_ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    Kernels.table.erf_f32(n, x, y)
  }
}

struct AbsoluteValue: UnaryFormula {
  func value<S: TensorScalar>(_ x: S) -> S { x.magnitude }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { x > 0 ? 1 : x < 0 ? -1 : 0 }
}

struct Power: UnaryFormula {
  let exponent: Double
  func value<S: TensorScalar>(_ x: S) -> S { S.power(x, S(exponent)) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S {
    S(exponent) * S.power(x, S(exponent - 1))
  }
}

struct Clamp: UnaryFormula {
  let lower: Double
  let upper: Double
  func value<S: TensorScalar>(_ x: S) -> S { x < S(lower) ? S(lower) : x > S(upper) ? S(upper) : x }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S {
    x < S(lower) || x > S(upper) ? 0 : 1
  }
}
