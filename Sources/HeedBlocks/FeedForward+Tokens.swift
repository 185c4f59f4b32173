import HeedTensor

extension FeedForward {
  /// The layer between buffers; nil where a weight is not packed, or for a gate that is no activation.
  func tokens() -> (any TokenOperation)? {
    guard let up = up.rows, let down = down.rows else { return nil }
    switch spec.form {
    case .plain: return TokenFeedForward(gate: nil, up: up, down: down, activation: spec.activation)
    case .gated:
      guard let gate = gate?.rows else { return nil }
      return TokenFeedForward(gate: gate, up: up, down: down, activation: spec.activation)
    case .clampedGate: return nil
    }
  }
}

private struct TokenFeedForward: TokenOperation {
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

  func callAsFunction(
    _ x: UnsafePointer<Float>, rows: Int, layer: Int, context: inout BlockContext,
    memory: TokenMemory, to y: UnsafeMutablePointer<Float>
  ) {
    var memory = memory
    let count = rows * hiddenWidth
    let hidden = memory.floats(count)
    func input(of product: RowProduct, _ x: UnsafePointer<Float>) -> UnsafeRawPointer {
      product.input(
        x, rows: rows, memory: memory.bytes(product.inputByteCount(rows: rows)))
    }
    let read = input(of: up, x)
    let follower = RowProduct.Follower(
      down, memory: memory.bytes(down.inputByteCount(rows: rows)))
    guard let gate else {
      up(read, rows: rows, activation: activation, follower: follower, to: hidden)
      return down(follower.input(hidden), rows: rows, to: y)
    }
    let other = memory.floats(count)
    if gate.readsLike(up), gate.outputCount == up.outputCount {
      RowProduct.gated(
        gate, up, activation: activation, read, rows: rows, other: other, follower: follower,
        to: hidden)
      return down(follower.input(hidden), rows: rows, to: y)
    }
    gate(input(of: gate, x), rows: rows, activation: activation, to: hidden)
    up(read, rows: rows, to: other)
    Float.multiply(count, hidden, other, hidden)
    down(down.input(hidden, rows: rows, memory: follower.memory), rows: rows, to: y)
  }
}
