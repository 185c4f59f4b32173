import HeedTensor
import HeedTestSupport
import Testing

/// Numbers between -1 and 1 that look random and are the same everywhere.
func sample(_ shape: [Int], seed: Int = 1, scale: Double = 1) -> Tensor {
  var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678
  let count = shape.reduce(1, *)
  let values = (0..<count).map { _ -> Double in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (Double(state >> 11) / Double(1 << 53) * 2 - 1) * scale
  }
  return Tensor(values, shape: shape)
}

extension Tensor {
  /// The elements as doubles, whatever the type.
  var doubles: [Double] { converted(to: .float64).elements(as: Double.self) }
}

/// Largest |a - b| / max(1, |b|).
func largestError(_ a: Tensor, _ b: Tensor) -> Double {
  guard a.shape == b.shape else { return .infinity }
  return zip(a.doubles, b.doubles).map { x, y in
    x == y ? 0 : x.isNaN || y.isNaN ? .infinity : abs(x - y) / max(1, abs(y))
  }.max() ?? 0
}

/// Rounding of float32 through a handful of operations.
let float32Tolerance = 2e-5

/// Checks the gradients of `operation` for all `inputs` against central differences in float64,
/// and its value and gradients in float32 against float64.
func expectGradient(
  _ inputs: [Tensor], checkFloat32: Bool = true,
  sourceLocation: SourceLocation = #_sourceLocation, _ operation: ([Tensor]) -> Tensor
) {
  let value = operation(inputs)
  let upstream = sample(value.shape, seed: 99) + 1.5
  for (place, error) in gradientErrors(inputs, upstream: upstream, operation).enumerated() {
    #expect(
      error < differenceTolerance, "gradient of input \(place)", sourceLocation: sourceLocation)
  }
  guard checkFloat32 else { return }
  let tape = Tape()
  let watched = inputs.map { tape.watch($0) }
  let gradients = tape.gradients(of: operation(watched), for: watched, seed: upstream)
  let singleTape = Tape()
  let single = inputs.map { singleTape.watch($0.converted(to: .float32)) }
  let result = operation(single)
  #expect(
    largestError(result, value) < float32Tolerance, "float32 value", sourceLocation: sourceLocation)
  let singleGradients = singleTape.gradients(
    of: result, for: single, seed: upstream.converted(to: .float32))
  for (place, gradient) in singleGradients.enumerated() {
    #expect(
      largestError(gradient, gradients[place]) < float32Tolerance, "float32 gradient \(place)",
      sourceLocation: sourceLocation)
  }
}

/// Sizes at which vectors, tiles and blocks begin and end.
let awkwardSizes = [1, 2, 3, 7, 13, 16, 17, 64, 65, 130]
