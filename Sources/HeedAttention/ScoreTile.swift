import CHeedKernels
import HeedTensor

/// What happens to the scores of one tile of rows between the product and the softmax; the same
/// for the forward and the backward.
struct ScoreTile {
  let plan: AttentionPlan
  let rows: Range<Int>
  /// Key/value head, of B * G.
  let index: Int
  let ranges: RowRanges
  /// The keys that some row may see.
  let visible: Range<Int>
  /// The keys within the ranges of all rows.
  private let common: Range<Int>
  /// Whether the bias has swallowed all scores of all rows (`AbsorbedRows`).
  var isSwallowed = false

  /// What a tile shows.
  enum Cells {
    case empty
    /// All that the ranges show.
    case ranges
    /// The bytes in the scratch, `[rows][128]`.
    case bytes
  }

  init(_ plan: AttentionPlan, rows: Range<Int>, index: Int) {
    self.plan = plan
    self.rows = rows
    self.index = index
    (runRows, runKeys) =
      LeftLayout(plan.precision).isByRows ? (32, 2 * Int(HEED_PAIR_GROUP)) : (14, 2)
    ranges = plan.ranges(of: index / plan.groups)
    visible = ranges.hull(of: rows)
    common = ranges.common(of: rows)
    if let coverage = plan.parts.biasCoverage, plan.parts.sinks == nil {
      isSwallowed = (0..<rows.count).allSatisfy { coverage.swallows(rowAt: biasStart($0)) }
    }
  }

  /// What scores are multiplied by, in powers of two.
  var softmaxFactor: Float { isSwallowed ? AbsorbedRows.factor : plan.softmaxFactor }

  /// Whether all rows have all of `keys` in their ranges.
  func isWhole(_ keys: Range<Int>) -> Bool {
    common.lowerBound <= keys.lowerBound && keys.upperBound <= common.upperBound
  }

  /// The rows of the tile, counted from its first, outside which nobody sees one of `keys`.
  func rows(seeing keys: Range<Int>) -> Range<Int> {
    if isWhole(keys) { return 0..<rows.count }
    let seeing = ranges.rows(of: rows, seeing: keys)
    return seeing.lowerBound - rows.lowerBound..<seeing.upperBound - rows.lowerBound
  }

  /// Calls `body` with parts of `keys` and the rows, counted from the first of the tile, that they
  /// need: all at once, or where a mask cuts through panel by panel.
  func forEachPart(of keys: Range<Int>, _ body: (_ rows: Range<Int>, _ keys: Range<Int>) -> Void) {
    if isWhole(keys) { return body(0..<rows.count, keys) }
    let size = AttentionPlan.panelKeys
    for first in stride(from: keys.lowerBound, to: keys.upperBound, by: size) {
      let part = first..<min(first + size, keys.upperBound)
      let seeing = rows(seeing: part)
      if !seeing.isEmpty { body(seeing, part) }
    }
  }

  /// Calls `body` with runs of rows, counted from the first of the tile, and the keys they need, counted
  /// from the first of `keys`: where a mask cuts through, each run has its own. Runs that need none go to
  /// `others`.
  ///
  /// - Precondition: `keys` begin at a panel.
  func forEachRun(
    of keys: Range<Int>, others: (_ rows: Range<Int>) -> Void = { _ in },
    _ body: (_ rows: Range<Int>, _ keys: Range<Int>) -> Void
  ) {
    if isWhole(keys) { return body(0..<rows.count, 0..<keys.count) }
    for first in stride(from: 0, to: rows.count, by: runRows) {
      let run = first..<min(first + runRows, rows.count)
      let hull = ranges.hull(
        of: rows.lowerBound + run.lowerBound..<rows.lowerBound + run.upperBound)
      let start = max(0, hull.lowerBound - keys.lowerBound) / runKeys * runKeys
      let end = min(keys.upperBound, hull.upperBound) - keys.lowerBound
      if start < end { body(run, start..<end) } else { others(run) }
    }
  }

  /// Rows that a micro-kernel holds in registers.
  private let runRows: Int
  /// Keys whose products with values are summed before they join the context.
  private let runKeys: Int

  /// The rows of whole runs that contain `rows`: tile registers are slow to change their shapes.
  func wholeRuns(_ rows: Range<Int>) -> Range<Int> {
    rows.lowerBound / runRows
      * runRows..<min((rows.upperBound + runRows - 1) / runRows * runRows, self.rows.count)
  }

  private var batch: Int { index / plan.groups }

  private func place(_ i: Int) -> (head: Int, query: Int) {
    plan.place(of: rows.lowerBound + i, group: index % plan.groups)
  }

