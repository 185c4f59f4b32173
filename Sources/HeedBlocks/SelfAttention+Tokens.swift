import HeedAttention
import HeedTensor
import Synchronization

extension SelfAttention {
  /// The attention between buffers; nil where a weight is not packed.
  func tokens(keeping owners: inout MemoryOwners) -> TokenOperation? {
    TokenSelfAttention(
      self, inputs: inputs, output: output, queryNorm: queryNorm, keyNorm: keyNorm,
      keeping: &owners
    ).map { .attention($0) }
  }
}

/// The operation on tensors, whose attention is asked for what is not plain.
final class GeneralAttention: Sendable {
  let attention: SelfAttention

  init(_ attention: SelfAttention) { self.attention = attention }
}

/// Self-attention of a token of each of a few texts, between buffers.
struct TokenSelfAttention: BitwiseCopyable {
  /// H, G and D.
  private let heads: Int
  private let groups: Int
  private let headWidth: Int
  private let window: Int?
  private let turn: RotaryTurn?
  /// One fused projection, or those of queries, keys and values.
  private var query: RowProduct
  private var keyAndValue: (RowProduct, RowProduct)?
  private var output: RowProduct
  private let queryNorm: TokenNorm?
  private let keyNorm: TokenNorm?
  /// The attention where it is plain; nil where there is more to it.
  private var plain: TokenAttention?
  private let general: Unmanaged<GeneralAttention>

  /// Nil where a weight is not packed.
  init?(
    _ general: SelfAttention, inputs: [Linear], output: Linear, queryNorm: Norm?, keyNorm: Norm?,
    keeping owners: inout MemoryOwners
  ) {
    let spec = general.spec
    let rows = inputs.compactMap { $0.rows(keeping: &owners) }
    guard rows.count == inputs.count, rows.count == 1 || rows.count == 3,
      let output = output.rows(keeping: &owners)
    else { return nil }
    (heads, groups) = (spec.headCount, spec.keyValueHeadCount)
    headWidth = spec.headWidth
    window = spec.window
    turn = spec.rotary?.turn
    query = rows[0]
    keyAndValue = rows.count == 3 ? (rows[1], rows[2]) : nil
    self.output = output
    self.general = owners.keep(GeneralAttention(general))
    self.queryNorm = queryNorm.flatMap { TokenNorm($0, keeping: &owners) }
    self.keyNorm = keyNorm.flatMap { TokenNorm($0, keeping: &owners) }
    guard (self.queryNorm == nil) == (queryNorm == nil), (self.keyNorm == nil) == (keyNorm == nil)
    else { return nil }
    plain =
      spec.softCap == nil && spec.alibiSlopes == nil && !spec.hasSinks
      ? TokenAttention(
        heads: spec.headCount, groups: spec.keyValueHeadCount, width: spec.headWidth,
        valueWidth: spec.headWidth, scale: spec.scale) : nil
  }

  var ahead: ReadAhead { query.ahead }
  mutating func precede(_ next: ReadAhead) {
    if keyAndValue == nil { query.next = output.ahead } else { keyAndValue?.1.next = output.ahead }
    plain?.next = output.ahead
    output.next = next
  }

  func byteCount(rows: Int) -> Int {
    func bytes(_ product: RowProduct) -> Int {
      TokenMemory.byteCount(product.inputByteCount(rows: rows), 4 * rows * product.outputCount)
    }
    return bytes(query) + (keyAndValue.map { bytes($0) + bytes($1) } ?? 0)
      + TokenMemory.byteCount(
        4 * rows * heads * headWidth, output.inputByteCount(rows: rows),
        output.inputByteCount(rows: rows), plain?.byteCount ?? 0, 64)
  }

  /// Makes room for a key and a value of each token.
  func place(
    rows: Int, layer: Int, context: inout BlockContext, keeping owners: inout TokenPlaces
  ) -> TokenPlace {
    var place = TokenPlace()
    if let rotary = general.takeUnretainedValue().attention.spec.rotary {
      owners.addAngles(of: context.table(rotary, tokenCount: 1), to: &place)
      // One position for all tokens, or one for each.
      place.angleStep = context.positions.count == 1 ? 0 : rotary.width / 2
    }
    let seen = owners.rows(rows)
    let isClaimed = context.claimRows(
      rows, layer: layer, groups: groups, width: headWidth, to: seen)
    place.seen = isClaimed ? UnsafePointer(seen) : nil
    place.isPlain =
      isClaimed
      && plain.map { plain in (0..<rows).allSatisfy { plain.covers(seen[$0], window: window) } }
        ?? false
    return place
  }

  /// Rows of floats, some of them the numbers of a token.
  private typealias Rows = (first: UnsafeMutablePointer<Float>, stride: Int)

