import HeedBlocks
import HeedTensor

/// The way of a generated token through a model: all blocks, the last norm and the head over a token of each
/// of a few texts, between buffers.
///
/// Each weight is read from memory once for a token, so what stands between two weights is time that memory
/// rests. The general pass makes some dozens of tensors for each block there; this one makes none, threads
/// go through it side by side, and it gives the same bits.
struct TokenPass: Sendable {
  private let blocks: UnsafeBlocks
  private let finalNorm: TokenNorm?
  private let head: RowProduct
  /// E.
  private let width: Int
  /// Bytes of working memory for 1, 2, .. `RowProduct.mostRows` tokens, a thread's own or shared.
  private let byteCounts: [Int]
  private let owners: MemoryOwners

  /// In memory that `owners` keep.
  private struct UnsafeBlocks: @unchecked Sendable {
    let buffer: UnsafeMutableBufferPointer<TokenBlock>
  }

  /// Nil where a part of the model has only the general way.
  init?(_ blocks: [Block], finalNorm: Norm?, head: Linear, width: Int) {
    var owners = MemoryOwners()
    let parts = blocks.compactMap { $0.tokens(width: width, keeping: &owners) }
    let norm = finalNorm.flatMap { TokenNorm($0, keeping: &owners) }
    guard parts.count == blocks.count, (norm == nil) == (finalNorm == nil),
      var head = head.rows(keeping: &owners)
    else { return nil }
    for index in parts.indices {
      parts[index].precede(
        index + 1 < parts.count
          ? parts[index + 1].ahead : norm?.ahead(of: head.ahead) ?? head.ahead)
    }
    head.next = parts.first?.ahead
    byteCounts = (1...RowProduct.mostRows).map { rows in
      let most = parts.map { $0.byteCount(rows: rows) }.max() ?? 0
      return 4 * rows * width + 64 + max(most, head.inputByteCount(rows: rows))
    }
    self.blocks = UnsafeBlocks(buffer: owners.array(of: parts))
    self.finalNorm = norm
    self.head = head
    self.width = width
    self.owners = owners
  }

  /// Logits `[B, 1, V]` for embedded tokens `[B, 1, E]`.
  ///
  /// - Precondition: there are caches, at most `RowProduct.mostRows` tokens, and nobody watches.
  func callAsFunction(_ embedded: Tensor, context: inout BlockContext) -> Tensor {
    let rows = embedded.shape[0]
    let source = embedded.converted(to: .float32).dense()
    let logits = Tensor(uninitialized: [rows, 1, head.outputCount])
    let (x, y) = (source.pointer(to: Float.self), logits.mutablePointer(to: Float.self))
    var owners = TokenPlaces()
    let places = blocks.buffer.map {
      $0.place(rows: rows, context: &context, keeping: &owners)
    }
    // A line more, so that what threads have does not stand at the same place of all pages.
    let bytes = (byteCounts[rows - 1] + 255) & ~63
    if places.allSatisfy(\.isPlain) {
      let storage = Storage(byteCount: (ThreadPool.threadCount + 1) * bytes)
      places.withUnsafeBufferPointer { places in
        ThreadPool.shared.together(ahead: head.next) { [context] member in
          var context = context
          run(
            x, rows, places, member, &context,
            TokenMemory(own: storage.base + (member.index + 1) * bytes, shared: storage.base), y)
        }
      }
      withExtendedLifetime(storage) {}
    } else {
      let storage = Storage(byteCount: 2 * bytes)
      places.withUnsafeBufferPointer { places in
        run(
          x, rows, places, .alone, &context,
          TokenMemory(own: storage.base + bytes, shared: storage.base), y)
      }
      withExtendedLifetime(storage) {}
    }
    withExtendedLifetime((source, self.owners)) {}
    withExtendedLifetime(owners) {}
    return logits
  }

  /// What one thread does.
  private func run(
    _ embedded: UnsafePointer<Float>, _ rows: Int, _ places: UnsafeBufferPointer<TokenPlace>,
    _ member: ThreadTeam.Member, _ context: inout BlockContext, _ memory: TokenMemory,
    _ logits: UnsafeMutablePointer<Float>
  ) {
    var thread = TokenThread(
      member: member, rows: rows, precision: context.precision, memory: memory)
    let x = thread.memory.floats(rows * width)
    x.update(from: embedded, count: rows * width)
    for (block, place) in zip(blocks.buffer, places) {
      block(x, at: place, &thread, context: &context)
    }
    finalNorm?(x, rows: rows, to: x)
    let input = head.input(
      x, rows: rows, memory: thread.memory.bytes(head.inputByteCount(rows: rows)))
    head(input, rows: rows, by: &thread.member, to: logits)
  }
}
