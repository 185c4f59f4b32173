package import HeedTensor

/// A block over a token of each of a few texts, between buffers.
package struct TokenBlock: Sendable {
  private let isParallel: Bool
  private let sharedNorm: TokenNorm?
  private var branches: [Branch]
  private let layer: Int
  /// E.
  private let width: Int

  struct Branch: Sendable {
    let input: TokenNorm?
    var operation: any TokenOperation
    let output: TokenNorm?
    /// `[E]`.
    let gate: Tensor?
    let after: TokenNorm?

    var ahead: ReadAhead { input?.ahead(of: operation.ahead) ?? operation.ahead }
  }

  init(layer: Int, width: Int, isParallel: Bool, sharedNorm: TokenNorm?, branches: [Branch]) {
    self.layer = layer
    self.width = width
    self.isParallel = isParallel
    self.sharedNorm = sharedNorm
    self.branches = branches
  }

  /// What its threads read first; there is at least one branch.
  package var ahead: ReadAhead {
    let weights = branches[0].ahead
    return isParallel ? sharedNorm?.ahead(of: weights) ?? weights : weights
  }

  /// Notes what is read after it.
  package mutating func precede(_ next: ReadAhead) {
    for index in branches.indices {
      branches[index].operation.precede(
        index + 1 < branches.count ? branches[index + 1].ahead : next)
    }
  }

  /// Bytes of working memory for `rows` tokens.
  package func byteCount(rows: Int) -> Int {
    let row = 4 * rows * width
    return TokenMemory.byteCount(row, row, row)
      + (branches.map { $0.operation.byteCount(rows: rows) }.max() ?? 0)
  }

  /// What the block adds to `x`, `[rows, E]`, in place.
  package func callAsFunction(
    _ x: UnsafeMutablePointer<Float>, rows: Int, context: inout BlockContext, memory: TokenMemory
  ) {
    var memory = memory
    let shared = memory.floats(rows * width)
    let input = memory.floats(rows * width)
    let result = memory.floats(rows * width)
    let count = rows * width
    if isParallel {
      // A copy where there is no norm: the sum grows in x while others read what it was.
      if let sharedNorm {
        sharedNorm(x, rows: rows, to: shared)
      } else {
        shared.update(from: x, count: count)
      }
    }
    for branch in branches {
      var read = UnsafePointer(isParallel ? shared : x)
      if let norm = branch.input {
        norm(read, rows: rows, to: input)
        read = UnsafePointer(input)
      }
      branch.operation(
        read, rows: rows, layer: layer, context: &context, memory: memory, to: result)
      branch.output?(result, rows: rows, to: result)
      if let gate = branch.gate {
        for row in 0..<rows {
          let row = result + row * width
          Float.multiply(width, row, gate.pointer(to: Float.self), row)
        }
      }
      Float.add(count, x, result, x)
      if !isParallel { branch.after?(x, rows: rows, to: x) }
    }
    if isParallel { for branch in branches { branch.after?(x, rows: rows, to: x) } }
  }
}