  /// - Parameters:
  ///   - x: `[rows, E]`, the thread's own.
  ///   - y: `[rows, E]`, shared.
  func callAsFunction(
    _ x: UnsafePointer<Float>, layer: Int, at place: TokenPlace, _ thread: inout TokenThread,
    context: inout BlockContext, to y: UnsafeMutablePointer<Float>
  ) {
    let (rows, memory, precision) = (thread.rows, thread.memory, thread.precision)
    defer { thread.memory = memory }
    let isBroken = thread.memory.bytes(64, .shared)
      .assumingMemoryBound(to: Atomic<Bool>.self)
    if thread.member.index == 0 { isBroken.initialize(to: Atomic(false)) }
    let (q, k, v) = project(x, &thread)
    func prepareHead(row: Int, group: Int) { prepare(row, group, q, k, v, at: place) }
    let merged = thread.memory.floats(rows * heads * headWidth, .shared)
    let follower = RowProduct.Follower(
      output, memory: thread.memory.bytes(output.inputByteCount(rows: rows), .shared))
    if let plain, place.isPlain, let seen = place.seen {
      let isFollowed = follower.takesParts(ofWidth: heads / groups * headWidth)
      plain(
        queries: q.first, stride: q.stride, seen: seen, rows: rows, precision: precision,
        memory: thread.memory.bytes(plain.byteCount), prepare: prepareHead,
        follower: isFollowed ? follower : nil, isBroken: isBroken, by: &thread.member, to: merged)
      if isBroken.pointee.load(ordering: .relaxed) {
        thread.member.share(1) { [context] _ in attend(q, rows, layer, context, to: merged) }
      } else if isFollowed {
        return output(follower.input(merged), rows: rows, by: &thread.member, to: y)
      }
    } else {
      // One thread alone: what it asks shares its work itself.
      for row in 0..<rows { for group in 0..<groups { prepareHead(row: row, group: group) } }
      if place.seen == nil {
        context.append(keys: tensor(k, rows), values: tensor(v, rows), layer: layer)
      }
      attend(q, rows, layer, context, to: merged)
    }
    output(
      output.input(merged, rows: rows, memory: &thread.memory), rows: rows, by: &thread.member,
      to: y)
  }

  /// Queries, keys and values of each token.
  @inline(__always)
  private func project(
    _ x: UnsafePointer<Float>, _ thread: inout TokenThread
  ) -> (Rows, Rows, Rows) {
    let rows = thread.rows
    func result(of product: RowProduct) -> Rows {
      let y = thread.memory.floats(rows * product.outputCount, .shared)
      product(
        product.input(x, rows: rows, memory: &thread.memory), rows: rows, by: &thread.member,
        to: y)
      return (y, product.outputCount)
    }
    let q = result(of: query)
    if let (key, value) = keyAndValue { return (q, result(of: key), result(of: value)) }
    // [rows, (H + 2G) * D]
    return (
      q, (q.first + heads * headWidth, q.stride), (q.first + (heads + groups) * headWidth, q.stride)
    )
  }

  /// Norms and angles of a key/value head and its queries, and their row of the cache.
  @inline(__always)
  private func prepare(
    _ row: Int, _ group: Int, _ queries: Rows, _ keys: Rows, _ values: Rows, at place: TokenPlace
  ) {
    let (size, D) = (heads / groups, headWidth)
    let q = queries.first + row * queries.stride + group * size * D
    let (k, v) = (keys.first + row * keys.stride, values.first + row * values.stride)
    queryNorm?(q, rows: size, to: q)
    keyNorm?(k + group * D, rows: 1, to: k + group * D)
    if let turn, let cosines = place.cosines, let sines = place.sines {
      let (c, s) = (cosines + row * place.angleStep, sines + row * place.angleStep)
      turn(q, heads: size, headWidth: D, cosines: c, sines: s)
      turn(k + group * D, heads: 1, headWidth: D, cosines: c, sines: s)
    }
    place.seen?[row].writeLast(group, keys: k, values: v)
  }

  /// Keys or values of each token, `[rows, G, 1, D]`.
  private func tensor(_ source: Rows, _ rows: Int) -> Tensor {
    copied(source, rows, [rows, groups, 1, headWidth])
  }

  private func copied(_ source: Rows, _ rows: Int, _ shape: [Int]) -> Tensor {
    let result = Tensor(uninitialized: shape)
    let (target, width) = (result.mutablePointer(to: Float.self), result.count / rows)
    for row in 0..<rows {
      (target + row * width).update(from: source.first + row * source.stride, count: width)
    }
    return result
  }

  /// The context of each token by the general attention, `[rows, H * D]`.
  private func attend(
    _ q: Rows, _ rows: Int, _ layer: Int, _ context: BlockContext,
    to target: UnsafeMutablePointer<Float>
  ) {
    let general = general.takeUnretainedValue().attention
    let queries = copied(q, rows, [rows, heads, 1, headWidth])
    let result = context.attended([queries], layer: layer, window: window) {
      general.attended($0[0], $1, $2, precision: context.precision)
    }.dense()  // [rows, H, 1, D]
    target.update(from: result.pointer(to: Float.self), count: rows * heads * headWidth)
    withExtendedLifetime(result) {}
  }
}