  /// Asks a mask that is more than ranges for its cells.
  func cells(keys: Range<Int>, _ bytes: UnsafeMutablePointer<UInt8>) -> Cells {
    if let coverage = plan.parts.biasCoverage, isHidden(by: coverage, keys) { return .empty }
    if ranges.exact { return .ranges }
    var any: UInt8 = 0
    var all: UInt8 = 1
    var i = 0
    while i < rows.count {
      let (head, query) = place(i)
      let run = min(rows.count - i, plan.queryCount - query)
      let known = plan.mask.coverage(
        batch: batch, head: head, queries: query..<query + run, keys: keys,
        queryCount: plan.queryCount, keyCount: plan.keyCount)
      for j in i..<i + run {
        let row = bytes + j * AttentionPlan.blockKeys
        if known != .mixed {
          row.update(repeating: known == .full ? 1 : 0, count: keys.count)
          any |= row[0]
          all &= row[0]
          continue
        }
        plan.mask.fill(
          row, batch: batch, head: head, query: query + j - i, firstKey: keys.lowerBound,
          count: keys.count, queryCount: plan.queryCount, keyCount: plan.keyCount)
        for cell in 0..<keys.count {
          any |= row[cell]
          all &= row[cell]
        }
      }
      i += run
    }
    return any == 0 ? .empty : all == 1 ? .ranges : .bytes
  }

  /// Whether the bias of every row hides the block in which `keys` lie.
  private func isHidden(by coverage: BiasCoverage, _ keys: Range<Int>) -> Bool {
    (0..<rows.count).allSatisfy { coverage.hides(keys.lowerBound, inRowAt: biasStart($0)) }
  }

  /// The first element of the bias for a row of the tile.
  private func biasStart(_ i: Int) -> Int {
    let (strides, (head, query)) = (plan.parts.biasStrides, place(i))
    return batch * strides[0] + head * strides[1] + query * strides[2]
  }

  /// Scale, soft cap, bias, slopes and rule.
  ///
  /// - Parameters:
  ///   - capped: gets a copy of the scores after the soft cap, for the backward.
  ///   - beforeRule: gets a copy of the scores before the user's rule, for the backward.
  func change(
    _ scores: UnsafeMutablePointer<Float>, keys: Range<Int>, _ kernels: heed_kernels,
    capped: UnsafeMutablePointer<Float>? = nil, beforeRule: UnsafeMutablePointer<Float>? = nil
  ) {
    guard plan.changesScores else { return }
    let tileCount = rows.count * AttentionPlan.blockKeys
    let parts = plan.parts
    let n = keys.count
    var isScaled = false
    if let cap = parts.softCap {
      kernels.score_bias_f32(rows.count, n, scores, plan.scale, nil, 0)
      kernels.score_cap_f32(rows.count, n, scores, cap)
      capped?.update(from: scores, count: tileCount)
      isScaled = true
    }
    if let bias = parts.bias {
      addBias(scores, keys: keys, bias, scale: isScaled ? 1 : plan.scale, kernels)
      isScaled = true
    }
    if !isScaled { kernels.score_bias_f32(rows.count, n, scores, plan.scale, nil, 0) }
    if let slopes = parts.slopes {
      for i in 0..<rows.count {
        let (head, query) = place(i)
        var slope = -slopes[head]
        var center = Float(query + plan.keyCount - plan.queryCount - keys.lowerBound)
        kernels.score_distance_f32(
          1, n, scores + i * AttentionPlan.blockKeys, &slope, &center)
      }
    }
    if let change = parts.change {
      beforeRule?.update(from: scores, count: tileCount)
      for i in 0..<rows.count {
        let (head, query) = place(i)
        change.forward(
          scores + i * AttentionPlan.blockKeys, n, batch, head, query, keys.lowerBound)
      }
    }
  }

  /// Runs of rows of one head share a bias stride.
  private func addBias(
    _ scores: UnsafeMutablePointer<Float>, keys: Range<Int>, _ bias: Tensor, scale: Float,
    _ kernels: heed_kernels
  ) {
    let stride = plan.parts.biasStrides[2]
    let base = bias.pointer(to: Float.self)
    var i = 0
    while i < rows.count {
      let run = min(rows.count - i, plan.queryCount - place(i).query)
      kernels.score_bias_f32(
        run, keys.count, scores + i * AttentionPlan.blockKeys, scale,
        base + biasStart(i) + keys.lowerBound, stride)
      i += run
    }
  }

  /// Sets what may not be seen to -inf.
  func hide(
    _ scores: UnsafeMutablePointer<Float>, keys: Range<Int>, _ cells: Cells,
    low: UnsafeMutablePointer<Int32>, high: UnsafeMutablePointer<Int32>,
    bytes: UnsafeMutablePointer<UInt8>, _ kernels: heed_kernels
  ) {
    if case .bytes = cells {
      kernels.score_mask_f32(rows.count, keys.count, scores, bytes, AttentionPlan.blockKeys)
      return
    }
    if isWhole(keys) { return }
    let (firsts, ends) = (ranges.low + rows.lowerBound, ranges.high + rows.lowerBound)
    for i in 0..<rows.count {
      low[i] = firsts[i] - Int32(keys.lowerBound)
      high[i] = ends[i] - Int32(keys.lowerBound)
    }
    kernels.score_range_f32(rows.count, keys.count, scores, low, high)
  }

