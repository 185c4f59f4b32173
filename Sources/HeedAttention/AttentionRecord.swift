import CHeedKernels
public import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a probe kept of one call of `attention`.
public struct AttentionRecord: Sendable {
  let plan: AttentionPlan
  let inputs: (queries: Tensor, keys: Tensor)?
  /// In units of log2.
  let logSumExp2: Tensor

  /// B, H, T and S of the call.
  public var shape: [Int] { [plan.batch, plan.heads, plan.queryCount, plan.keyCount] }

  /// Natural log of the sum of exponentials of each row's scores, sinks included; `[B, H, T]`.
  /// -inf for a query that may see no key.
  public var logSumExp: Tensor {
    var natural: [Float] = logSumExp2.elements()
    let absorbed = absorbedRows
    for place in natural.indices {
      if natural[place] > -.infinity {
        natural[place] *= Float(M_LN2)
      } else if let absorbed {
        let (index, row) = place.quotientAndRemainder(dividingBy: plan.rowCount)
        natural[place] =
          absorbed.weights(index: index, row: row).map { Float($0.logSumExp) } ?? -.infinity
      }
    }
    return Tensor(natural, shape: logSumExp2.shape)
  }

  /// For rows that look empty although a bias has only swallowed their scores.
  private var absorbedRows: AbsorbedRows? {
    guard let inputs, plan.parts.bias != nil else { return nil }
    return AbsorbedRows(
      plan: plan,
      source: KeyValueSource(plan, keys: inputs.keys, values: inputs.keys, packed: false),
      queries: inputs.queries.converted(to: .float32).dense())
  }

  /// True when weights can be computed: the call was chosen.
  public var hasWeights: Bool { inputs != nil }

  /// Exact weights of some rows of a head, computed now: `[rows, S]`.
  ///
  /// Rows sum to 1, or to less where a sink takes mass.
  ///
  /// - Parameter rows: queries; all when nil.
  /// - Complexity: O(rows·S·D).
  public func weights(batch: Int, head: Int, rows: Range<Int>? = nil) -> Tensor {
    guard let inputs else {
      preconditionFailure("AttentionRecord: this call was not chosen when the probe was made")
    }
    let rows = rows ?? 0..<plan.queryCount
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= plan.queryCount && head < plan.heads
        && batch < plan.batch,
      "weights: batch \(batch), head \(head), rows \(rows) are not within \(shape)")
    let result = Tensor(zeros: [rows.count, plan.keyCount])
    let target = result.mutablePointer(to: Float.self)
    forEachTile(batch: batch, head: head, rows: rows, inputs) { tile, keys, weights in
      for (i, row) in tile.enumerated() {
        let start = (row - rows.lowerBound) * plan.keyCount + keys.lowerBound
        (target + start).update(
          from: weights + i * AttentionPlan.blockKeys, count: keys.count)
      }
    }
    if let absorbed = absorbedRows {
      let index = batch * plan.groups + head / plan.groupSize
      for (i, query) in rows.enumerated() {
        let row = head % plan.groupSize * plan.queryCount + query
        let place = index * plan.rowCount + row
        guard logSumExp2.pointer(to: Float.self)[place] == -.infinity,
          let (weights, _) = absorbed.weights(index: index, row: row)
        else { continue }
        for (key, weight) in weights.enumerated() {
          target[i * plan.keyCount + key] = Float(weight)
        }
      }
    }
    return result
  }

  /// The mass that each key receives from the queries of a head; `[S]`.
  public func massReceived(batch: Int, head: Int) -> [Float] {
    var mass = [Float](repeating: 0, count: plan.keyCount)
    guard let inputs else { return mass }
    forEachTile(batch: batch, head: head, rows: 0..<plan.queryCount, inputs) {
      tile, keys, weights in
      for i in 0..<tile.count {
        for (j, key) in keys.enumerated() { mass[key] += weights[i * AttentionPlan.blockKeys + j] }
      }
    }
    return mass
  }

  /// Entropy of each query's weights in nats; `[T]`. The share of a sink does not count.
  public func entropy(batch: Int, head: Int) -> [Float] {
    var entropy = [Float](repeating: 0, count: plan.queryCount)
    guard let inputs else { return entropy }
    forEachTile(batch: batch, head: head, rows: 0..<plan.queryCount, inputs) {
      tile, keys, weights in
      for (i, row) in tile.enumerated() {
        for j in 0..<keys.count {
          let weight = weights[i * AttentionPlan.blockKeys + j]
          if weight > 0 { entropy[row] -= weight * logf(weight) }
        }
      }
    }
    return entropy
  }

  /// The keys that a query reads most from, largest weight first.
  public func topKeys(
    _ count: Int, batch: Int, head: Int, query: Int
  ) -> [(key: Int, weight: Float)] {
    let row: [Float] = weights(batch: batch, head: head, rows: query..<query + 1).elements()
    return row.enumerated().map { ($0.offset, $0.element) }
      .sorted { $0.1 == $1.1 ? $0.0 < $1.0 : $0.1 > $1.1 }
      .prefix(count).map { (key: $0.0, weight: $0.1) }
  }

  /// Calls `body` with the weights of each tile, by the kernels of the forward.
  private func forEachTile(
    batch: Int, head: Int, rows: Range<Int>, _ inputs: (queries: Tensor, keys: Tensor),
    _ body: (Range<Int>, Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) {
    let source = KeyValueSource(plan, keys: inputs.keys, values: inputs.keys, packed: false)
    let queries = inputs.queries.converted(to: .float32).dense()
    let group = head / plan.groupSize
    let index = batch * plan.groups + group
    // Rows of the plan: queries of a group's heads, one head after the other.
    let base = head % plan.groupSize * plan.queryCount
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: plan.tileRows) {
      let tile = start..<min(start + plan.tileRows, rows.upperBound)
      let planRows = base + tile.lowerBound..<base + tile.upperBound
      let scratch = ForwardScratch(plan, rows: tile.count)
      let scores = ScoreTile(plan, rows: planRows, index: index)
      scores.load(queries, source, scratch)
      let lse =
        logSumExp2.pointer(to: Float.self) + index * plan.rowCount + planRows.lowerBound
      for first in stride(from: 0, to: plan.keyCount, by: AttentionPlan.blockKeys) {
        let keys = first..<min(first + AttentionPlan.blockKeys, plan.keyCount)
        guard scores.compute(keys: keys, source, scratch) else { continue }
        source.products.kernels.softmax_weights_f32(
          tile.count, keys.count, scratch.scores, plan.softmaxFactor, lse)
        body(tile, keys, scratch.scores)
      }
    }
  }
}
