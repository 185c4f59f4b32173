import CHeedKernels

/// What this machine can do at most, measured now: the yardstick of every speed that is stated.
public struct MachineLimits: Sendable, Hashable {
  /// Threads that were measured together.
  public let threadCount: Int
  /// Float32 multiply-adds in registers, floating-point operations a second.
  public let float32: Double
  /// bfloat16 dot products in registers, operations a second; nil where there are none.
  public let bfloat16: Double?
  /// Bytes a second read from memory, from buffers larger than the caches.
  public let readBandwidth: Double

  /// Measures the instruction set in use, on `ThreadPool.threadCount` threads; about half a second.
  ///
  /// - Parameter now: seconds of a steady clock.
  public static func measure(now: () -> Double) -> MachineLimits {
    let threads = ThreadPool.threadCount
    return MachineLimits(
      threadCount: threads, float32: peak(threads, bfloat16: false, now) ?? 0,
      bfloat16: peak(threads, bfloat16: true, now), readBandwidth: measureReading(now: now))
  }

  /// The best of some rounds on all threads at once.
  private static func peak(_ threads: Int, bfloat16: Bool, _ now: () -> Double) -> Double? {
    let results = Tensor(zeros: [threads], .float64)
    let operations = results.mutablePointer(to: Double.self)
    var best = 0.0
    for _ in 0..<8 {
      let start = now()
      ThreadPool.shared.parallel(threads) { part in
        var table = Kernels.table
        _ = heed_measure_peak(&table, bfloat16 ? 1 : 0, 1_000_000, operations + part)
      }
      let total = (0..<threads).reduce(0) { $0 + operations[$1] }
      best = max(best, total / (now() - start))
    }
    return best > 0 ? best : nil
  }

  /// Bytes a second read from memory on `ThreadPool.threadCount` threads, the best of some rounds of 128 MB
  /// for each thread.
  ///
  /// - Parameters:
  ///   - rounds: each takes 4 to 10 ms; to write the buffers before takes longer.
  ///   - now: seconds of a steady clock.
  public static func measureReading(rounds: Int = 4, now: () -> Double) -> Double {
    let threads = ThreadPool.threadCount
    let count = 32 << 20
    let data = Tensor(repeating: Float(1), shape: [threads, count])
    let source = data.pointer(to: Float.self)
    // Pieces that fit the first cache: one kernel call reads each from memory once.
    let piece = 4096
    var best = 0.0
    for _ in 0..<rounds {
      let start = now()
      ThreadPool.shared.parallel(threads) { part in
        var sum = 0.0
        for at in stride(from: 0, to: count, by: piece) {
          sum += Kernels.table.sum_f32(piece, source + part * count + at)
        }
        precondition(sum > 0)
      }
      best = max(best, Double(threads * count * 4) / (now() - start))
    }
    return best
  }
}
