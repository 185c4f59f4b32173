// Attention that knows how far apart query and key are, by vectors for distances:
//
//   Shaw et al.     score = q . (k + aK[d]),  out = sum of weights times (v + aV[d])
//   Transformer-XL  score = (q + u) . k + (q + w) . r[d]
//
// Either way the distances meet the queries in one product with as many columns as there are
// distances, and a score takes its column. Shaw clips distances, so there are few columns: a rule of
// the fused attention reads them, O(T) memory. Transformer-XL has as many distances as keys, so the
// columns are O(T·S) by themselves, read by the same rule; less memory would take a product with a band
// of distances inside each tile, a second kind of tile for one family. Values of distances need the
// weights themselves, summed over the keys at the same distance, so only that form computes weights.
// The slow twin knows no rules: in float64 the columns are spread to a bias.
// Shaw et al. 2018, arXiv 1803.02155, eq. (3) and (4); Dai et al. 2019, arXiv 1901.02860, section 3.3.

public import HeedTensor

/// Vectors for distances, clipped at `limit` to both sides: Shaw's relative positions.
public struct RelativeTables: Sendable {
  /// Added to keys; `[2 limit + 1, D]`, the row of distance d (key position - query position) is
  /// `d + limit`.
  public var keys: Tensor
  /// Added to values; `[2 limit + 1, Dv]`, nil for none.
  public var values: Tensor?

  /// Tables shared by all heads.
  ///
  /// - Precondition: both have the same odd number of rows.
  public init(keys: Tensor, values: Tensor? = nil) {
    precondition(
      keys.rank == 2 && keys.shape[0] % 2 == 1
        && (values.map { $0.shape[0] } ?? keys.shape[0])
          == keys.shape[0],
      "RelativeTables: \(keys.shape) and \(values?.shape ?? []) are no tables of one limit")
    self.keys = keys
    self.values = values
  }

  /// Distances from here on share a row.
  public var limit: Int { keys.shape[0] / 2 }

  /// Attention with the vectors of distances added to keys and values.
  ///
  /// Gradients flow to queries, keys, values and both tables.
  ///
  /// - Parameters:
  ///   - queries: `[B, H, T, D]`; query t stands at position t + S - T.
  ///   - keys: `[B, G, S, D]`, H a multiple of G.
  ///   - values: `[B, G, S, Dv]`.
  ///   - scale: factor on the dot products; `1/sqrt(D)` when nil.
  ///   - mask: which keys a query may see.
  ///   - probe: is told of one call.
  /// - Returns: `[B, H, T, Dv]`.
  /// - Source: Shaw et al. 2018, arXiv 1803.02155.
  public func attention(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, scale: Float? = nil, mask: Mask = .none,
    probe: AttentionProbe? = nil
  ) -> Tensor {
    let (T, S, D) = (queries.shape[2], keys.shape[2], queries.shape[3])
    let columns =
      queries.matrixProduct(self.keys.transposed())  // [B, H, T, 2 limit + 1]
      * Double(scale ?? 1 / Float(D).squareRoot())
    if self.values == nil, queries.elementType != .float64 {
      let rule = ScoreRule(DistanceColumns(shift: limit + T - S), tables: [columns])
      return HeedAttention.attention(
        queries, keys, values, scale: scale, mask: mask, rule: rule, probe: probe)
    }
    let rows = (0..<T * S).map { row(query: $0 / S + S - T, key: $0 % S) }
    let bias = columns.takingColumns(rows, count: S)
    guard let table = self.values else {
      return HeedAttention.attention(
        queries, keys, values, scale: scale, mask: mask, bias: bias, probe: probe)
    }
    if let probe {
      // Only to be looked at: the weights below are the same, but kept nowhere.
      _ = HeedAttention.attention(
        queries.detached(), keys.detached(), values.detached(), scale: scale, mask: mask,
        bias: bias.detached(), probe: probe)
    }
    let (context, weights) = referenceAttention(
      queries, keys, values, scale: scale, mask: mask, bias: bias)
    let shares = weights.addingColumns(rows, count: table.shape[0])  // [B, H, T, 2 limit + 1]
    return context + shares.matrixProduct(table)
  }

  private func row(query: Int, key: Int) -> Int { max(-limit, min(limit, key - query)) + limit }
}

