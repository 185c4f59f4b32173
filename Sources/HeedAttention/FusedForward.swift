import CHeedKernels
import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The fused attention, forward: tile by tile, an online softmax, no matrix of weights.
///
/// For a tile of up to 64 rows and blocks of 128 keys: scores = Q K^T in the first cache, changed
/// and masked there, one step of the softmax, and the context grows by P V. Extra memory is one
/// scratch for each thread and the packed keys: O(T), not O(T^2).
///
/// Sources: Milakov & Gimelshein 2018 (arXiv 1805.02867); Rabe & Staats 2021 (arXiv 2112.05682);
/// Dao et al. 2022 (arXiv 2205.14135). Splits of the keys as in Flash-Decoding (Dao et al. 2023).
struct FusedForward {
  let plan: AttentionPlan
  let queries: HeadRows
  let source: KeyValueSource
  /// `[B, H, T, Dv]`, float32; heads and tokens in the order of those of the queries, unless it is
  /// rounded.
  let output: Tensor
  /// The output in bfloat16, where queries are, in their order.
  private let rounded: Tensor?
  /// Log-sum-exp of each row, in units of log2; `[B, H, T]`.
  let logSumExp: Tensor
  /// Rows that only look empty.
  let absorbed: AbsorbedRows?

  init(
    _ plan: AttentionPlan, queries: Tensor, keys: Tensor, values: Tensor,
    stored: StoredKeyValues? = nil
  ) {
    self.plan = plan
    absorbed = AbsorbedRows(plan)
    self.queries = HeadRows(queries, groupSize: plan.groupSize, precision: plan.precision)
    source = KeyValueSource(
      plan, keys: keys, values: values, stored: stored,
      packed: plan.rowCount > plan.tileRows)
    let shape = [plan.batch, plan.heads, plan.queryCount, plan.valueWidth]
    let isHalf = queries.elementType == .bfloat16
    rounded = isHalf ? .rows(shape, .bfloat16, like: queries) : nil
    output = isHalf ? Tensor(uninitialized: shape) : .rows(shape, .float32, like: queries)
    logSumExp = Tensor(uninitialized: [plan.batch, plan.heads, plan.queryCount], .float32)
  }

  /// What the backward needs; the packed keys and values are not among it.
  struct Kept: Sendable {
    let queries: HeadRows
    let output: Tensor
    let logSumExp: Tensor
    let absorbed: AbsorbedRows?
  }

  var kept: Kept {
    Kept(queries: queries, output: output, logSumExp: logSumExp, absorbed: absorbed)
  }

  /// The result, once it was computed, in the type of the queries.
  func result(_ elementType: ElementType) -> Tensor {
    rounded ?? output.converted(to: elementType)
  }

  /// Fills `output` and `logSumExp`.
  func run() {
    let rowCount = plan.rowCount
    guard rowCount > 0, plan.batch > 0 else { return }
    // Short masked sequences waste less of the diagonal with narrower tiles.
    let isNarrow = plan.queryCount <= 256 && rowCount > 32 && plan.isMasked
    let tile = isNarrow ? 32 : plan.tileRows
    let tiles = (rowCount + tile - 1) / tile
    let heads = plan.batch * plan.groups
    let splits = splitCount
    if heads * tiles < 2 * ThreadPool.threadCount && splits > 1 {
      return runSplits(tile: tile, tiles: tiles, splits: splits)
    }
    // Reading and turning keys costs as much as some rows of products.
    let work = heads * max(rowCount, 4) * plan.keyCount * (plan.width + plan.valueWidth)
    // When decoding, a thread looks at the same heads in each step.
    let order: ThreadPool.Order = rowCount <= 8 ? .runs : .next
    // Small tiles share a scratch.
    let together = max(
      1, min(heads * tiles / (2 * ThreadPool.threadCount), heads * tiles * (1 << 18) / max(1, work))
    )
    ThreadPool.shared.parallel(
      (heads * tiles + together - 1) / together, work: work, order: order
    ) { group in
      let scratch = ForwardScratch(plan, rows: min(tile, rowCount))
      for part in group * together..<min((group + 1) * together, heads * tiles) {
        // One head after the other, so that threads share its keys in the last cache; in each, the
        // last rows first: they see most under a causal mask, and short parts even out the end.
        let first = (tiles - 1 - part % tiles) * tile
        run(
          ScoreTile(plan, rows: first..<min(first + tile, rowCount), index: part / tiles), scratch)
      }
    }
  }

