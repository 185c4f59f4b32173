import HeedBlocks
import HeedTensor

/// What is before the first block of a decoder: a row for each token, learned positions, a norm.
struct TokenEmbedding: Sendable {
  /// `[V, E]`.
  let table: MatrixWeight
  private let spec: ModelSpec
  private let positionTable: Tensor?
  private let norm: Norm?

  init(_ spec: ModelSpec, _ weights: WeightLookup) {
    self.spec = spec
    table = weights.matrix("embedding.weight", nil)
    positionTable = spec.learnedPositionCount == nil ? nil : weights("positions.weight", nil)
    norm = spec.embeddingNorm.map { Norm($0, path: "embeddingNorm", layer: nil, weights) }
  }

  /// What the first block reads; `[B, T, E]`.
  ///
  /// - Parameters:
  ///   - ids: `[B][T]`.
  ///   - positions: `[T]` or `[B * T]`.
  func callAsFunction(_ ids: [[Int]], positions: [Int]) -> Tensor {
    let (B, T) = (ids.count, ids.first?.count ?? 0)
    // Rows leave the table in the type that they are kept in: the rest of it stays in the file.
    var x = table.gathered(atIndices: ids.flatMap { $0 })
      .reshaped(to: [B, T, spec.width])  // [B, T, E]
    if let scale = spec.embeddingScale { x = x * scale }
    if let positionTable {
      let rows = positionTable.gathered(
        atIndices: positions.map { $0 + spec.learnedPositionStart })
      x = x + rows.reshaped(to: [positions.count / max(T, 1), T, spec.width])
    }
    return norm?(x) ?? x
  }
}
