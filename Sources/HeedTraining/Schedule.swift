// How far parameters move, by the number of steps done. A warm-up in a straight line to the peak,
// then one of the usual ways down. Cosine: Loshchilov & Hutter 2016, arXiv 1608.03983; the inverse
// square root: Vaswani et al. 2017, arXiv 1706.03762.

#if canImport(FoundationEssentials)
  import FoundationEssentials
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif
#else
  import Foundation
#endif

/// A learning rate for each step, as a value.
///
///     let schedule = Schedule.cosine(peak: 1e-3, final: 1e-4, warmup: 100, total: 2000)
///     schedule.rate(step: 100)   // 1e-3
public enum Schedule: Sendable, Hashable {
  /// The peak from the end of the warm-up on.
  case constant(peak: Double, warmup: Int = 0)
  /// A straight line from the peak to `final`, which is reached at step `total` and kept.
  case linear(peak: Double, final: Double = 0, warmup: Int = 0, total: Int)
  /// Half a cosine from the peak to `final`, which is reached at step `total` and kept.
  case cosine(peak: Double, final: Double = 0, warmup: Int = 0, total: Int)
  /// A cosine that goes on: `cycles` whole waves until step `total`, and more behind it. With half a
  /// wave it comes down to 0 at `total` and rises again, as transformers' cosine schedule does.
  case cosineWave(peak: Double, warmup: Int = 0, total: Int, cycles: Double = 0.5)
  /// `cycles` half cosines, each from the peak down to 0; 0 from step `total` on.
  case cosineWithRestarts(peak: Double, warmup: Int = 0, total: Int, cycles: Int)
  /// (1 - progress)^power from the peak to `final`.
  case polynomial(peak: Double, final: Double, warmup: Int = 0, total: Int, power: Double)
  /// The peak times sqrt(warmup / step).
  case inverseSquareRoot(peak: Double, warmup: Int)

  /// The rate of the step that follows `step` finished ones: 0 in the first step of a warm-up.
  public func rate(step: Int) -> Double {
    if step < warmup { return peak * Double(step) / Double(warmup) }
    switch self {
    case .constant(let peak, _): return peak
    case .linear(let peak, let final, _, let total):
      return final + (peak - final) * (1 - progress(step, total))
    case .cosine(let peak, let final, _, let total):
      let share = 0.5 * (1 + cos(Double.pi * progress(step, total)))
      return final + (peak - final) * share
    case .cosineWave(let peak, _, let total, let cycles):
      let progress = Double(step - warmup) / Double(max(1, total - warmup))
      return peak * 0.5 * (1 + cos(2 * Double.pi * cycles * progress))
    case .cosineWithRestarts(let peak, _, let total, let cycles):
      let progress = progress(step, total)
      if progress >= 1 { return 0 }
      let turns = progress * Double(cycles)
      return peak * 0.5 * (1 + cos(Double.pi * (turns - turns.rounded(.down))))
    case .polynomial(let peak, let final, _, let total, let power):
      return final + (peak - final) * pow(1 - progress(step, total), power)
    case .inverseSquareRoot(let peak, let warmup):
      let scale = Double(max(1, warmup))
      return peak * (scale / max(scale, Double(step))).squareRoot()
    }
  }

  /// The highest rate.
  public var peak: Double {
    switch self {
    case .constant(let peak, _), .linear(let peak, _, _, _), .cosine(let peak, _, _, _),
      .cosineWave(let peak, _, _, _), .cosineWithRestarts(let peak, _, _, _),
      .polynomial(let peak, _, _, _, _),
      .inverseSquareRoot(let peak, _):
      return peak
    }
  }

  private var warmup: Int {
    switch self {
    case .constant(_, let warmup), .linear(_, _, let warmup, _), .cosine(_, _, let warmup, _),
      .cosineWave(_, let warmup, _, _), .cosineWithRestarts(_, let warmup, _, _),
      .polynomial(_, _, let warmup, _, _),
      .inverseSquareRoot(_, let warmup):
      return warmup
    }
  }

  /// How much of the way down is done, 0 to 1.
  private func progress(_ step: Int, _ total: Int) -> Double {
    min(1, Double(step - warmup) / Double(max(1, total - warmup)))
  }
}
