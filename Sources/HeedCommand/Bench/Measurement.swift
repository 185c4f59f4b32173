import HeedFormats
import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Seconds of a clock that never goes back.
func steadySeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

/// Repeated timings of one operation.
struct Measurement {
  /// Seconds, in the order in which they were taken.
  let samples: [Double]
  let median: Double
  let least: Double
  let most: Double
  let count: Int

  /// Warms up once, then takes at least five samples and `seconds` of them. Short operations are
  /// repeated inside a sample until it lasts 10 ms.
  init(seconds: Double, _ body: () -> Void) {
    body()
    var start = steadySeconds()
    body()
    let once = max(steadySeconds() - start, 1e-9)
    let repeats = max(1, Int((0.01 / once).rounded(.up)))
    for _ in 0..<min(repeats, 20) { body() }
    var samples: [Double] = []
    var total = 0.0
    while samples.count < 5 || (total < seconds && samples.count < 200) {
      start = steadySeconds()
      for _ in 0..<repeats { body() }
      let elapsed = steadySeconds() - start
      samples.append(elapsed / Double(repeats))
      total += elapsed
    }
    self.init(samples: samples)
  }

  /// The statistics of samples that were taken elsewhere; at least one.
  init(samples: [Double]) {
    self.samples = samples
    let sorted = samples.sorted()
    median = sorted[sorted.count / 2]
    least = sorted[0]
    most = sorted[sorted.count - 1]
    count = sorted.count
  }
}

/// A value of a benchmark's JSON document.
enum BenchValue {
  case count(Int)
  case number(Double)
  case text(String)

  var json: String {
    switch self {
    case .count(let value): String(value)
    case .number(let value): value.isFinite ? "\(value)" : "null"
    case .text(let value): "\"\(value)\""
    }
  }
}

/// Prints one flat JSON object on one line, keys sorted.
func printJSON(_ values: [String: BenchValue]) {
  let members = values.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value.json)" }
  print("{" + members.joined(separator: ", ") + "}")
}

/// The most memory that the process has held, in MB.
func peakMemory() -> Double {
  var usage = rusage()
  #if os(Linux)
    getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
  #else
    getrusage(RUSAGE_SELF, &usage)
    return Double(usage.ru_maxrss) / 1_048_576
  #endif
}

/// What a benchmark prints, for people or as JSON.
struct BenchReport {
  let name: String
  let measurement: Measurement
  /// Operations of one run, and in which precision; nil for integers, whose limit is not measured.
  var operations: Double = 0
  var type: BenchType? = .f32
  /// Bytes that one run must read at least.
  var bytes: Double = 0
  /// Bytes a second that memory gave before, between and behind the samples; empty where it is asked once,
  /// behind all.
  var readings: [Double] = []
  var extra: [String: BenchValue] = [:]

  /// Of what memory gave around each sample, what the sample took.
  private var sharesOfReading: [Double] {
    zip(measurement.samples, zip(readings, readings.dropFirst())).map { seconds, around in
      bytes / seconds / ((around.0 + around.1) / 2)
    }
  }

  func show(_ options: BenchOptions) {
    let memory = peakMemory()  // before the yardstick takes its buffers
    let limits = MachineLimits.measure(now: steadySeconds)
    let arithmetic =
      switch type {
      case .f32: operations / limits.float32
      case .bf16: operations / (limits.bfloat16 ?? limits.float32)
      case nil: 0.0
      }
    let share =
      readings.isEmpty
      ? max(arithmetic, bytes / limits.readBandwidth) / measurement.median
      : Measurement(samples: sharesOfReading).median
    if options.json {
      var values: [String: BenchValue] = [
        "median_s": .number(measurement.median), "min_s": .number(measurement.least),
        "max_s": .number(measurement.most), "samples": .count(measurement.count),
        "threads": .count(ThreadPool.threadCount), "kernels": .text(Kernels.name),
        "rss_mb": .number(memory), "of_limit": .number(share),
        "gflops": .number(operations / measurement.median / 1e9),
        "gbytes_per_s": .number(bytes / measurement.median / 1e9),
        "limit_f32_gflops": .number(limits.float32 / 1e9),
        "limit_bf16_gflops": .number((limits.bfloat16 ?? 0) / 1e9),
        "limit_read_gbytes_per_s": .number(
          (readings.isEmpty ? limits.readBandwidth : Measurement(samples: readings).median) / 1e9),
      ]
      values.merge(extra) { _, new in new }
      printJSON(values)
      return
    }
    func milliseconds(_ seconds: Double) -> String { fixed(seconds * 1e3, 3) + " ms" }
    print(name)
    print(
      "  median \(milliseconds(measurement.median))  (\(milliseconds(measurement.least)) to "
        + "\(milliseconds(measurement.most)), \(measurement.count) samples)")
    if operations > 0 {
      print("  \(fixed(operations / measurement.median / 1e9, 1)) GFLOP/s")
    }
    if bytes > 0 { print("  \(fixed(bytes / measurement.median / 1e9, 1)) GB/s") }
    print(
      "  \(fixed(share * 100, 0)) % of the machine's limit, "
        + "\(ThreadPool.threadCount) threads, \(Kernels.name)")
    print("  \(fixed(memory, 0)) MB at most")
    for (key, value) in extra.sorted(by: { $0.key < $1.key }) { print("  \(key) \(value.json)") }
  }
}
