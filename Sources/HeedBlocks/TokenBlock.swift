package import HeedTensor

/// A block over a token of each of a few texts, between buffers.
package struct TokenBlock: @unchecked Sendable, BitwiseCopyable {
  private let isParallel: Bool
  private let sharedNorm: TokenNorm?
  /// One or more, of which the owners have the memory.
  private let branches: UnsafeMutableBufferPointer<Branch>
  private let layer: Int
  /// E.
  private let width: Int

  struct Branch: BitwiseCopyable {
    let input: TokenNorm?
    var operation: TokenOperation
    let output: TokenNorm?
    /// `[E]`.
    let gate: UnsafePointer<Float>?
    let after: TokenNorm?

    var ahead: ReadAhead { input?.ahead(of: operation.ahead) ?? operation.ahead }
  }

  init(
    layer: Int, width: Int, isParallel: Bool, sharedNorm: TokenNorm?, branches: [Branch],
    keeping owners: inout MemoryOwners
  ) {
    self.layer = layer
    self.width = width
    self.isParallel = isParallel
    self.sharedNorm = sharedNorm
    self.branches = owners.array(of: branches)
  }

  /// What its threads read first.
  package var ahead: ReadAhead {
    let weights = branches[0].ahead
    return isParallel ? sharedNorm?.ahead(of: weights) ?? weights : weights
  }

  /// Notes what is read after it.
  package func precede(_ next: ReadAhead) {
    for index in branches.indices {
      branches[index].operation.precede(
        index + 1 < branches.count ? branches[index + 1].ahead : next)
    }
  }

  /// Bytes of working memory for `rows` tokens, a thread's own or shared.
  package func byteCount(rows: Int) -> Int {
    let row = 4 * rows * width
    return TokenMemory.byteCount(row, row, row, row)
      + (branches.map { $0.operation.byteCount(rows: rows) }.max() ?? 0)
  }

  /// The place of `rows` tokens in it: makes room for them in the caches.
  ///
  /// - Parameter owners: of what the place refers to.
  package func place(
    rows: Int, context: inout BlockContext, keeping owners: inout TokenPlaces
  ) -> TokenPlace {
    for branch in branches {
      if case .attention(let attention) = branch.operation {
        return attention.place(
          rows: rows, layer: layer, context: &context, keeping: &owners)
      }
    }
    return TokenPlace()
  }

  /// Adds to `x`, `[rows, E]`, which each thread has for itself, what the block does.
  package func callAsFunction(
    _ x: UnsafeMutablePointer<Float>, at place: TokenPlace, _ thread: inout TokenThread,
    context: inout BlockContext
  ) {
    let rows = thread.rows
    let count = rows * width
    let memory = thread.memory
    defer { thread.memory = memory }
    let kept = thread.memory.floats(count)
    let input = thread.memory.floats(count)
    let result = thread.memory.floats(count, .shared)
    let changed = thread.memory.floats(count)
    if isParallel {
      // A copy where there is no norm: the sum grows in x while others read what it was.
      if let sharedNorm {
        sharedNorm(x, rows: rows, to: kept)
      } else {
        kept.update(from: x, count: count)
      }
    }
    for branch in branches {
      var read = UnsafePointer(isParallel ? kept : x)
      if let norm = branch.input {
        norm(read, rows: rows, to: input)
        read = UnsafePointer(input)
      }
      switch branch.operation {
      case .attention(let attention):
        attention(read, layer: layer, at: place, &thread, context: &context, to: result)
      case .feedForward(let feedForward): feedForward(read, &thread, to: result)
      }
      // Other threads read the result too.
      var added = result
      if let norm = branch.output {
        norm(added, rows: rows, to: changed)
        added = changed
      }
      if let gate = branch.gate {
        for row in 0..<rows {
          Float.multiply(width, added + row * width, gate, changed + row * width)
        }
        added = changed
      }
      Float.add(count, x, added, x)
      if !isParallel { branch.after?(x, rows: rows, to: x) }
    }
    if isParallel { for branch in branches { branch.after?(x, rows: rows, to: x) } }
  }
}
