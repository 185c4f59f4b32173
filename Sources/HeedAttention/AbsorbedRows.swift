import CHeedKernels
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
/// Many models mask by adding the smallest finite float. Where that hides every key, scores are all
/// that float: equal, so the row is the mean of the values (unlike a row that may see no key, which
/// is zero). Such scores leave the range in which the tiles compute powers of two, and their
/// log-sum-exp loses the logarithm of the sum, so these rows look empty to the tiles (-inf), and
/// are computed here one by one in float64. They cost nothing where there are none.
struct AbsorbedRows {
  let plan: AttentionPlan
  let source: KeyValueSource
  /// `[B, H, T, D]`, dense float32.
  let queries: Tensor

  /// False where no bias could swallow anything.
  var canExist: Bool { plan.parts.bias != nil }

  /// Weights of all keys for a row of key/value head `index`, and its log-sum-exp in nats; nil when
  /// it may see no key at all.
  func weights(index: Int, row: Int) -> (weights: [Double], logSumExp: Double)? {
    let scores = self.scores(index: index, row: row)
    guard let high = scores.max(), high > -.infinity else { return nil }
    let powers = scores.map { exp(Double($0) - Double(high)) }
    let sum = powers.reduce(0, +)
    return (powers.map { $0 / sum }, Double(high) + log(sum))
  }

  /// The context of a row; nil when it may see no key.
  func context(index: Int, row: Int) -> [Float]? {
    guard let (weights, _) = weights(index: index, row: row) else { return nil }
    var sums = [Double](repeating: 0, count: plan.valueWidth)
    for (key, weight) in weights.enumerated() where weight > 0 {
      for (i, value) in source.valueRow(index, key).enumerated() {
        sums[i] += weight * Double(value)
      }
    }
    return sums.map { Float($0) }
  }

  /// Scores of a row after scale, cap, bias, slopes and rule; -inf where hidden.
  private func scores(index: Int, row: Int) -> [Float] {
    let scratch = ForwardScratch(plan, rows: 1)
    let tile = ScoreTile(plan, rows: row..<row + 1, index: index)
    tile.load(queries, source, scratch)
    var result = [Float](repeating: -.infinity, count: plan.keyCount)
    for first in stride(from: 0, to: plan.keyCount, by: AttentionPlan.blockKeys) {
      let keys = first..<min(first + AttentionPlan.blockKeys, plan.keyCount)
      guard tile.compute(keys: keys, source, scratch) else { continue }
      for (i, key) in keys.enumerated() { result[key] = scratch.scores[i] }
    }
    return result
  }
}

extension FusedBackward {
  /// Adds what absorbed rows give to the gradients of the keys of one run.
  func addAbsorbedRows(run: Int, index: Int, keys: Range<Int>, _ deltas: [Float]) {
    let rows = AbsorbedRows(plan: plan, source: source, queries: queries)
    guard rows.canExist else { return }
    let lse = logSumExp.pointer(to: Float.self) + index * plan.rowCount
    for row in 0..<plan.rowCount where lse[row] == -.infinity {
      guard let (weights, _) = rows.weights(index: index, row: row) else { continue }
      let place = index * plan.rowCount + row
      let dO = gradient.pointer(to: Float.self) + place * plan.valueWidth
      let q = queries.pointer(to: Float.self) + place * plan.width
      let dq =
        queryGradient.mutablePointer(to: Float.self)
        + (run * plan.batch * plan.groups * plan.rowCount + place) * plan.width
      for key in keys where weights[key] > 0 {
        let target = index * plan.keyCount + key
        let dk = keyGradient.mutablePointer(to: Float.self) + target * plan.width
        let dv = valueGradient.mutablePointer(to: Float.self) + target * plan.valueWidth
        let value = source.valueRow(index, key)
        var product = 0.0
        for i in 0..<plan.valueWidth {
          product += Double(dO[i]) * Double(value[i])
          dv[i] += Float(weights[key] * Double(dO[i]))
        }
        let ds = weights[key] * (product - Double(deltas[row]))
        if let biasGradient {
          biasGradient.mutablePointer(to: Float.self)[place * plan.keyCount + key] = Float(ds)
        }
        let scaled = Float(ds) * plan.scale
        for (i, value) in source.keyRow(index, key).enumerated() {
          dq[i] += scaled * value
          dk[i] += scaled * q[i]
        }
      }
    }
  }
}
