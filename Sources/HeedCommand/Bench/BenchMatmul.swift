import ArgumentParser
import HeedTensor

/// `heed bench matmul`: C[m, n] = A[m, k] B[n, k]^T with a packed weight B.
struct BenchMatmul: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "matmul", abstract: "Time a matrix product with a weight that was packed before.")

  @Option(help: "Rows of A.") var m = 512
  @Option(help: "Outputs: rows of the weight.") var n = 768
  @Option(help: "Inputs.") var k = 768
  @Option(help: "Element type: f32 or bf16.") var dtype = BenchType.f32
  @OptionGroup var options: BenchOptions

  func validate() throws {
    guard m > 0, n > 0, k > 0 else { throw ValidationError("sizes must be positive") }
    try BenchOptions.checkElements([m, k], [n, k], [m, n])
  }

  func run() throws {
    options.withThreads {
      var generator = RandomGenerator(seed: 1)
      let x = generator.normal([m, k])
      let weight = PackedMatrix(generator.normal([n, k]), precision: dtype.precision)
      let measurement = Measurement(seconds: options.seconds) { _ = x.linear(weight) }
      let size = Double(dtype.elementType.byteCount)
      BenchReport(
        name: "matrix product [\(m), \(k)] x [\(n), \(k)]^T", measurement: measurement,
        operations: 2 * Double(m) * Double(n) * Double(k), type: dtype,
        bytes: size * Double(n * k) + 4 * Double(m * k + m * n)
      ).show(options)
    }
  }
}
