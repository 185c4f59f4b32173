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

/// Dropout of attention weights, drawn from a counter, so that the backward draws it again.
public struct AttentionDropout: Sendable {
  /// The share of weights that become zero; the others are divided by `1 - rate`.
  public let rate: Float
  /// The seed of the draw. Use another one for each layer and step.
  public let seed: UInt64

  /// Dropout of a share `rate` of the weights.
  public init(rate: Float, seed: UInt64) {
    precondition(rate >= 0 && rate < 1, "AttentionDropout: a rate of \(rate) is not in 0..<1")
    self.rate = rate
    self.seed = seed
  }

  /// What the weight of a cell is multiplied by: 0 or `1 / (1 - rate)`.
  ///
  /// A hash of the cell's coordinates (the finaliser of SplitMix64), not a stream: cells are
  /// visited in any order, and the same cell draws the same number.
  @inline(__always)
  func factor(batch: Int, head: Int, query: Int, key: Int) -> Float {
    var bits = seed &+ 0x9E37_79B9_7F4A_7C15
    bits = AttentionDropout.mixed(
      bits ^ (UInt64(truncatingIfNeeded: batch) << 32 | UInt64(truncatingIfNeeded: head)))
    bits = AttentionDropout.mixed(
      bits ^ (UInt64(truncatingIfNeeded: query) << 32 | UInt64(truncatingIfNeeded: key)))
    let uniform = Float(bits >> 40) * 0x1p-24
    return uniform < rate ? 0 : 1 / (1 - rate)
  }

  @inline(__always)
  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
