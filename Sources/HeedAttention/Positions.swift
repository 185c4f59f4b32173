public import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Buckets of relative distances, as T5: exact near, logarithmic far.
///
/// Source: Raffel et al. 2020, arXiv 1910.10683, section 2.1.
public struct RelativeBuckets: Sendable, Hashable {
  /// Rows of the table.
  public var count: Int
  /// Distances from here on share the last bucket.
  public var maximumDistance: Int
  /// Whether keys after the query have buckets of their own.
  public var isBidirectional: Bool

  /// The buckets of T5 by default.
  public init(count: Int = 32, maximumDistance: Int = 128, isBidirectional: Bool) {
    self.count = count
    self.maximumDistance = maximumDistance
    self.isBidirectional = isBidirectional
  }

  /// The bucket of a key at `distance` = key position - query position.
  public func bucket(_ distance: Int) -> Int {
    var start = 0
    var buckets = count
    var length = -distance
    if isBidirectional {
      buckets /= 2
      if distance > 0 { start = buckets }
      length = abs(distance)
    } else {
      length = max(length, 0)
    }
    let exact = buckets / 2
    if length < exact { return start + length }
    let ratio = Float(length) / Float(exact)
    let span = Float(maximumDistance) / Float(exact)
    let far = exact + Int(logf(ratio) / logf(span) * Float(buckets - exact))
    return start + min(far, buckets - 1)
  }

  /// A rule that adds what a table gives to each distance, for `attention(rule:)`; differentiable in
  /// the table.
  ///
  ///     let rule = buckets.rule(table: table, queryCount: T, keyCount: S)
  ///     attention(q, k, v, scale: 1, rule: rule)
  ///
  /// - Parameters:
  ///   - table: `[count, H]`.
  ///   - queryOffset: position of the first query (keys seen before it, when decoding).
  /// - Complexity: O(H·(T + S)) memory.
  public func rule(
    table: Tensor, queryCount: Int, keyCount: Int, queryOffset: Int = 0
  ) -> ScoreRule {
    check(table)
    let first = 1 - queryCount - queryOffset
    let distances = (0..<max(queryCount + keyCount - 1, 1)).map { bucket(first + $0) }
    let columns = table.gathered(atIndices: distances).transposed()  // [H, T + S - 1]
    return ScoreRule(DistanceTable(shift: queryCount - 1), tables: [columns])
  }

  private func check(_ table: Tensor) {
    precondition(
      table.rank == 2 && table.shape[0] == count,
      "RelativeBuckets: a table \(table.shape) for \(count) buckets")
  }

  /// The bias that a table gives to every query and key; differentiable in the table. In whole
  /// matrices: to be looked at, and for float64; `rule` does the same in O(T + S).
  ///
  /// - Parameters:
  ///   - table: `[count, H]`.
  ///   - queryOffset: position of the first query (keys seen before it, when decoding).
  /// - Returns: `[1, H, T, S]`, for `attention(bias:)`.
  public func bias(
    table: Tensor, queryCount: Int, keyCount: Int, queryOffset: Int = 0
  ) -> Tensor {
    check(table)
    var indices: [Int] = []
    indices.reserveCapacity(queryCount * keyCount)
    for query in 0..<queryCount {
      for key in 0..<keyCount { indices.append(bucket(key - query - queryOffset)) }
    }
    return table.gathered(atIndices: indices)  // [T * S, H]
      .reshaped(to: [queryCount, keyCount, table.shape[1]])
      .transposed(permutation: [2, 0, 1])  // [H, T, S]
      .reshaped(to: [1, table.shape[1], queryCount, keyCount])
  }
}

/// Adds the column of a head's row that belongs to the distance of the key.
private struct DistanceTable: ScoreChange {
  /// The column of the key with the number of the query.
  let shift: Int

  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    let column = place.key - place.query + S(Float(shift))
    return score + place.value(ofTable: 0, row: place.head, column: column)
  }
}

/// Fixed tables of sines and cosines, one row for each position.
///
/// Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.5, and how later families laid it out.
public struct SinusoidalTable: Sendable, Hashable {
  /// Where sines and cosines stand in a row.
  public enum Layout: Sendable, Hashable {
    /// sin, cos, sin, cos ...
    case interleaved
    /// All sines, then all cosines.
    case halves
    /// All cosines, then all sines (diffusion models: `flip_sin_to_cos`).
    case cosinesFirst
  }

  /// Channels of a row.
  public var width: Int
  /// Where sines and cosines stand.
  public var layout: Layout
  /// The longest wavelength over 2 pi.
  public var base: Double
  /// What the count of frequencies is reduced by in the exponent: 0, or 1 where the last frequency
  /// is exactly 1/base (Whisper, M2M-100).
  public var frequencyShift: Double

  /// A table of `width` channels.
  public init(
    width: Int, layout: Layout = .interleaved, base: Double = 10_000, frequencyShift: Double = 0
  ) {
    self.width = width
    self.layout = layout
    self.base = base
    self.frequencyShift = frequencyShift
  }

  /// Rows of `positions`; `[positions, width]`. A last odd channel is 0.
  public func rows(_ positions: [Double]) -> Tensor {
    let half = width / 2
    let step = -log(base) / (Double(half) - frequencyShift)
    var values = [Float](repeating: 0, count: positions.count * width)
    for (row, position) in positions.enumerated() {
      for i in 0..<half {
        let angle = position * exp(Double(i) * step)
        let (sine, cosine) =
          switch layout {
          case .interleaved: (2 * i, 2 * i + 1)
          case .halves: (i, half + i)
          case .cosinesFirst: (half + i, i)
          }
        values[row * width + sine] = Float(sin(angle))
        values[row * width + cosine] = Float(cos(angle))
      }
    }
    return Tensor(values, shape: [positions.count, width])
  }

  /// Rows of positions `first ..< first + count`.
  public func rows(count: Int, from first: Int = 0) -> Tensor {
    rows((first..<first + count).map(Double.init))
  }

  /// Rows of the places of a grid, row by row: the channels of the column, then those of the row.
  ///
  /// - Parameters:
  ///   - heights: positions of the rows of the grid; fractions where pictures are scaled.
  ///   - widths: positions of its columns.
  /// - Returns: `[heights * widths, 2 * width]`.
  /// - Source: as vision transformers and diffusion transformers use it; Peebles & Xie 2022,
  ///   arXiv 2212.09748.
  public func grid(heights: [Double], widths: [Double]) -> Tensor {
    let columns = rows(heights.flatMap { _ in widths })
    let lines = rows(heights.flatMap { height in widths.map { _ in height } })
    return columns.concatenated(with: lines, alongAxis: 1)
  }
}
