import HeedTensor

/// Which windows a training run learns from, and in which order.
public enum WindowOrder: String, Sendable, Hashable, CaseIterable {
  /// Windows that begin anywhere, each drawn alone: some tokens come often, some never.
  case drawn
  /// Pass after pass over all windows in an order of its own: in each pass a token comes once. Where
  /// windows begin is drawn for each pass, so that their edges lie elsewhere every time.
  case passes
}

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

  /// `size` windows of microbatch `microbatch` of `microbatchCount` in each step, in an order.
  public func batch(
    of size: Int, _ microbatch: Microbatch, microbatchCount: Int, order: WindowOrder
  ) -> Batch {
    if order == .drawn { return batch(of: size, microbatch) }
    let first = (microbatch.step * microbatchCount + microbatch.index) * size
    var pass: (number: Int, starts: [Int])?
    let places = (first..<first + size).map { window in
      let number = window / windowsOfPass
      if pass?.number != number { pass = (number, starts(ofPass: number, seed: microbatch.seed)) }
      return pass?.starts[window % windowsOfPass] ?? 0
    }
    return batch(places, length)
  }

  /// Windows of a pass: as many as fit wherever the first one begins in the first window.
  public var windowsOfPass: Int { max(1, (tokens.count - length) / length) }

  /// Where the windows of a pass begin, in its order (Durstenfeld 1964).
  private func starts(ofPass pass: Int, seed: UInt64) -> [Int] {
    var generator = Microbatch(seed: seed, step: pass, index: 0).passGenerator
    let slack = min(length, tokens.count - windowsOfPass * length)
    let offset = Int(truncatingIfNeeded: generator.next() % UInt64(slack))
    var starts = (0..<windowsOfPass).map { offset + $0 * length }
    for place in stride(from: starts.count - 1, to: 0, by: -1) {
      starts.swapAt(place, Int(truncatingIfNeeded: generator.next() % UInt64(place + 1)))
    }
    return starts
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
