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
  /// Rows that look empty although a bias has only swallowed their scores.
  let absorbed: AbsorbedRows?

  /// B, H, T and S of the call.
  public var shape: [Int] { [plan.batch, plan.heads, plan.queryCount, plan.keyCount] }

  /// Natural log of the sum of exponentials of each row's scores, sinks included; `[B, H, T]`.
  /// -inf for a query that may see no key.
  public var logSumExp: Tensor {
    var natural: [Float] = logSumExp2.elements()
    for place in natural.indices {
      if natural[place] > -.infinity {
        natural[place] *= Float(M_LN2)
      } else {
        natural[place] = absorbed?.logSumExp(of: place) ?? -.infinity
      }
    }
    return Tensor(natural, shape: logSumExp2.shape)
  }

  /// True when weights can be computed: the call was chosen.
  public var hasWeights: Bool { inputs != nil }

  /// Exact weights of some rows of a head, computed now: `[rows, S]`.
  ///
  /// Rows sum to 1, or to less where a sink takes mass (`sinkMass`). As they are before dropout.
  ///
  /// - Parameter rows: queries; all when nil.
  /// - Precondition: `hasWeights`.
  /// - Complexity: O(rows·S·D).
  public func weights(batch: Int, head: Int, rows: Range<Int>? = nil) -> Tensor {
    let rows = rows ?? 0..<plan.queryCount
    let result = Tensor(zeros: [rows.count, plan.keyCount])
    let target = result.mutablePointer(to: Float.self)
    forEachTile(batch: batch, head: head, rows: rows) { tile, keys, weights in
      for (i, row) in tile.enumerated() {
        let start = (row - rows.lowerBound) * plan.keyCount + keys.lowerBound
        (target + start).update(
          from: weights + i * AttentionPlan.blockKeys, count: keys.count)
      }
    }
    return result
  }

  /// The mass that the sink of a head takes from each query, the rest to a sum of 1; `[T]`. Zeros
  /// where there is no sink.
  public func sinkMass(batch: Int, head: Int) -> [Float] {
    check(batch: batch, head: head)
    guard let sink = plan.parts.sinks?[head], sink > -.infinity else {
      return [Float](repeating: 0, count: plan.queryCount)
    }
    let lse =
      logSumExp2.pointer(to: Float.self) + (batch * plan.heads + head) * plan.queryCount
    return (0..<plan.queryCount).map { exp2f(sink * Float(M_LOG2E) - lse[$0]) }
  }

  /// Which keys a query of a head may see, by the mask of the call; `[S]`.
  ///
  /// A dense bias of -inf is no mask: it hides keys by weights of zero.
  public func visibleKeys(batch: Int, head: Int, query: Int) -> [Bool] {
    check(batch: batch, head: head, rows: query..<query + 1)
    return plan.visibleKeys(batch: batch, head: head, query: query)
  }

  /// The mass that each key receives from the queries of a head; `[S]`.
  ///
  /// - Precondition: `hasWeights`.
  public func massReceived(batch: Int, head: Int) -> [Float] {
    var mass = [Float](repeating: 0, count: plan.keyCount)
    forEachTile(batch: batch, head: head, rows: 0..<plan.queryCount) {
      tile, keys, weights in
      for i in 0..<tile.count {
        for (j, key) in keys.enumerated() { mass[key] += weights[i * AttentionPlan.blockKeys + j] }
      }
    }
    return mass
  }

  /// Entropy of each query's weights in nats; `[T]`. The share of a sink does not count.
  ///
  /// - Precondition: `hasWeights`.
  public func entropy(batch: Int, head: Int) -> [Float] {
    var entropy = [Float](repeating: 0, count: plan.queryCount)
    forEachTile(batch: batch, head: head, rows: 0..<plan.queryCount) {
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

  private func check(batch: Int, head: Int, rows: Range<Int> = 0..<0) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= plan.queryCount
        && (0..<plan.heads).contains(head) && (0..<plan.batch).contains(batch),
      "AttentionRecord: batch \(batch), head \(head), rows \(rows) are not within \(shape)")
  }

  /// Calls `body` with the weights of each tile, by the kernels of the forward.
  private func forEachTile(
    batch: Int, head: Int, rows: Range<Int>,
    _ body: (Range<Int>, Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) {
    check(batch: batch, head: head, rows: rows)
    guard let inputs else {
      preconditionFailure("AttentionRecord: this call was not chosen when the probe was made")
    }
    let source = KeyValueSource(plan, keys: inputs.keys, values: inputs.keys, packed: false)
    let queries = HeadRows(
      inputs.queries, groupSize: plan.groupSize, precision: plan.precision)
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
      for first in stride(from: 0, to: plan.keyCount, by: AttentionPlan.blockKeys) {
        let keys = first..<min(first + AttentionPlan.blockKeys, plan.keyCount)
        guard scores.compute(keys: keys, source, scratch) else { continue }
        scores.weigh(
          scratch.scores, keys: keys, logSumExp: logSumExp2, absorbed, source.products.kernels)
        body(tile, keys, scratch.scores)
      }
    }
  }
}
