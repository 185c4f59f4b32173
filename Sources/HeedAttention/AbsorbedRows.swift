import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Rows whose scores a bias near the smallest float has swallowed.
///
/// Many models mask by adding the smallest finite float. Where that hides every key, the row is the
/// mean of the values whose scores are largest (unlike a row that may see no key, which is zero):
/// floats of that size are 2e31 apart, so scores are equal or nothing beside one another. They leave
/// the range in which tiles compute powers of two, where such a row looks empty, and a sum of a few
/// keys is lost beside their logarithm. So their tiles are computed with scores made smaller: equal ones
/// stay equal, and others are still far enough apart. A tile that has other rows too, or whose scores
/// a rule has swallowed, is computed twice. Costs nothing where there are none.
struct AbsorbedRows: Sendable {
  /// In place of `AttentionPlan.softmaxFactor`.
  static let factor: Float = 0x1p-20

  /// The largest score of each row, times `factor`; `[B, H, T]`.
  private let maxima: Tensor
  /// How many keys have it; 0 for all other rows; `[B, H, T]`.
  private let counts: Tensor

  /// Nil where nothing could swallow a score.
  init?(_ plan: AttentionPlan) {
    guard plan.parts.bias != nil || plan.parts.change != nil else { return nil }
    maxima = Tensor(zeros: [plan.batch, plan.heads, plan.queryCount])
    counts = Tensor(zeros: maxima.shape)
  }

  /// Notes a row, by its place in `[B, H, T]`.
  func note(_ place: Int, maximum: Float, count: Float) {
    maxima.mutablePointer(to: Float.self)[place] = maximum
    counts.mutablePointer(to: Float.self)[place] = count
  }

  func contains(_ place: Int) -> Bool { counts.pointer(to: Float.self)[place] > 0 }

  /// What weights are computed with in place of a row's log-sum-exp, and then divided by.
  func share(of place: Int) -> (maximum: Float, count: Float) {
    (maxima.pointer(to: Float.self)[place], counts.pointer(to: Float.self)[place])
  }

  /// The log-sum-exp of a row in nats; nil where the row is none of these.
  func logSumExp(of place: Int) -> Float? {
    let (maximum, count) = share(of: place)
    guard count > 0 else { return nil }
    return Float(Double(maximum) / Double(Self.factor) + log(Double(count)))
  }
}
