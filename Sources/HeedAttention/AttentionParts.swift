import HeedTensor

/// What changes the scores between the product of queries and keys and the softmax.
///
/// The order is fixed: scale, soft cap, bias and slopes, the user's rule, then the mask.
struct AttentionParts: Sendable {
  /// Added to the scores; broadcastable to `[B, H, T, S]`.
  var bias: Tensor?
  /// ALiBi: `-slope * |distance|` for each head; `[H]`.
  var slopes: [Float]?
  var softCap: Float?
  /// One more logit for each head, whose mass goes nowhere; `[H]`.
  var sinks: [Float]?
  var change: ScoreRule?
  var dropout: AttentionDropout?
  /// Strides of the bias seen as `[B, H, T, S]`.
  private(set) var biasStrides: [Int] = []
  /// Blocks that the bias hides; nil where there are none, or where a rule may show them again.
  private(set) var biasCoverage: BiasCoverage?

  func prepared(batch: Int, heads: Int, queryCount: Int, keyCount: Int) -> AttentionParts {
    var result = self
    if let bias {
      precondition(
        bias.rank <= 4
          && zip(bias.shape.reversed(), [keyCount, queryCount, heads, batch])
            .allSatisfy { $0 == $1 || $0 == 1 },
        "attention: a bias \(bias.shape) does not broadcast to "
          + "\([batch, heads, queryCount, keyCount])")
      var full = bias.converted(to: .float32).dense()
      if full.shape.last != keyCount || full.rank == 0 {
        // A bias that is the same for all keys: spread it, so that tiles can read rows.
        full = full.broadcast(to: full.shape.dropLast() + [keyCount]).dense()
      }
      result.bias = full
      result.biasStrides = DenseView(full, rank: 4).strides
      result.biasCoverage = change == nil ? BiasCoverage(full) : nil
    }
    precondition(
      slopes.map { $0.count == heads } ?? true,
      "attention: \(slopes?.count ?? 0) ALiBi slopes for \(heads) heads")
    precondition(
      sinks.map { $0.count == heads } ?? true,
      "attention: \(sinks?.count ?? 0) sinks for \(heads) heads")
    for table in change?.tables ?? [] where table.rank == 4 {
      precondition(
        Array(table.shape.dropLast()) == [batch, heads, queryCount],
        "attention: a table \(table.shape) of the rule has no rows for queries "
          + "\([batch, heads, queryCount])")
    }
    return result
  }
}
