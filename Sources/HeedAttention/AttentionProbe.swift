import HeedTensor
import Synchronization

/// Looks at attention while it runs, without changing a bit of it.
///
/// The fused kernel never stores weights. A probe keeps what is needed to compute any of them
/// afterwards, exactly: the queries and keys after positions and the log-sum-exp of each row, so
/// that a weight is `exp(score - logSumExp)`. Costs nothing when absent, two references when there.
///
///     let probe = AttentionProbe()
///     let logits = model.logits(ids, probe: probe)
///     probe.records[5].weights(batch: 0, head: 3)   // [T, S]
public final class AttentionProbe: Sendable {
  private let state = Mutex<[AttentionRecord]>([])
  private let chosen: Set<Int>?

  /// - Parameter calls: which calls of `attention`, counted from 0 in the order in which they ran
  ///   (layers, for a decoder), to keep; all when nil.
  public init(calls: Set<Int>? = nil) { chosen = calls }

  /// What was kept, in the order of the calls; a call that was not chosen has no queries and keys.
  public var records: [AttentionRecord] { state.withLock { $0 } }

  /// Forgets everything.
  public func reset() { state.withLock { $0 = [] } }

  func record(_ forward: FusedForward, queries: Tensor, keys: Tensor) {
    state.withLock { records in
      let isChosen = chosen?.contains(records.count) ?? true
      records.append(
        AttentionRecord(
          plan: forward.plan, inputs: isChosen ? (queries, keys) : nil,
          logSumExp2: forward.logSumExp, absorbed: forward.absorbed))
    }
  }
}
