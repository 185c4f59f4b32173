import ArgumentParser
import HeedTensor

/// What `heed bench matmul` multiplies, and what it gives back.
enum MatmulType: String, ExpressibleByArgument, CaseIterable {
  /// Float32 in and out.
  case f32
  /// Bfloat16 in and out; both conversions are a part of what is timed.
  case bf16
  /// Blocks of 32 int8 weights with a scale; the rows of A are quantised as a part of what is timed.
  case int8
}

/// `heed bench matmul`: C[m, n] = A[m, k] B[n, k]^T with a packed weight B.
struct BenchMatmul: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "matmul", abstract: "Time a matrix product with a weight that was packed before.",
    discussion: """
      f32: float32 in and out. bf16: bfloat16 in and out, with the conversions in the time. int8: a \
      weight of int8 (q8_0: a scale for each 32 inputs of an output, not one for the whole output), \
      A float32 and quantised in the same blocks in the time, float32 out; of_limit is then the \
      share of the reading alone.
      """)

  @Option(help: "Rows of A.") var m = 512
  @Option(help: "Outputs: rows of the weight.") var n = 768
  @Option(help: "Inputs.") var k = 768
  @Option(help: "Element type: f32, bf16 or int8.") var dtype = MatmulType.f32
  @OptionGroup var options: BenchOptions

  func validate() throws {
    guard m > 0, n > 0, k > 0 else { throw ValidationError("sizes must be positive") }
    try BenchOptions.checkElements([m, k], [n, k], [m, n])
  }

  func run() throws {
    options.withThreads {
      var generator = RandomGenerator(seed: 1)
      let x = generator.normal([m, k])
      let weight = generator.normal([n, k])
      let report =
        switch dtype {
        case .f32: floats(x, PackedMatrix(weight))
        case .bf16:
          halves(x.converted(to: .bfloat16), PackedMatrix(weight, precision: .bfloat16))
        case .int8: bytes(x, QuantizedMatrix(quantizing: weight, as: .q8_0))
        }
      report.show(options)
    }
  }

  private func floats(_ x: Tensor, _ weight: PackedMatrix) -> BenchReport {
    report(type: .f32, weightBytes: 4 * n * k, valueBytes: 4) { _ = x.linear(weight) }
  }

  private func halves(_ x: Tensor, _ weight: PackedMatrix) -> BenchReport {
    report(type: .bf16, weightBytes: 2 * n * k, valueBytes: 2) {
      _ = x.linear(weight, resultType: .bfloat16)
    }
  }

  private func bytes(_ x: Tensor, _ weight: QuantizedMatrix) -> BenchReport {
    report(type: nil, weightBytes: weight.byteCount, valueBytes: 4) { _ = x.linear(weight) }
  }

  /// The report of one product, which reads A and the weight and writes C.
  private func report(
    type: BenchType?, weightBytes: Int, valueBytes: Int, _ product: () -> Void
  ) -> BenchReport {
    BenchReport(
      name: "matrix product [\(m), \(k)] x [\(n), \(k)]^T",
      measurement: Measurement(seconds: options.seconds, product),
      operations: 2 * Double(m) * Double(n) * Double(k), type: type,
      bytes: Double(weightBytes) + Double(valueBytes) * Double(m * k + m * n))
  }
}
