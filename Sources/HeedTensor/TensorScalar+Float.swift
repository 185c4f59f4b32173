import CHeedKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `Float`'s inner loops are those of the kernel table.
extension Float: TensorScalar {
  /// log2(e): the softmax kernels count in powers of two.
  private static var perBit: Float { 1.442695041 }

  package static func exponential(_ x: Float) -> Float { exp(x) }
  package static func logarithm(_ x: Float) -> Float { log(x) }
  package static func hyperbolicTangent(_ x: Float) -> Float { tanh(x) }
  package static func errorFunction(_ x: Float) -> Float { erf(x) }
  package static func power(_ x: Float, _ exponent: Float) -> Float { pow(x, exponent) }
  package static func logarithmOfOnePlus(_ x: Float) -> Float { log1p(x) }
  package static func sine(_ x: Float) -> Float { sin(x) }
  package static func cosine(_ x: Float) -> Float { cos(x) }

  package static func add(_ n: Int, _ x: Source, _ y: Source, _ z: Target) {
    Kernels.table.add_f32(n, x, y, z)
  }

  package static func multiply(_ n: Int, _ x: Source, _ y: Source, _ z: Target) {
    Kernels.table.multiply_f32(n, x, y, z)
  }

  package static func addScaled(_ n: Int, _ factor: Float, _ x: Source, _ y: Target) {
    Kernels.table.add_scaled_f32(n, factor, x, y)
  }

  package static func sum(_ n: Int, _ x: Source) -> Double { Kernels.table.sum_f32(n, x) }

  package static func sumOfSquares(_ n: Int, _ x: Source) -> Double {
    Kernels.table.sum_of_squares_f32(n, x)
  }

  package static func largest(_ n: Int, _ x: Source) -> Float { Kernels.table.max_f32(n, x) }

  package static func dot(_ n: Int, _ x: Source, _ y: Source) -> Float {
    Kernels.table.dot_f32(n, x, y)
  }

  package static func map<F: UnaryFormula>(_ f: F, _ n: Int, _ x: Source, _ y: Target) {
    f.values(n, x, y)
  }

  package static func mapGradient<F: UnaryFormula>(
    _ f: F, _ n: Int, _ x: Source, _ y: Source, _ dy: Source, _ dx: Target
  ) {
    f.gradients(n, x, y, dy, dx)
  }

  package static func softmaxRows(_ rows: Int, _ n: Int, _ x: Source, _ y: Target) {
    Kernels.table.softmax_rows_f32(rows, n, x, y)
  }

  // The attention's step of the online softmax also serves long rows (a vocabulary): eight
  // segments of 128 values are eight rows of one score tile, merged in fixed order at the end.
  package static func logSumExp(_ n: Int, _ x: Source) -> Float {
    let width = Int(HEED_SCORE_STRIDE)
    let lanes = 8
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: (width + 3) * lanes) { memory in
      guard let tile = memory.baseAddress else { return -.infinity }
      let largest = tile + width * lanes
      let sums = largest + lanes
      let correction = sums + lanes
      largest.update(repeating: -.infinity, count: lanes)
      sums.update(repeating: 0, count: lanes)
      var done = 0
      while done < n {
        let rows = Swift.min(lanes, (n - done) / width)
        let columns = rows == 0 ? n - done : width
        tile.update(from: x + done, count: Swift.max(rows, 1) * columns)
        Kernels.table.softmax_step_f32(
          Swift.max(rows, 1), columns, tile, perBit, largest, sums, correction)
        done += Swift.max(rows, 1) * columns
      }
      var top = -Float.infinity
      for lane in 0..<lanes where !(largest[lane] <= top) { top = largest[lane] }
      if top == -.infinity { return top }
      var sum = 0.0
      for lane in 0..<lanes where sums[lane] > 0 || sums[lane].isNaN {
        sum += Double(sums[lane]) * exp2(Double(largest[lane]) - Double(top))
      }
      // In units of the factor as it was rounded, so that `softmaxWeights` takes back the same.
      return Float((Double(top) + log2(sum)) / Double(perBit))
    }
  }

  package static func softmaxWeights(_ n: Int, _ x: Source, _ logSumExp: Float, _ y: Target) {
    let width = Int(HEED_SCORE_STRIDE)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: width + 8) { memory in
      guard let tile = memory.baseAddress else { return }
      let lanes = tile + width
      lanes.update(repeating: logSumExp * perBit, count: 8)
      let whole = n / width * width
      if whole > 0 { y.update(from: x, count: whole) }
      var done = 0
      while done < whole {
        let rows = Swift.min(8, (whole - done) / width)
        Kernels.table.softmax_weights_f32(rows, width, y + done, perBit, lanes)
        done += rows * width
      }
      guard done < n else { return }
      tile.update(from: x + done, count: n - done)
      Kernels.table.softmax_weights_f32(1, n - done, tile, perBit, lanes)
      (y + done).update(from: tile, count: n - done)
    }
  }

  package static func layerNorm(
    _ rows: Int, _ n: Int, _ x: Source, gain: Source?, bias: Source?, epsilon: Float, _ y: Target,
    mean: Target?, inverse: Target?
  ) {
    Kernels.table.layer_norm_f32(rows, n, x, gain, bias, epsilon, y, mean, inverse)
  }

  package static func layerNormGradient(
    _ rows: Int, _ n: Int, _ x: Source, _ dy: Source, gain: Source?, mean: Source,
    inverse: Source, _ dx: Target, gainGradient: Target?, biasGradient: Target?
  ) {
    Kernels.table.layer_norm_gradient_f32(
      rows, n, x, dy, gain, mean, inverse, dx, gainGradient, biasGradient)
  }

  package static func rmsNorm(
    _ rows: Int, _ n: Int, _ x: Source, gain: Source?, gainOffset: Float, epsilon: Float,
    _ y: Target, inverse: Target?
  ) {
    Kernels.table.rms_norm_f32(rows, n, x, gain, gainOffset, epsilon, y, inverse)
  }

  package static func rmsNormGradient(
    _ rows: Int, _ n: Int, _ x: Source, _ dy: Source, gain: Source?, gainOffset: Float,
    inverse: Source, _ dx: Target, gainGradient: Target?
  ) {
    Kernels.table.rms_norm_gradient_f32(
      rows, n, x, dy, gain, gainOffset, inverse, dx, gainGradient)
  }

  package static func multiplyMatrices(_ product: MatrixProduct<Float>) {
    TiledProduct.run(product)
  }
}