  /// The rows of one tile, over all keys.
  private func run(_ scores: ScoreTile, _ scratch: ForwardScratch) {
    let total =
      output.isDense
      ? scratch.total.writing(to: place(of: scores.rows, index: scores.index)) : scratch.total
    var sums: PartialSums?
    if plan.parts.sinks != nil {
      start(total, index: scores.index, rows: scores.rows)
      sums = total
    }
    source.ask(scores.index)
    scores.load(queries, source, scratch)
    for split in 0..<splitCount {
      // The first split that shows anything is the sum so far; a later one is joined to it.
      let target = sums == nil ? total : scratch.part
      guard accumulate(split: split, scores, target, scratch) else { continue }
      if let sums { join(target, into: sums, rows: scores.rows.count) } else { sums = target }
    }
    if sums == nil { start(total, index: scores.index, rows: scores.rows) }
    finish(sums ?? total, scores, scratch)
  }

  private var splitCount: Int {
    (plan.keyCount + AttentionPlan.splitKeys - 1) / AttentionPlan.splitKeys
  }

  /// Where the rows of a tile are written, in an output that is dense.
  private func place(of rows: Range<Int>, index: Int) -> UnsafeMutablePointer<Float> {
    output.mutablePointer(to: Float.self)
      + (index * plan.rowCount + rows.lowerBound) * plan.valueWidth
  }

  /// Few rows, many keys: the splits of a tile run on different threads and are joined in order.
  private func runSplits(tile: Int, tiles: Int, splits: Int) {
    let heads = plan.batch * plan.groups
    let rowCount = plan.rowCount
    let size = PartialSums.floatCount(rows: tile, width: plan.valueWidth)
    let storage = Storage(byteCount: 4 * heads * tiles * splits * size)
    let partials = storage.base.assumingMemoryBound(to: Float.self)
    let used = Storage(byteCount: heads * tiles * splits)
    let flags = used.base.assumingMemoryBound(to: Bool.self)
    ThreadPool.shared.parallel(heads * tiles * splits) { part in
      let (index, first) = (part / splits / tiles, part / splits % tiles * tile)
      let rows = first..<min(first + tile, rowCount)
      var scratch = ForwardScratch(plan, rows: rows.count)
      scratch.part = PartialSums(partials + part * size, rows: tile, width: plan.valueWidth)
      let scores = ScoreTile(plan, rows: rows, index: index)
      scores.load(queries, source, scratch)
      flags[part] = accumulate(split: part % splits, scores, scratch.part, scratch)
    }
    ThreadPool.shared.parallel(heads * tiles) { part in
      let (index, first) = (part / tiles, part % tiles * tile)
      let rows = first..<min(first + tile, rowCount)
      let scratch = ForwardScratch(plan, rows: rows.count)
      start(scratch.total, index: index, rows: rows)
      for split in 0..<splits where flags[part * splits + split] {
        let sums = PartialSums(
          partials + (part * splits + split) * size, rows: tile, width: plan.valueWidth)
        join(sums, into: scratch.total, rows: rows.count)
      }
      finish(scratch.total, ScoreTile(plan, rows: rows, index: index), scratch)
    }
    withExtendedLifetime((storage, used)) {}
  }

  /// Nothing seen yet, but for the sink.
  private func start(_ sums: PartialSums, index: Int, rows: Range<Int>) {
    for (i, row) in rows.enumerated() {
      let head = plan.place(of: row, group: index % plan.groups).head
      let sink = plan.parts.sinks.map { $0[head] * Float(M_LOG2E) }
      sums.maximum[i] = sink ?? -.infinity
      sums.sum[i] = sink.map { $0 == -.infinity ? 0 : 1 } ?? 0
    }
    (sums.context).update(repeating: 0, count: rows.count * plan.valueWidth)
  }

