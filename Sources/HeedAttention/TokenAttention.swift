import CHeedKernels
package import HeedTensor
package import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Attention of one query of each head, a token that is being generated, over what a cache holds: the plain
/// case (every key is seen, scores are as they come) between buffers, with the bits of `attention(_:_:)`.
///
/// The general attention asks what a mask shows, plans tiles and makes tensors; for one row that takes longer
/// than the products.
package struct TokenAttention: Sendable, BitwiseCopyable {
  private let groups: Int
  /// Query heads of one key/value head.
  private let groupSize: Int
  private let width: Int
  private let valueWidth: Int
  private let scale: Float
  /// What is read after it.
  package var next: ReadAhead?

  /// - Parameter scale: factor on the products; `1/sqrt(D)` when nil.
  package init(heads: Int, groups: Int, width: Int, valueWidth: Int, scale: Float?) {
    self.groups = groups
    groupSize = heads / groups
    self.width = width
    self.valueWidth = valueWidth
    self.scale = scale ?? 1 / Float(max(width, 1)).squareRoot()
  }

  /// Whether this is all there is to the attention over some rows: they are one split, all within the
  /// window, and few heads share a key.
  package func covers(_ rows: CachedRows, window: Int?) -> Bool {
    rows.count <= min(AttentionPlan.splitKeys, window ?? .max)
      && groupSize <= TileProducts.fewRows && scale > 0
  }

  /// Bytes of working memory of a thread.
  package var byteCount: Int { 4 * places.end }

  /// Working memory for one key/value head of one token: queries, scores, weights, panels of keys, rows of
  /// values, and three numbers for each row.
  private var places: (scores: Int, weights: Int, keys: Int, values: Int, sums: Int, end: Int) {
    let block = AttentionPlan.blockKeys
    func rounded(_ floats: Int) -> Int { (floats + 15) / 16 * 16 }
    let scores = rounded(width * groupSize)
    let weights = scores + rounded(groupSize * block + 32)
    let keys = weights + rounded(groupSize * block / 2 + 32)
    let values = keys + rounded((width + 1) / 2 * block)
    let sums = values + rounded(block / 2 * valueWidth)
    return (scores, weights, keys, values, sums, sums + rounded(3 * groupSize))
  }

  /// The context of each token, shared by threads.
  ///
  /// - Parameters:
  ///   - queries: `[rows][H * D]`, `stride` floats from one token to the next.
  ///   - seen: what each token sees, `[rows]`.
  ///   - precision: of products where keys are float32; where they are bfloat16 it is that.
  ///   - memory: `byteCount` bytes of the thread's own, aligned to 64.
  ///   - prepare: called before a key/value head of a token is attended to, by the thread that does it: what
  ///     is still to be done to its queries, and to the key and value of the token.
  ///   - follower: a product that reads the contexts.
  ///   - isBroken: becomes true where a number came out that is not finite: who may see its origin is then
  ///     another question, which the general attention answers.
  ///   - context: `[rows, H * Dv]`.
  /// - Precondition: `covers` all that is seen.
  package func callAsFunction(
    queries: UnsafePointer<Float>, stride: Int, seen: UnsafePointer<CachedRows>, rows: Int,
    precision: ProductPrecision, memory: UnsafeMutableRawPointer,
    prepare: (_ row: Int, _ group: Int) -> Void, follower: RowProduct.Follower?,
    isBroken: UnsafeMutablePointer<Atomic<Bool>>, by member: inout ThreadTeam.Member,
    to context: UnsafeMutablePointer<Float>
  ) {
    let keyCount = (0..<rows).reduce(0) { max($0, seen[$1].count) }
    let work = rows * groups * max(groupSize, 4) * keyCount * (width + valueWidth)
    let partWidth = groupSize * valueWidth
    // One that is alone has the pool share, whose threads each need memory of their own.
    let step = member.isAlone ? byteCount : 0
    let storage = member.isAlone ? Storage(byteCount: rows * groups * byteCount) : nil
    let memory = storage?.base ?? memory
    // A thread looks at the same heads in each step.
    member.share(rows * groups, work: 4 * work, ahead: next) { part in
      let (row, group) = part.quotientAndRemainder(dividingBy: groups)
      // The next head's too: a thread that has this one goes on there.
      for head in group..<min(group + 2, groups) { seen[row].ask(head) }
      prepare(row, group)
      let place = context + (row * groups + group) * partWidth
      attend(
        queries + row * stride + group * groupSize * width, seen[row], group,
        precision == .bfloat16 || seen[row].keys.isHalf ? TileProducts.pairs : .floats,
        memory + part * step, place)
      if !Kernels.table.sum_of_squares_f32(partWidth, place).isFinite {
        isBroken.pointee.store(true, ordering: .relaxed)
      }
      follower?.load(
        context, rows: row..<row + 1, of: rows,
        columns: group * partWidth..<(group + 1) * partWidth)
    }
    withExtendedLifetime(storage) {}
  }

  /// The queries of one key/value head: an online softmax over blocks of keys.
  private func attend(
    _ queries: UnsafePointer<Float>, _ seen: CachedRows, _ group: Int, _ products: TileProducts,
    _ memory: UnsafeMutableRawPointer, _ context: UnsafeMutablePointer<Float>
  ) {
    let (m, places, keys, values) = (groupSize, places, seen.keys, seen.values)
    let floats = memory.assumingMemoryBound(to: Float.self)
    let (scores, maximum) = (floats + places.scores, floats + places.sums)
    let (sum, corrections) = (maximum + m, maximum + 2 * m)
    products.packLeft(m, width, queries, width, floats)
    maximum.update(repeating: -.infinity, count: m)
    sum.update(repeating: 0, count: m)
    let factor = scale * Float(M_LOG2E)
    for first in Swift.stride(from: 0, to: seen.count, by: AttentionPlan.blockKeys) {
      let n = min(AttentionPlan.blockKeys, seen.count - first)
      score(keys, group, first..<first + n, products, floats)
      var weights = scores
      if products.isPaired {
        weights = floats + places.weights
        products.kernels.softmax_step_bf16(
          m, n, scores, UnsafeMutableRawPointer(weights).assumingMemoryBound(to: UInt32.self),
          factor, maximum, sum, corrections)
      } else {
        products.kernels.softmax_step_f32(m, n, scores, factor, maximum, sum, corrections)
      }
      if first > 0 {
        products.kernels.scale_rows_f32(m, valueWidth, context, valueWidth, corrections)
      }
      add(values, group, first..<first + n, weights, products, floats, to: context)
    }
    for i in 0..<m { corrections[i] = sum[i] == 0 ? 0 : 1 / sum[i] }
    products.kernels.scale_rows_f32(m, valueWidth, context, valueWidth, corrections)
  }

  /// The scores of a block of keys, into the working memory.
  @inline(__always)
  private func score(
    _ keys: CachedHeads, _ group: Int, _ block: Range<Int>, _ products: TileProducts,
    _ floats: UnsafeMutablePointer<Float>
  ) {
    let (scores, words) = (floats + places.scores, products.words(width))
    let leftStride = products.left.stride(rows: groupSize, words: words)
    let rows = keys.row(group, block.lowerBound)
    if keys.isHalf == products.isPaired {
      return products.score(
        groupSize, block.count, words, floats, leftStride, keys: rows, words, scores,
        AttentionPlan.blockKeys)
    }
    let (panels, size) = (floats + places.keys, AttentionPlan.panelKeys)
    for key in Swift.stride(from: 0, to: block.count, by: size) {
      products.packTransposed(
        min(size, block.count - key), width, rows.assumingMemoryBound(to: Float.self) + key * width,
        width, panels + key * words, size)
    }
    products.multiplyPanels(
      groupSize, block.count, words, floats, leftStride, panels, scores, AttentionPlan.blockKeys)
  }

  /// Adds a block of values by its weights.
  @inline(__always)
  private func add(
    _ values: CachedHeads, _ group: Int, _ block: Range<Int>,
    _ weights: UnsafeMutablePointer<Float>, _ products: TileProducts,
    _ floats: UnsafeMutablePointer<Float>, to context: UnsafeMutablePointer<Float>
  ) {
    let rows = values.row(group, block.lowerBound)
    if values.isHalf {
      return products.kernels.add_values_u16(
        groupSize, valueWidth, block.count,
        UnsafeRawPointer(weights).assumingMemoryBound(to: UInt32.self),
        rows.assumingMemoryBound(to: UInt16.self), valueWidth, context, valueWidth,
        block.lowerBound > 0 ? 1 : 0)
    }
    var second = UnsafeMutablePointer(mutating: rows.assumingMemoryBound(to: Float.self))
    if products.isPaired {
      let pairs = floats + places.values
      products.packPairs(block.count, valueWidth, second, valueWidth, pairs, valueWidth)
      second = pairs
    }
    products.multiplyRows(
      groupSize, valueWidth, products.words(block.count), weights, second, valueWidth, context,
      valueWidth, accumulate: block.lowerBound > 0)
  }
}

extension TileProducts {
  fileprivate static let floats = TileProducts(.float32)
  fileprivate static let pairs = TileProducts(.bfloat16)
}
