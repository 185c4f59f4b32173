import HeedTensor

extension FeedForward {
  /// The layer between buffers; nil where a weight is not packed, or for a gate that is no activation.
  func tokens(keeping owners: inout MemoryOwners) -> TokenOperation? {
    guard let up = up.rows(keeping: &owners), let down = down.rows(keeping: &owners) else {
      return nil
    }
    var gateRows: RowProduct?
    switch spec.form {
    case .plain: break
    case .gated:
      guard let rows = gate?.rows(keeping: &owners) else { return nil }
      gateRows = rows
    case .clampedGate: return nil
    }
    return .feedForward(
      TokenFeedForward(gate: gateRows, up: up, down: down, activation: spec.activation))
  }
}

/// A feed-forward of a token of each of a few texts, between buffers.
struct TokenFeedForward: BitwiseCopyable {
  let gate: RowProduct?
  var up: RowProduct
  var down: RowProduct
  let activation: Activation

  var ahead: ReadAhead { gate.map { RowProduct.ahead(gate: $0, up: up) } ?? up.ahead }
  mutating func precede(_ next: ReadAhead) {
    up.next = down.ahead
    down.next = next
  }

  /// F.
  private var hiddenWidth: Int { up.outputCount }

  func byteCount(rows: Int) -> Int {
    let hidden = 4 * rows * hiddenWidth
    return TokenMemory.byteCount(
      hidden, gate == nil ? 0 : hidden, gate?.inputByteCount(rows: rows) ?? 0,
      up.inputByteCount(rows: rows), down.inputByteCount(rows: rows))
  }

  /// - Parameters:
  ///   - x: `[rows, E]`, the thread's own.
  ///   - y: `[rows, E]`, shared.
  func callAsFunction(
    _ x: UnsafePointer<Float>, _ thread: inout TokenThread, to y: UnsafeMutablePointer<Float>
  ) {
    let (rows, memory) = (thread.rows, thread.memory)
    defer { thread.memory = memory }
    let count = rows * hiddenWidth
    let hidden = thread.memory.floats(count, .shared)
    let read = up.input(x, rows: rows, memory: &thread.memory)
    let follower = RowProduct.Follower(
      down, memory: thread.memory.bytes(down.inputByteCount(rows: rows), .shared))
    guard let gate else {
      up(
        read, rows: rows, activation: activation, follower: follower, by: &thread.member,
        to: hidden)
      return down(follower.input(hidden), rows: rows, by: &thread.member, to: y)
    }
    if gate.readsLike(up), gate.outputCount == up.outputCount {
      let other = thread.memory.floats(count, .shared)
      RowProduct.gated(
        gate, up, activation: activation, read, rows: rows, other: other, follower: follower,
        by: &thread.member, to: hidden)
      return down(follower.input(hidden), rows: rows, by: &thread.member, to: y)
    }
    let other = thread.memory.floats(count, .shared)
    gate(
      gate.input(x, rows: rows, memory: &thread.memory), rows: rows, activation: activation,
      by: &thread.member, to: hidden)
    up(read, rows: rows, by: &thread.member, to: other)
    thread.member.share(1) { _ in
      Float.multiply(count, hidden, other, hidden)
      follower.load(hidden, rows: 0..<rows, of: rows, columns: 0..<down.inputCount)
    }
    down(follower.input(hidden), rows: rows, by: &thread.member, to: y)
  }
}

extension RowProduct {
  /// Rows of floats as the product reads them, in memory of the thread's own.
  func input(
    _ x: UnsafePointer<Float>, rows: Int, memory: inout TokenMemory
  ) -> UnsafeRawPointer {
    input(x, rows: rows, memory: memory.bytes(inputByteCount(rows: rows)))
  }
}
