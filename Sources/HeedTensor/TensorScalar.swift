// The mathematics of an operation is written once, generic over the scalar. `Float` sends the inner
// loops to the kernel table; `Double` takes the plain loops below, which are also what the kernels
// are measured against. Nothing else in the module knows which of the two it runs on.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A scalar that operations compute with: `Float`, fast, or `Double`, exact enough to judge it.
package protocol TensorScalar: TensorElement, BinaryFloatingPoint {
  static func exponential(_ x: Self) -> Self
  static func logarithm(_ x: Self) -> Self
  static func hyperbolicTangent(_ x: Self) -> Self
  static func errorFunction(_ x: Self) -> Self
  static func power(_ x: Self, _ exponent: Self) -> Self
  /// log(1 + x), exact for small x.
  static func logarithmOfOnePlus(_ x: Self) -> Self
  static func sine(_ x: Self) -> Self
  static func cosine(_ x: Self) -> Self

  // Vectors of n elements.
  static func add(_ n: Int, _ x: Source, _ y: Source, _ z: Target)
  static func multiply(_ n: Int, _ x: Source, _ y: Source, _ z: Target)
  static func addScaled(_ n: Int, _ factor: Self, _ x: Source, _ y: Target)
  static func sum(_ n: Int, _ x: Source) -> Double
  static func sumOfSquares(_ n: Int, _ x: Source) -> Double
  /// A NaN counts as infinity; of nothing it is -infinity.
  static func largest(_ n: Int, _ x: Source) -> Self
  static func dot(_ n: Int, _ x: Source, _ y: Source) -> Self
  static func map<F: UnaryFormula>(_ f: F, _ n: Int, _ x: Source, _ y: Target)
  static func mapGradient<F: UnaryFormula>(
    _ f: F, _ n: Int, _ x: Source, _ y: Source, _ dy: Source, _ dx: Target)

  // Rows.
  static func softmaxRows(_ rows: Int, _ n: Int, _ x: Source, _ y: Target)
  static func logSumExp(_ n: Int, _ x: Source) -> Self
  /// y = exp(x - logSumExp) for one row; zeros where `logSumExp` is -infinity.
  static func softmaxWeights(_ n: Int, _ x: Source, _ logSumExp: Self, _ y: Target)
  static func layerNorm(
    _ rows: Int, _ n: Int, _ x: Source, gain: Source?, bias: Source?, epsilon: Self, _ y: Target,
    mean: Target?, inverse: Target?)
  static func layerNormGradient(
    _ rows: Int, _ n: Int, _ x: Source, _ dy: Source, gain: Source?, mean: Source,
    inverse: Source, _ dx: Target, gainGradient: Target?, biasGradient: Target?)
  static func rmsNorm(
    _ rows: Int, _ n: Int, _ x: Source, gain: Source?, gainOffset: Self, epsilon: Self,
    _ y: Target, inverse: Target?)
  static func rmsNormGradient(
    _ rows: Int, _ n: Int, _ x: Source, _ dy: Source, gain: Source?, gainOffset: Self,
    inverse: Source, _ dx: Target, gainGradient: Target?)

  // c [m, n] = a [m, k] b [k, n], see MatrixProduct.swift.
  static func multiplyMatrices(_ product: MatrixProduct<Self>)
}

extension TensorScalar {
  package typealias Source = UnsafePointer<Self>
  package typealias Target = UnsafeMutablePointer<Self>
}

extension Double: TensorScalar {
  package static func exponential(_ x: Double) -> Double { exp(x) }
  package static func logarithm(_ x: Double) -> Double { log(x) }
  package static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
  package static func errorFunction(_ x: Double) -> Double { erf(x) }
  package static func power(_ x: Double, _ exponent: Double) -> Double { pow(x, exponent) }
  package static func logarithmOfOnePlus(_ x: Double) -> Double { log1p(x) }
  package static func sine(_ x: Double) -> Double { sin(x) }
  package static func cosine(_ x: Double) -> Double { cos(x) }
}

extension TensorScalar {
  package static func add(_ n: Int, _ x: Source, _ y: Source, _ z: Target) {
    for i in 0..<n { z[i] = x[i] + y[i] }
  }

  package static func multiply(_ n: Int, _ x: Source, _ y: Source, _ z: Target) {
    for i in 0..<n { z[i] = x[i] * y[i] }
  }

  package static func addScaled(_ n: Int, _ factor: Self, _ x: Source, _ y: Target) {
    for i in 0..<n { y[i] += factor * x[i] }
  }

  package static func sum(_ n: Int, _ x: Source) -> Double {
    var sum = 0.0
    for i in 0..<n { sum += Double(x[i]) }
    return sum
  }

  package static func sumOfSquares(_ n: Int, _ x: Source) -> Double {
    var sum = 0.0
    for i in 0..<n { sum += Double(x[i]) * Double(x[i]) }
    return sum
  }

  package static func largest(_ n: Int, _ x: Source) -> Self {
    (0..<n).reduce(-.infinity) { Swift.max($0, x[$1].isNaN ? .infinity : x[$1]) }
  }

