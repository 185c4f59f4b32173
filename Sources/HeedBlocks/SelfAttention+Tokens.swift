import HeedAttention
import HeedTensor

/// Self-attention of a token of each of a few texts, between buffers.
struct TokenSelfAttention: TokenOperation {
  private let spec: SelfAttentionSpec
  /// One fused projection, or those of queries, keys and values.
  private var inputs: [RowProduct]
  private var output: RowProduct
  private let queryNorm: TokenNorm?
  private let keyNorm: TokenNorm?
  /// The attention where it is plain; nil where there is more to it.
  private var plain: TokenAttention?
  /// The operation on tensors, whose attention is asked for what is not plain.
  private let general: SelfAttention

  /// Nil where a weight is not packed.
  init?(
    _ general: SelfAttention, inputs: [Linear], output: Linear, queryNorm: Norm?, keyNorm: Norm?
  ) {
    let rows = inputs.compactMap(\.rows)
    guard rows.count == inputs.count, let output = output.rows else { return nil }
    spec = general.spec
    self.inputs = rows
    self.output = output
    self.general = general
    self.queryNorm = queryNorm.flatMap { TokenNorm($0) }
    self.keyNorm = keyNorm.flatMap { TokenNorm($0) }
    guard (self.queryNorm == nil) == (queryNorm == nil), (self.keyNorm == nil) == (keyNorm == nil)
    else { return nil }
    plain =
      spec.softCap == nil && spec.alibiSlopes == nil && !spec.hasSinks
      ? TokenAttention(
        heads: spec.headCount, groups: spec.keyValueHeadCount, width: spec.headWidth,
        valueWidth: spec.headWidth, scale: spec.scale) : nil
  }

  var ahead: ReadAhead { inputs[0].ahead }
  mutating func precede(_ next: ReadAhead) {
    inputs[inputs.count - 1].next = output.ahead
    plain?.next = output.ahead
    output.next = next
  }

  func byteCount(rows: Int) -> Int {
    let inputBytes = inputs.reduce(0) {
      $0 + TokenMemory.byteCount($1.inputByteCount(rows: rows), 4 * rows * $1.outputCount)
    }
    return inputBytes
      + TokenMemory.byteCount(
        4 * rows * spec.queryWidth, output.inputByteCount(rows: rows),
        plain?.byteCount(rows: rows) ?? 0)
  }

  func callAsFunction(
    _ x: UnsafePointer<Float>, rows: Int, layer: Int, context: inout BlockContext,
    memory: TokenMemory, to y: UnsafeMutablePointer<Float>
  ) {
    var memory = memory
    let (H, G, D) = (spec.headCount, spec.keyValueHeadCount, spec.headWidth)
    // [rows, (H + 2G) * D], or queries, keys and values apart.
    let projected = inputs.map { product in
      let y = memory.floats(rows * product.outputCount)
      product(
        product.input(x, rows: rows, memory: memory.bytes(product.inputByteCount(rows: rows))),
        rows: rows, to: y)
      return (first: y, stride: product.outputCount)
    }
    let (q, k, v) = (
      projected[0],
      inputs.count == 3 ? projected[1] : (projected[0].first + H * D, projected[0].stride),
      inputs.count == 3 ? projected[2] : (projected[0].first + (H + G) * D, projected[0].stride)
    )
    for row in 0..<rows {
      let (q, k) = (q.first + row * q.stride, k.0 + row * k.1)
      queryNorm?(q, rows: H, to: q)
      keyNorm?(k, rows: G, to: k)
    }
    if let rotary = spec.rotary { turn(q, k, rotary, rows, &context) }
    context.append(
      keys: k.0, values: v.0, stride: (k.1, v.1), rows: rows, layer: layer, groups: G, width: D)
    let merged = memory.floats(rows * H * D)
    attend(q, rows, layer, context, memory.bytes(plain?.byteCount(rows: rows) ?? 0), to: merged)
    output(
      output.input(merged, rows: rows, memory: memory.bytes(output.inputByteCount(rows: rows))),
      rows: rows, to: y)
  }

  private func turn(
    _ q: (first: UnsafeMutablePointer<Float>, stride: Int),
    _ k: (first: UnsafeMutablePointer<Float>, stride: Int), _ rotary: Rotary, _ rows: Int,
    _ context: inout BlockContext
  ) {
    let table = context.table(rotary, tokenCount: 1)
    // One position for all, or one for each.
    let step = context.positions.count == 1 ? 0 : rotary.width / 2
    for row in 0..<rows {
      rotary.turn(
        q.first + row * q.stride, heads: spec.headCount, headWidth: spec.headWidth,
        cosines: table.cosines, sines: table.sines, from: row * step)
      rotary.turn(
        k.first + row * k.stride, heads: spec.keyValueHeadCount, headWidth: spec.headWidth,
        cosines: table.cosines, sines: table.sines, from: row * step)
    }
  }

  /// The context of each token, `[rows, H * D]`.
  private func attend(
    _ q: (first: UnsafeMutablePointer<Float>, stride: Int), _ rows: Int, _ layer: Int,
    _ context: BlockContext, _ memory: UnsafeMutableRawPointer,
    to target: UnsafeMutablePointer<Float>
  ) {
    if let plain {
      let seen = context.cachedRows(rows, layer: layer)
      if seen.count == rows, seen.allSatisfy({ plain.covers($0, window: spec.window) }),
        plain(
          queries: q.first, stride: q.stride, seen: seen, precision: context.precision,
          memory: memory, to: target)
      {
        return
      }
    }
    let (H, D) = (spec.headCount, spec.headWidth)
    let queries = Tensor(uninitialized: [rows, H, 1, D])
    let place = queries.mutablePointer(to: Float.self)
    for row in 0..<rows {
      (place + row * H * D).update(from: q.first + row * q.stride, count: H * D)
    }
    let result = context.attended([queries], layer: layer, window: spec.window) {
      general.attended($0[0], $1, $2, precision: context.precision)
    }.dense()  // [rows, H, 1, D]
    target.update(from: result.pointer(to: Float.self), count: rows * H * D)
    withExtendedLifetime(result) {}
  }
}