  /// The online softmax of one split of the keys into `part`; false when none is visible.
  private func accumulate(
    split: Int, _ scores: ScoreTile, _ part: PartialSums, _ scratch: ForwardScratch
  ) -> Bool {
    let factor = scores.softmaxFactor
    let visible = scores.visible
    let first = max(split * AttentionPlan.splitKeys, visible.lowerBound / 32 * 32)
    let end = min((split + 1) * AttentionPlan.splitKeys, visible.upperBound)
    guard first < end else { return false }
    let (m, width) = (scores.rows.count, plan.valueWidth)
    let products = source.products
    let kernels = products.kernels
    part.maximum.update(repeating: -.infinity, count: m)
    part.sum.update(repeating: 0, count: m)
    // The first products have nothing to be added to.
    var isFresh = !scratch.isCareful
    func clear(_ rows: Range<Int>) {
      (part.context + rows.lowerBound * width).update(repeating: 0, count: rows.count * width)
    }
    if !isFresh { clear(0..<m) }
    var key = first
    while key < end {
      let next = min(end, (key / AttentionPlan.blockKeys + 1) * AttentionPlan.blockKeys)
      let n = next - key
      defer { key = next }
      guard scores.compute(keys: key..<next, source, scratch) else { continue }
      var weights = scratch.scores
      if products.isPaired {
        weights = scratch.weights
        kernels.softmax_step_bf16(
          m, n, scratch.scores,
          UnsafeMutableRawPointer(weights).assumingMemoryBound(to: UInt32.self),
          factor, part.maximum, part.sum, scratch.corrections)
      } else {
        kernels.softmax_step_f32(
          m, n, weights, factor, part.maximum, part.sum, scratch.corrections)
      }
      if plan.parts.dropout != nil {
        scores.drop(weights, keys: key..<next, paired: products.isPaired)
      }
      defer { isFresh = false }
      func clearIfFresh(_ rows: Range<Int>) { if isFresh { clear(rows) } }
      if !isFresh { kernels.scale_rows_f32(m, width, part.context, width, scratch.corrections) }
      let rowStride = products.words(AttentionPlan.blockKeys)
      if !scratch.isCareful, let (values, stride) = source.valueElements(scores.index, key, rows: m)
      {
        scores.forEachRun(of: key..<next, others: clearIfFresh) { run, seen in
          let words = weights + run.lowerBound * rowStride + seen.lowerBound / 2
          kernels.add_values_u16(
            run.count, width, min(n, (seen.upperBound + 1) / 2 * 2) - seen.lowerBound,
            UnsafeRawPointer(words).assumingMemoryBound(to: UInt32.self),
            values + seen.lowerBound * stride, stride, part.context + run.lowerBound * width, width,
            isFresh ? 0 : 1)
        }
        continue
      }
      let (values, stride) = source.valueRows(scores.index, key, n, scratch: scratch.values)
      if scratch.isCareful {
        addCarefully(m, products.words(n), weights, values, stride, part.context, scratch)
        continue
      }
      scores.forEachRun(of: key..<next, others: clearIfFresh) { run, seen in
        let first = seen.lowerBound >> (products.isPaired ? 1 : 0)
        products.multiplyRows(
          run.count, width, products.words(seen.count),
          weights + run.lowerBound * rowStride + first, values + first * stride, stride,
          part.context + run.lowerBound * width, width, accumulate: !isFresh)
      }
    }
    if isFresh { clear(0..<m) }
    return true
  }

  /// P V row by row, with the values that a row gives no weight set to zero: 0 * NaN is NaN, and a
  /// key that a row may not see must not reach it. Same order of sums, so the same bits.
  private func addCarefully(
    _ m: Int, _ words: Int, _ weights: UnsafeMutablePointer<Float>,
    _ values: UnsafeMutablePointer<Float>, _ stride: Int, _ context: UnsafeMutablePointer<Float>,
    _ scratch: ForwardScratch
  ) {
    let width = plan.valueWidth
    let rowStride = source.products.isPaired ? AttentionPlan.blockKeys / 2 : AttentionPlan.blockKeys
    let clean = scratch.clean
    for i in 0..<m {
      let row = weights + i * rowStride
      for word in 0..<words {
        let bits = row[word].bitPattern
        var keep: UInt32 = bits == 0 ? 0 : .max
        if source.products.isPaired {
          keep = (bits & 0x7fff != 0 ? 0xffff : 0) | (bits & 0x7fff_0000 != 0 ? 0xffff_0000 : 0)
        }
        for j in 0..<width {
          clean[word * width + j] = Float(
            bitPattern: values[word * stride + j].bitPattern & keep)
        }
      }
      source.products.multiplyRows(
        1, width, words, row, clean, width, context + i * width, width, accumulate: true)
    }
  }