  package static func dot(_ n: Int, _ x: Source, _ y: Source) -> Self {
    var sum: Self = 0
    for i in 0..<n { sum += x[i] * y[i] }
    return sum
  }

  package static func map<F: UnaryFormula>(_ f: F, _ n: Int, _ x: Source, _ y: Target) {
    for i in 0..<n { y[i] = f.value(x[i]) }
  }

  package static func mapGradient<F: UnaryFormula>(
    _ f: F, _ n: Int, _ x: Source, _ y: Source, _ dy: Source, _ dx: Target
  ) {
    for i in 0..<n { dx[i] = dy[i] * f.derivative(x[i], y[i]) }
  }

  package static func softmaxRows(_ rows: Int, _ n: Int, _ x: Source, _ y: Target) {
    for row in 0..<rows {
      softmaxWeights(n, x + row * n, logSumExp(n, x + row * n), y + row * n)
    }
  }

  package static func logSumExp(_ n: Int, _ x: Source) -> Self {
    var largest = -Self.infinity
    for i in 0..<n { largest = Swift.max(largest, x[i]) }
    if largest == -Self.infinity { return largest }
    var sum: Self = 0
    for i in 0..<n { sum += exponential(x[i] - largest) }
    return largest + logarithm(sum)
  }

  package static func softmaxWeights(_ n: Int, _ x: Source, _ logSumExp: Self, _ y: Target) {
    if logSumExp == -Self.infinity { return y.update(repeating: 0, count: n) }
    for i in 0..<n { y[i] = exponential(x[i] - logSumExp) }
  }

  package static func layerNorm(
    _ rows: Int, _ n: Int, _ x: Source, gain: Source?, bias: Source?, epsilon: Self, _ y: Target,
    mean: Target?, inverse: Target?
  ) {
    for row in 0..<rows {
      let (x, y) = (x + row * n, y + row * n)
      let average = Self(sum(n, x)) / Self(n)
      var variance: Self = 0
      for i in 0..<n { variance += (x[i] - average) * (x[i] - average) }
      let factor = 1 / (variance / Self(n) + epsilon).squareRoot()
      for i in 0..<n { y[i] = (x[i] - average) * factor * (gain?[i] ?? 1) + (bias?[i] ?? 0) }
      mean?[row] = average
      inverse?[row] = factor
    }
  }

  // With u = (x - mean) * inverse and h = dy * gain:
  // dx = inverse * (h - mean(h) - u * mean(h * u)).
  package static func layerNormGradient(
    _ rows: Int, _ n: Int, _ x: Source, _ dy: Source, gain: Source?, mean: Source,
    inverse: Source, _ dx: Target, gainGradient: Target?, biasGradient: Target?
  ) {
    for row in 0..<rows {
      let (x, dy, dx) = (x + row * n, dy + row * n, dx + row * n)
      var sum: Self = 0
      var product: Self = 0
      for i in 0..<n {
        let u = (x[i] - mean[row]) * inverse[row]
        let h = dy[i] * (gain?[i] ?? 1)
        sum += h
        product += h * u
        gainGradient?[i] += dy[i] * u
        biasGradient?[i] += dy[i]
      }
      for i in 0..<n {
        let u = (x[i] - mean[row]) * inverse[row]
        let h = dy[i] * (gain?[i] ?? 1)
        dx[i] = inverse[row] * (h - sum / Self(n) - u * product / Self(n))
      }
    }
  }

  package static func rmsNorm(
    _ rows: Int, _ n: Int, _ x: Source, gain: Source?, gainOffset: Self, epsilon: Self,
    _ y: Target, inverse: Target?
  ) {
    for row in 0..<rows {
      let (x, y) = (x + row * n, y + row * n)
      let factor = 1 / (Self(sumOfSquares(n, x)) / Self(n) + epsilon).squareRoot()
      for i in 0..<n { y[i] = x[i] * factor * (gain.map { $0[i] + gainOffset } ?? 1) }
      inverse?[row] = factor
    }
  }

  // With u = x * inverse and h = dy * (gain + offset): dx = inverse * (h - u * mean(h * u)).
  package static func rmsNormGradient(
    _ rows: Int, _ n: Int, _ x: Source, _ dy: Source, gain: Source?, gainOffset: Self,
    inverse: Source, _ dx: Target, gainGradient: Target?
  ) {
    for row in 0..<rows {
      let (x, dy, dx) = (x + row * n, dy + row * n, dx + row * n)
      var product: Self = 0
      for i in 0..<n {
        let u = x[i] * inverse[row]
        product += dy[i] * (gain.map { $0[i] + gainOffset } ?? 1) * u
        gainGradient?[i] += dy[i] * u
      }
      for i in 0..<n {
        let h = dy[i] * (gain.map { $0[i] + gainOffset } ?? 1)
        dx[i] = inverse[row] * (h - x[i] * inverse[row] * product / Self(n))
      }
    }
  }
}
