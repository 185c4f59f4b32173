import CHeedKernels
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite("Elementary functions")
struct KernelsFunctionsTests {
  /// Every 997th bit pattern: 4.3 million floats, of all signs and sizes, infinities and NaNs.
  private static let sweep: [Float] = stride(from: UInt32(0), to: .max - 997, by: 997).map {
    Float(bitPattern: $0)
  }

  private func worst(
    _ function: (_ x: [Float], _ y: inout [Float]) -> Void, _ exact: (Double) -> Double
  ) -> (error: Double, at: Float) {
    let smallest = Float.leastNonzeroMagnitude
    let special: [Float] = [
      0, -0.0, smallest, -smallest, .infinity, -.infinity, .nan, 88.72284, 0.625,
    ]
    let x = Self.sweep + special
    var y = [Float](repeating: 0, count: x.count)
    function(x, &y)
    var result = (error: 0.0, at: Float(0))
    for (input, output) in zip(x, y) {
      let error = unitsInTheLastPlace(output, exact(Double(input)))
      if error > result.error { result = (error, input) }
    }
    return result
  }

  @Test("exp is within one unit in the last place everywhere", arguments: KernelVariant.all)
  func exponential(variant: KernelVariant) {
    let found = worst({ x, y in variant.table.exp_f32(x.count, x, &y) }, { exp($0) })
    #expect(found.error <= 1, "at \(found.at)")
  }

  @Test("tanh is within two units in the last place everywhere", arguments: KernelVariant.all)
  func hyperbolicTangent(variant: KernelVariant) {
    let found = worst({ x, y in variant.table.tanh_f32(x.count, x, &y) }, { tanh($0) })
    #expect(found.error <= 2, "at \(found.at)")
  }

  @Test("erf is within two units in the last place everywhere", arguments: KernelVariant.all)
  func errorFunction(variant: KernelVariant) {
    let found = worst({ x, y in variant.table.erf_f32(x.count, x, &y) }, { erf($0) })
    #expect(found.error <= 2, "at \(found.at)")
  }

  @Test("every instruction set but the plain one gives the same bits")
  func sameBits() {
    func bits(_ table: heed_kernels) -> [[UInt32]] {
      let x = kernelNumbers(3 * 1037).map { $0 * 12 }
      let gain = kernelNumbers(1037, seed: 2)
      var y = x
      var results: [[UInt32]] = []
      table.exp_f32(x.count, x, &y)
      results.append(y.map(\.bitPattern))
      for (kind, _) in Self.kinds {
        table.activation_f32(kind, x.count, x, &y)
        results.append(y.map(\.bitPattern))
        table.activation_gradient_f32(kind, x.count, x, x, &y)
        results.append(y.map(\.bitPattern))
      }
      table.softmax_rows_f32(3, 1037, x, &y)
      results.append(y.map(\.bitPattern))
      table.layer_norm_f32(3, 1037, x, gain, gain, 1e-5, &y, nil, nil)
      results.append(y.map(\.bitPattern))
      results.append([table.dot_f32(x.count, x, y).bitPattern])
      return results
    }
    let all = KernelVariant.all.dropFirst().map { bits($0.table) }
    for other in all { #expect(other == all[0]) }
  }

  @Test("negative zero stays negative", arguments: KernelVariant.all)
  func signedZero(variant: KernelVariant) {
    let x: [Float] = [-0.0]
    var y: [Float] = [1]
    variant.table.tanh_f32(1, x, &y)
    #expect(y[0].sign == .minus && y[0] == 0)
    variant.table.erf_f32(1, x, &y)
    #expect(y[0].sign == .minus && y[0] == 0)
  }

  private static let kinds: [(heed_activation, @Sendable (Double) -> Double)] = [
    (HEED_ACTIVATION_GELU_ERF, { 0.5 * $0 * erfc(-$0 * 0.5.squareRoot()) }),
    (
      HEED_ACTIVATION_GELU_TANH,
      { $0 / (1 + exp(-2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
    ),
    (HEED_ACTIVATION_SILU, { $0 / (1 + exp(-$0)) }),
    (HEED_ACTIVATION_RELU, { max($0, 0) }),
    (HEED_ACTIVATION_TANH, { tanh($0) }),
    (HEED_ACTIVATION_SIGMOID, { 1 / (1 + exp(-$0)) }),
    (HEED_ACTIVATION_QUICK_GELU, { $0 / (1 + exp(-1.702 * $0)) }),
  ]

  /// What eight roundings of a float add up to, relative where the value is not near a closed gate.
  private static let eightRoundings = 8 * 0x1p-24

  @Test("activations agree with their formulas in binary64", arguments: KernelVariant.all)
  func activations(variant: KernelVariant) {
    let x = kernelNumbers(20_001).map { $0 * 20 } + [0, 1e-20, -1e-20, 100, -100]
    for (kind, formula) in Self.kinds {
      var y = [Float](repeating: 0, count: x.count)
      variant.table.activation_f32(kind, x.count, x, &y)
      for (input, output) in zip(x, y) {
        let exact = formula(Double(input))
        let error = abs(Double(output) - exact) / max(abs(exact), 0x1p-4)
        #expect(error <= Self.eightRoundings, "kind \(kind.rawValue) at \(input)")
      }
    }
  }

  @Test("slopes of activations are what central differences show", arguments: KernelVariant.all)
  func slopes(variant: KernelVariant) {
    let x = kernelNumbers(2_001, seed: 4).map { $0 * 15 }.filter { abs($0) > 1e-3 }
    let dy = kernelNumbers(x.count, seed: 5)
    for (kind, formula) in Self.kinds {
      var dx = [Float](repeating: 0, count: x.count)
      variant.table.activation_gradient_f32(kind, x.count, x, dy, &dx)
      for index in x.indices {
        let h = 1e-5
        let at = Double(x[index])
        let slope = (formula(at + h) - formula(at - h)) / (2 * h)
        let error = abs(Double(dx[index]) - slope * Double(dy[index]))
        #expect(error <= 1e-6, "kind \(kind.rawValue) at \(at)")
      }
    }
  }

  @Test("activations close at minus infinity and pass at infinity", arguments: KernelVariant.all)
  func limits(variant: KernelVariant) {
    let x: [Float] = [-.infinity, .infinity, -3e38, 3e38]
    for kind in [
      HEED_ACTIVATION_GELU_ERF, HEED_ACTIVATION_GELU_TANH, HEED_ACTIVATION_SILU,
      HEED_ACTIVATION_QUICK_GELU, HEED_ACTIVATION_RELU,
    ] {
      var y = [Float](repeating: 7, count: 4)
      variant.table.activation_f32(kind, 4, x, &y)
      #expect(y == [0, .infinity, 0, 3e38], "kind \(kind.rawValue)")
      variant.table.activation_gradient_f32(kind, 4, x, [1, 1, 1, 1], &y)
      #expect(y == [0, 1, 0, 1], "kind \(kind.rawValue)")
    }
  }
}
