import HeedBlocks
import HeedTensor

/// What is before the first block of a decoder: a row for each token, learned positions, a norm.
struct TokenEmbedding: Sendable {
  /// `[V, E]`.
  let table: MatrixWeight
  private let spec: ModelSpec
  /// Whether nothing but single rows of the table is read, as where the head is packed.
  private let isRowsAlone: Bool
  private let positionTable: Tensor?
  private let norm: Norm?

  init(_ spec: ModelSpec, _ weights: WeightLookup, isRowsAlone: Bool = false) {
    self.spec = spec
    self.isRowsAlone = isRowsAlone
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
    let indices = ids.flatMap { $0 }
    let rows =
      isRowsAlone
      ? table.gatheredFromFile(atIndices: indices) : table.gathered(atIndices: indices)
    var x = rows.reshaped(to: [B, T, spec.width])  // [B, T, E]
    if let scale = spec.embeddingScale { x = x * scale }
    if let positionTable {
      let rows = positionTable.gathered(
        atIndices: positions.map { $0 + spec.learnedPositionStart })
      x = x + rows.reshaped(to: [positions.count / max(T, 1), T, spec.width])
    }
    return norm?(x) ?? x
  }
}