  /// Joins a later split to what was summed before.
  private func join(_ part: PartialSums, into total: PartialSums, rows: Int) {
    let width = plan.valueWidth
    for i in 0..<rows {
      let maximum = max(total.maximum[i], part.maximum[i])
      if maximum == -.infinity { continue }
      let before = exp2f(total.maximum[i] - maximum)
      let now = exp2f(part.maximum[i] - maximum)
      total.maximum[i] = maximum
      total.sum[i] = total.sum[i] * before + part.sum[i] * now
      let context = total.context + i * width
      let addend = part.context + i * width
      for j in 0..<width { context[j] = context[j] * before + addend[j] * now }
    }
  }

  /// Divides by the sums and writes the rows.
  private func finish(_ sums: PartialSums, _ scores: ScoreTile, _ scratch: ForwardScratch) {
    let (rows, index) = (scores.rows, scores.index)
    let width = plan.valueWidth
    let lse =
      logSumExp.mutablePointer(to: Float.self) + index * plan.rowCount + rows.lowerBound
    let inverses = scratch.corrections
    for i in 0..<rows.count {
      let isEmpty = sums.sum[i] == 0 || scores.isSwallowed
      lse[i] = isEmpty ? -.infinity : sums.maximum[i] + log2f(sums.sum[i])
    }
    if scores.isSwallowed {
      note(sums, scores) { sums.sum[$0] > 0 }
    } else if absorbed != nil, (0..<rows.count).contains(where: { sums.sum[$0] == 0 }) {
      addAbsorbed(sums, scores, careful: scratch.isCareful)
    }
    for i in 0..<rows.count { inverses[i] = sums.sum[i] == 0 ? 0 : 1 / sums.sum[i] }
    let kernels = source.products.kernels
    let count = rows.count * width
    kernels.scale_rows_f32(rows.count, width, sums.context, width, inverses)
    if !output.isDense || place(of: rows, index: index) != sums.context {
      output.storeRows(
        sums.context, index: index, groupSize: plan.groupSize, from: rows.lowerBound, rows.count)
    }
    rounded?.storeRows(
      sums.context, index: index, groupSize: plan.groupSize, from: rows.lowerBound, rows.count)
    // A sum of squares in float64 is finite when all of them are.
    guard !scratch.isCareful, !kernels.sum_of_squares_f32(count, sums.context).isFinite else {
      return
    }
    repeatCarefully(rows, index: index)
  }

  /// The rows of a tile that look empty though a bias has only swallowed their scores.
  private func addAbsorbed(_ sums: PartialSums, _ tile: ScoreTile, careful: Bool) {
    let (rows, width) = (tile.rows.count, plan.valueWidth)
    let scratch = ForwardScratch(plan, rows: rows, careful: careful)
    let total = scratch.total
    total.maximum.update(repeating: -.infinity, count: rows)
    total.sum.update(repeating: 0, count: rows)
    total.context.update(repeating: 0, count: rows * width)
    var scores = tile
    scores.isSwallowed = true
    scores.load(queries, source, scratch)
    for split in 0..<splitCount {
      if accumulate(split: split, scores, scratch.part, scratch) {
        join(scratch.part, into: total, rows: rows)
      }
    }
    note(total, tile) { sums.sum[$0] == 0 && total.sum[$0] > 0 }
    for i in 0..<rows where sums.sum[i] == 0 && total.sum[i] > 0 {
      sums.sum[i] = total.sum[i]
      (sums.context + i * width).update(from: total.context + i * width, count: width)
    }
  }

  /// Notes the rows of a tile that a bias has swallowed.
  private func note(_ sums: PartialSums, _ tile: ScoreTile, where isAbsorbed: (Int) -> Bool) {
    for (i, row) in tile.rows.enumerated() where isAbsorbed(i) {
      absorbed?.note(
        tile.index * plan.rowCount + row, maximum: sums.maximum[i], count: sums.sum[i])
    }
  }

  /// A tile that came out with a NaN or an infinity, once more, so that only rows that may see its
  /// origin keep it.
  private func repeatCarefully(_ rows: Range<Int>, index: Int) {
    let scratch = ForwardScratch(plan, rows: rows.count, careful: true)
    start(scratch.total, index: index, rows: rows)
    let scores = ScoreTile(plan, rows: rows, index: index)
    scores.load(queries, source, scratch)
    for split in 0..<splitCount {
      if accumulate(split: split, scores, scratch.part, scratch) {
        join(scratch.part, into: scratch.total, rows: rows.count)
      }
    }
    finish(scratch.total, scores, scratch)
  }
}