  /// Multiplies weights by their dropout factors.
  func drop(_ weights: UnsafeMutablePointer<Float>, keys: Range<Int>, paired: Bool) {
    guard let dropout = plan.parts.dropout else { return }
    let stride = paired ? AttentionPlan.blockKeys / 2 : AttentionPlan.blockKeys
    for i in 0..<rows.count {
      let (head, query) = place(i)
      // By its place among the keys: the same draw in a whole pass and in pieces behind a cache.
      let place = query + plan.keyCount - plan.queryCount
      let factors = dropout.row(batch: batch, head: head, place: place)
      let row = weights + i * stride
      guard paired else {
        for j in 0..<keys.count { row[j] *= factors.factor(key: keys.lowerBound + j) }
        continue
      }
      for word in 0..<(keys.count + 1) / 2 {
        let (bits, key) = (row[word].bitPattern, keys.lowerBound + 2 * word)
        let low = Float(bitPattern: bits << 16) * factors.factor(key: key)
        let high = Float(bitPattern: bits & 0xffff_0000) * factors.factor(key: key + 1)
        row[word] = Float(
          bitPattern: Self.roundedHalf(low) >> 16 | Self.roundedHalf(high) & 0xffff_0000)
      }
    }
  }

  /// The bits of a number whose upper half is rounded to bf16, ties to even.
  @inline(__always)
  private static func roundedHalf(_ value: Float) -> UInt32 {
    value.bitPattern &+ 0x7fff &+ ((value.bitPattern >> 16) & 1)
  }

  /// Turns scores, changed and hidden, into weights by the log-sum-exps of all rows.
  func weigh(
    _ scores: UnsafeMutablePointer<Float>, keys: Range<Int>, logSumExp: Tensor,
    _ absorbed: AbsorbedRows?, _ kernels: heed_kernels
  ) {
    let first = index * plan.rowCount + rows.lowerBound
    let lse = logSumExp.pointer(to: Float.self) + first
    let n = keys.count
    guard let absorbed,
      rows.indices.contains(where: { absorbed.contains($0 + first - rows.lowerBound) })
    else {
      kernels.softmax_weights_f32(rows.count, n, scores, plan.softmaxFactor, lse)
      return
    }
    for i in 0..<rows.count {
      let row = scores + i * AttentionPlan.blockKeys
      guard absorbed.contains(first + i) else {
        kernels.softmax_weights_f32(1, n, row, plan.softmaxFactor, lse + i)
        continue
      }
      var (maximum, count) = absorbed.share(of: first + i)
      kernels.softmax_weights_f32(1, n, row, AbsorbedRows.factor, &maximum)
      count = 1 / count
      kernels.scale_rows_f32(1, n, row, AttentionPlan.blockKeys, &count)
    }
  }

  /// The rows' queries, packed into the scratch.
  func load(_ queries: HeadRows, _ source: KeyValueSource, _ scratch: ForwardScratch) {
    queries.packLeft(
      source.products, index, rows.lowerBound, rows.count, to: scratch.queries)
  }

  /// The scores of a block of keys into the scratch, changed and masked; false when none is visible.
  ///
  /// - Precondition: `keys` lie in one block and begin at a panel; queries were loaded.
  func compute(keys: Range<Int>, _ source: KeyValueSource, _ scratch: ForwardScratch) -> Bool {
    let cells = self.cells(keys: keys, scratch.cells)
    if case .empty = cells { return false }
    let left = source.products.left
    let rowStep = left.rowStep(words: plan.keyWords)
    let leftStride = left.stride(rows: rows.count, words: plan.keyWords)
    // Scores that nobody asks for are left as they are, and hidden below.
    forEachPart(of: keys) { seeing, part in
      let asked = left.isByRows ? wholeRuns(seeing) : seeing
      let queries = scratch.queries + asked.lowerBound * rowStep
      let scores =
        scratch.scores + asked.lowerBound * AttentionPlan.blockKeys + part.lowerBound
        - keys.lowerBound
      if let (words, stride) = source.keyRows(index, part.lowerBound, rows: rows.count) {
        source.products.score(
          asked.count, part.count, plan.keyWords, queries, leftStride, keys: words, stride, scores,
          AttentionPlan.blockKeys)
        return
      }
      let first = part.lowerBound / AttentionPlan.panelKeys
      let end = (part.upperBound + AttentionPlan.panelKeys - 1) / AttentionPlan.panelKeys
      let panels = source.keyPanels(index, first, end, scratch: scratch.panels)
      source.products.multiplyPanels(
        asked.count, part.count, plan.keyWords, queries, leftStride, panels, scores,
        AttentionPlan.blockKeys)
    }
    let kernels = source.products.kernels
    change(scratch.scores, keys: keys, kernels)
    hide(
      scratch.scores, keys: keys, cells, low: scratch.low, high: scratch.high,
      bytes: scratch.cells, kernels)
    return true
  }
}
