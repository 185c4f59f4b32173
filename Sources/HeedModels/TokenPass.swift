import HeedBlocks
import HeedTensor

/// The way of a generated token through a model: all blocks, the last norm and the head over a token of each
/// of a few texts, between buffers.
///
/// Each weight is read from memory once for a token, so what stands between two weights is time that memory
/// rests. The general pass makes some dozens of tensors for each block there; this one makes none, and
/// gives the same bits.
struct TokenPass: Sendable {
  private var blocks: [TokenBlock]
  private let finalNorm: TokenNorm?
  private var head: RowProduct
  /// E.
  private let width: Int
  /// Bytes of working memory for 1, 2, .. `RowProduct.mostRows` tokens.
  private let byteCounts: [Int]

  /// Nil where a part of the model has only the general way.
  init?(_ blocks: [Block], finalNorm: Norm?, head: Linear, width: Int) {
    let parts = blocks.compactMap { $0.tokens(width: width) }
    let norm = finalNorm.flatMap { TokenNorm($0) }
    guard parts.count == blocks.count, (norm == nil) == (finalNorm == nil), let head = head.rows
    else { return nil }
    self.blocks = parts
    self.finalNorm = norm
    self.head = head
    self.width = width
    byteCounts = (1...RowProduct.mostRows).map { rows in
      let most = parts.map { $0.byteCount(rows: rows) }.max() ?? 0
      return 4 * rows * width + 64 + max(most, head.inputByteCount(rows: rows))
    }
    for index in parts.indices {
      self.blocks[index].precede(
        index + 1 < parts.count
          ? parts[index + 1].ahead : norm?.ahead(of: head.ahead) ?? head.ahead)
    }
    if !parts.isEmpty { self.head.next = parts[0].ahead }
  }

  /// Logits `[B, 1, V]` for embedded tokens `[B, 1, E]`.
  ///
  /// - Precondition: there are caches, at most `RowProduct.mostRows` tokens, and nobody watches.
  func callAsFunction(_ embedded: Tensor, context: inout BlockContext) -> Tensor {
    let rows = embedded.shape[0]
    let count = rows * width
    let storage = Storage(byteCount: byteCounts[rows - 1])
    var memory = TokenMemory(storage.base)
    let x = memory.floats(count)
    let source = embedded.converted(to: .float32).dense()
    x.update(from: source.pointer(to: Float.self), count: count)
    for block in blocks { block(x, rows: rows, context: &context, memory: memory) }
    finalNorm?(x, rows: rows, to: x)
    let logits = Tensor(uninitialized: [rows, 1, head.outputCount])
    head(
      head.input(x, rows: rows, memory: memory.bytes(head.inputByteCount(rows: rows))),
      rows: rows, to: logits.mutablePointer(to: Float.self))
    withExtendedLifetime((storage, source)) {}
    return logits
  }
}
