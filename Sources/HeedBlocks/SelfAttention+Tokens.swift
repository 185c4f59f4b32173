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
    let table = spec.rotary.map { context.table($0, tokenCount: 1) }
    // One position for all tokens, or one for each.
    let step = context.positions.count == 1 ? 0 : (spec.rotary?.width ?? 0) / 2
    let seen = context.claimedRows(rows, layer: layer, groups: G, width: D)
    /// Norms and angles of a key/value head and its queries, and the row of the cache.
    func prepare(row: Int, group: Int) {
      let size = H / G
      let (q, k) = (q.first + row * q.stride + group * size * D, k.0 + row * k.1 + group * D)
      queryNorm?(q, rows: size, to: q)
      keyNorm?(k, rows: 1, to: k)
      if let rotary = spec.rotary, let table {
        rotary.turn(
          q, heads: size, headWidth: D, cosines: table.cosines, sines: table.sines,
          from: row * step)
        rotary.turn(
          k, heads: 1, headWidth: D, cosines: table.cosines, sines: table.sines, from: row * step)
      }
      if !seen.isEmpty {
        seen[row].writeLast(group, keys: k - group * D, values: v.0 + row * v.1)
      }
    }
    let merged = memory.floats(rows * H * D)
    let follower = RowProduct.Follower(
      output, memory: memory.bytes(output.inputByteCount(rows: rows)))
    if let plain, !seen.isEmpty, seen.allSatisfy({ plain.covers($0, window: spec.window) }) {
      let isFollowed = follower.takesParts(ofWidth: H / G * D)
      let isDone = plain(
        queries: q.first, stride: q.stride, seen: seen, precision: context.precision,
        memory: memory.bytes(plain.byteCount(rows: rows)), prepare: prepare,
        follower: isFollowed ? follower : nil, to: merged)
      if isDone, isFollowed { return output(follower.input(merged), rows: rows, to: y) }
      if !isDone { attend(q, rows, layer, context, to: merged) }
    } else {
      for row in 0..<rows { for group in 0..<G { prepare(row: row, group: group) } }
      if seen.isEmpty {
        context.append(
          keys: tensor(k, rows), values: tensor(v, rows), layer: layer)
      }
      attend(q, rows, layer, context, to: merged)
    }
    output(output.input(merged, rows: rows, memory: follower.memory), rows: rows, to: y)
  }

  /// Keys or values of each token, `[rows, G, 1, D]`.
  private func tensor(
    _ source: (first: UnsafeMutablePointer<Float>, stride: Int), _ rows: Int
  ) -> Tensor {
    let (G, D) = (spec.keyValueHeadCount, spec.headWidth)
    return copied(source, rows, [rows, G, 1, D])
  }

  private func copied(
    _ source: (first: UnsafeMutablePointer<Float>, stride: Int), _ rows: Int, _ shape: [Int]
  ) -> Tensor {
    let result = Tensor(uninitialized: shape)
    let (target, width) = (result.mutablePointer(to: Float.self), result.count / rows)
    for row in 0..<rows {
      (target + row * width).update(from: source.first + row * source.stride, count: width)
    }
    return result
  }

  /// The context of each token by the general attention, `[rows, H * D]`.
  private func attend(
    _ q: (first: UnsafeMutablePointer<Float>, stride: Int), _ rows: Int, _ layer: Int,
    _ context: BlockContext, to target: UnsafeMutablePointer<Float>
  ) {
    let (H, D) = (spec.headCount, spec.headWidth)
    let queries = copied(q, rows, [rows, H, 1, D])
    let result = context.attended([queries], layer: layer, window: spec.window) {
      general.attended($0[0], $1, $2, precision: context.precision)
    }.dense()  // [rows, H, 1, D]
    target.update(from: result.pointer(to: Float.self), count: rows * H * D)
    withExtendedLifetime(result) {}
  }
}
