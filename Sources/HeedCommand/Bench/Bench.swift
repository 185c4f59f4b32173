import ArgumentParser
import HeedTensor

/// `heed bench`: how fast the parts are on this machine.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Time a part of Heed on this machine.",
    discussion: """
      Prints the median, the spread and the share of what this machine can do at most, measured in \
      the same run. With --json, one JSON document on standard output.
      """,
    subcommands: [
      BenchAttention.self, BenchGrid.self, BenchMatmul.self, BenchTrain.self, BenchGenerate.self,
      BenchTokenize.self, BenchSampling.self, BenchStart.self, BenchLimits.self,
      BenchKernels.self,
    ])
}

/// Element types of a benchmark.
enum BenchType: String, ExpressibleByArgument, CaseIterable {
  case f32, bf16

  var elementType: ElementType { self == .f32 ? .float32 : .bfloat16 }
  var precision: ProductPrecision { self == .f32 ? .float32 : .bfloat16 }
}

/// Options that all benchmarks share.
struct BenchOptions: ParsableArguments {
  @Option(help: "Threads to use (default: all processors).")
  var threads: Int?

  @Option(help: "Seconds to measure at least.")
  var seconds: Double = 1

  @Flag(help: "Print one JSON document.")
  var json = false

  func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads must be from 1 to 256, not \(threads)")
    }
    guard seconds >= 0, seconds <= 86_400 else {
      throw ValidationError("--seconds must be from 0 to 86400, not \(seconds)")
    }
  }

  /// Refuses sizes whose tensors would not fit into memory.
  static func checkElements(_ shapes: [Int]...) throws {
    for shape in shapes where shape.reduce(1.0, { $0 * Double($1) }) > 0x1p32 {
      throw ValidationError("a tensor of \(shape) is too large to time")
    }
  }

  /// Runs `body` on the threads that were asked for.
  func withThreads<Result>(_ body: () throws -> Result) rethrows -> Result {
    try ThreadPool.withThreadCount(threads ?? ThreadPool.defaultThreadCount, body)
  }
}

/// `heed bench kernels`: the instruction sets of this processor.
struct BenchKernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels", abstract: "List the instruction sets that this processor can run.")

  @Flag(help: "Only the names, one a line.")
  var names = false

  func run() {
    for name in Kernels.available {
      print(names ? name : name + (name == Kernels.name ? "  (in use)" : ""))
    }
  }
}

/// `heed bench limits`: what the machine can do at most.
struct BenchLimits: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits", abstract: "Measure what this machine can do at most.")

  @OptionGroup var options: BenchOptions

  func run() throws {
    let limits = options.withThreads { MachineLimits.measure(now: steadySeconds) }
    if options.json {
      printJSON([
        "threads": .count(limits.threadCount), "kernels": .text(Kernels.name),
        "f32_flops": .number(limits.float32), "bf16_flops": .number(limits.bfloat16 ?? 0),
        "read_bytes_per_s": .number(limits.readBandwidth),
      ])
      return
    }
    print("threads         \(limits.threadCount) (\(Kernels.name))")
    print("float32         \((limits.float32 / 1e9).rounded()) GFLOP/s")
    if let bfloat16 = limits.bfloat16 {
      print("bfloat16        \((bfloat16 / 1e9).rounded()) GFLOP/s")
    }
    print("memory, read    \((limits.readBandwidth / 1e8).rounded() / 10) GB/s")
  }
}