/// Adds the column of a query that belongs to the distance of the key.
private struct DistanceColumns: ScoreChange {
  /// The column of the key with the number of the query.
  let shift: Int

  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    score + place.value(ofQueryTable: 0, column: place.key - place.query + S(Float(shift)))
  }
}

/// Attention with the relative positions of Transformer-XL: causal, over a memory of earlier keys.
///
/// Gradients flow to queries, keys, values, both biases and the weight.
///
/// - Parameters:
///   - queries: `[B, H, T, D]`; query t stands at position t + S - T.
///   - keys: `[B, H, S, D]`, those of the memory first.
///   - values: `[B, H, S, Dv]`.
///   - contentBias: u, added to queries that meet keys; `[H, D]`.
///   - positionBias: the bias of queries that meet distances; `[H, D]`.
///   - weight: from sinusoids of distances to vectors of each head; `[H D, E]`.
///   - scale: factor on the dot products; `1/sqrt(D)` when nil.
///   - mask: hides more than what is ahead.
///   - probe: is told of one call.
/// - Returns: `[B, H, T, Dv]`.
/// - Precondition: the biases and the weight fit the heads.
/// - Source: Dai et al. 2019, arXiv 1901.02860, section 3.3.
public func transformerXLAttention(
  _ queries: Tensor, _ keys: Tensor, _ values: Tensor, contentBias: Tensor, positionBias: Tensor,
  weight: Tensor, scale: Float? = nil, mask: Mask = .none, probe: AttentionProbe? = nil
) -> Tensor {
  let (H, T, D, S) = (queries.shape[1], queries.shape[2], queries.shape[3], keys.shape[2])
  precondition(
    contentBias.shape == [H, D] && positionBias.shape == [H, D] && weight.shape[0] == H * D,
    "transformerXLAttention: biases \(contentBias.shape), \(positionBias.shape) and a weight "
      + "\(weight.shape) do not fit queries \(queries.shape)")
  // The farthest first: the column of a key is then its number, less that of the query.
  let sinusoids = SinusoidalTable(width: weight.shape[1], layout: .halves)
    .rows((0..<S).reversed().map(Double.init)).converted(to: queries.elementType)
  let distances = linear(sinusoids, weight: weight)  // [S, H D]
    .reshaped(to: [S, H, D]).transposed(permutation: [1, 2, 0])  // [H, D, S]
  let columns =
    (queries + positionBias.expanded(axis: 1)).matrixProduct(distances)  // [B, H, T, S]
    * Double(scale ?? 1 / Float(D).squareRoot())
  let content = queries + contentBias.expanded(axis: 1)
  guard queries.elementType == .float64 else {
    let rule = ScoreRule(DistanceColumns(shift: T - 1), tables: [columns])
    return attention(
      content, keys, values, scale: scale, mask: .causal & mask, rule: rule, probe: probe)
  }
  // What is ahead is masked: any column will do.
  let rows = (0..<T * S).map { min(S - 1, $0 % S - $0 / S + T - 1) }
  return attention(
    content, keys, values, scale: scale, mask: .causal & mask,
    bias: columns.takingColumns(rows, count: S), probe: probe)
}

extension Tensor {
  /// For each row t of `[B, H, T, K]` the columns `indices[t * count ..< (t + 1) * count]`.
  fileprivate func takingColumns(_ indices: [Int], count: Int) -> Tensor {
    let (B, H, T, K) = (shape[0], shape[1], shape[2], shape[3])
    let places = indices.enumerated().map { $0.offset / count * K + $0.element }
    return transposed(permutation: [2, 3, 0, 1]).reshaped(to: [T * K, B * H])
      .gathered(atIndices: places)  // [T * count, B * H]
      .reshaped(to: [T, count, B, H]).transposed(permutation: [2, 3, 0, 1])
  }

  /// The reverse: the columns of each row of `[B, H, T, S]` added up at `indices` of `count`.
  fileprivate func addingColumns(_ indices: [Int], count: Int) -> Tensor {
    let (B, H, T, S) = (shape[0], shape[1], shape[2], shape[3])
    let places = indices.enumerated().map { $0.offset / S * count + $0.element }
    return transposed(permutation: [2, 3, 0, 1]).reshaped(to: [T * S, B * H])
      .scatterAdded(at: places, in: [T * count, B * H])
      .reshaped(to: [T, count, B, H]).transposed(permutation: [2, 3, 0, 1])
  }
}
