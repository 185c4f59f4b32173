import HeedTensor

/// A long row of tokens from which a language model learns windows.
public struct TokenWindows: Sendable {
  /// The tokens.
  public let tokens: [Int]
  /// T, the length of a window.
  public let length: Int

  /// Inputs and the tokens that follow each of them, `[B][T]` both.
  public struct Batch: Sendable, Hashable {
    /// What the model reads.
    public let inputs: [[Int]]
    /// What comes next at each place.
    public let targets: [[Int]]
    /// Predicted tokens.
    public var count: Int { targets.reduce(0) { $0 + $1.count } }

    /// A batch of given rows.
    public init(inputs: [[Int]], targets: [[Int]]) {
      self.inputs = inputs
      self.targets = targets
    }
  }

  /// Windows of `length` tokens.
  ///
  /// - Precondition: there are more tokens than one window has.
  public init(_ tokens: [Int], length: Int) {
    precondition(
      length > 0 && tokens.count > length,
      "TokenWindows: \(tokens.count) tokens for windows of \(length)")
    self.tokens = tokens
    self.length = length
  }

  /// `size` windows that begin anywhere, drawn by the generator of `microbatch`.
  public func batch(of size: Int, _ microbatch: Microbatch) -> Batch {
    var generator = microbatch.generator
    let starts: [Int64] = generator.integers([size], in: 0..<tokens.count - length).elements()
    return batch(starts.map { Int($0) }, length)
  }

  /// Every token but the first, predicted once: windows one after the other, `size` in a batch, and
  /// the shorter last one alone.
  public func inOrder(batchesOf size: Int) -> [Batch] {
    let starts = Array(stride(from: 0, through: tokens.count - 1 - length, by: length))
    var batches = stride(from: 0, to: starts.count, by: size).map { first in
      batch(Array(starts[first..<min(first + size, starts.count)]), length)
    }
    let end = (starts.last ?? 0) + length
    if end < tokens.count - 1 { batches.append(batch([end], tokens.count - 1 - end)) }
    return batches
  }

  private func batch(_ starts: [Int], _ length: Int) -> Batch {
    Batch(
      inputs: starts.map { Array(tokens[$0..<$0 + length]) },
      targets: starts.map { Array(tokens[$0 + 1...$0 + length]) })
  }
}
