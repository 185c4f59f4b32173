import CHeedKernels
import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The fused attention, backward: weights are computed again from the log-sum-exp, tile by tile.
///
/// With P the weights, D = rows of dO . O: dV = P^T dO, dS = P (dO V^T - D), dQ = dS K, dK = dS^T Q,
/// five products for each tile of up to 112 rows and 128 keys, in the nearest caches.
///
/// Order of sums. One part owns a key/value head (or, where there are few heads, one run of its key
/// blocks, with a dQ of its own that is added in order afterwards), and walks over key blocks and
/// row tiles in order. How many runs there are depends on heads and keys alone, so that gradients of a
/// sequence are the same bits in every batch.
///
/// Source: Dao 2023, arXiv 2307.08691, appendix; the rule for P of a row without keys (0) keeps
/// every gradient finite.
struct FusedBackward {
  let plan: AttentionPlan
  private let products: TileProducts
  private let queries: HeadRows
  private let keys: HeadRows
  private let values: HeadRows
  private let output: HeadRows
  private let gradient: HeadRows
  private let logSumExp: Tensor
  private let absorbed: AbsorbedRows?

  let gradients: HeadGradients
  /// dQ of each run, `[runs, B, H, T, D]`, where several parts add to it.
  private let queryGradients: Tensor?
  /// `[B, H, T, S]`, when the bias wants one.
  let biasGradient: Tensor?
  /// One value for each run and head of its group.
  private let slopeSums: Tensor
  /// Gradients of the tables of the rule.
  let tableSums: ScoreTableSums?

  private let runs: Int
  /// Runs that one part of the work does one after the other, with its queries packed once and the
  /// same sums: all of them where there are heads enough for the threads.
  private let runsAtOnce: Int
  private var heads: Int { plan.batch * plan.groups }
  private var blocks: Int {
    (plan.keyCount + AttentionPlan.blockKeys - 1) / AttentionPlan.blockKeys
  }
  /// Log-sum-exps as the softmax of `plan` measures them.
  private var kernels: heed_kernels { products.kernels }

  init(
    _ plan: AttentionPlan, queries: Tensor, keys: Tensor, values: Tensor,
    forward: FusedForward.Kept,
    gradient: Tensor, wantsBias: Bool
  ) {
    self.plan = plan
    func rows(_ tensor: Tensor, groupSize: Int = plan.groupSize) -> HeadRows {
      HeadRows(tensor, groupSize: groupSize, precision: plan.precision)
    }
    products = TileProducts(plan.precision)
    self.queries = forward.queries
    output = rows(forward.output)
    logSumExp = forward.logSumExp
    absorbed = forward.absorbed
    self.gradient = rows(gradient.converted(to: .float32))
    let seesAllKeys = plan.seesAllKeys
    self.keys = rows(seesAllKeys ? keys : Self.withoutUnseen(keys, plan), groupSize: 1)
    self.values = rows(seesAllKeys ? values : Self.withoutUnseen(values, plan), groupSize: 1)
    gradients = HeadGradients(queries: queries, keys: keys, values: values)
    let count = (plan.keyCount + AttentionPlan.blockKeys - 1) / AttentionPlan.blockKeys
    runs = max(1, min(count, 8 / max(1, plan.groups)))
    runsAtOnce = plan.batch * plan.groups >= 8 ? runs : 1
    queryGradients =
      runs > runsAtOnce
      ? Tensor(zeros: [runs, plan.batch, plan.heads, plan.queryCount, plan.width]) : nil
    biasGradient =
      wantsBias
      ? Tensor(zeros: [plan.batch, plan.heads, plan.queryCount, plan.keyCount]) : nil
    slopeSums = Tensor(zeros: [runs, plan.batch, plan.heads])
    tableSums = ScoreTableSums(plan, runs: runs)
  }

  /// The tensor with rows of keys that no query may see set to zero, where it holds a NaN or an
  /// infinity at all: what nobody sees must not reach a gradient.
  private static func withoutUnseen(_ tensor: Tensor, _ plan: AttentionPlan) -> Tensor {
    if tensor.elementType == .float32 && tensor.hasFiniteRows { return tensor }
    var copy = tensor.converted(to: .float32).dense()
    if tensor.elementType != .float32, copy.hasFiniteRows { return tensor }
    let width = tensor.shape[3]
    copy.withMutableElements(of: Float.self) { elements in
      for index in 0..<plan.batch * plan.groups {
        let seen = plan.seenKeys(of: index)
        for key in 0..<plan.keyCount where !seen[key] {
          let start = (index * plan.keyCount + key) * width
          for i in start..<start + width { elements[i] = 0 }
        }
      }
    }
    return copy
  }

  /// Fills the gradients.
  func run() {
    guard plan.rowCount > 0, plan.keyCount > 0, heads > 0 else { return gradients.clear() }
    let parts = runs / runsAtOnce
    ThreadPool.shared.parallel(heads * parts) { part in
      let first = part % parts * runsAtOnce
      self.run(first..<first + runsAtOnce, index: part / parts)
    }
  }

  /// dQ, summed over runs in order.
  func finishedQueryGradient() -> Tensor {
    guard let queryGradients else { return gradients.queries }
    let size = queryGradients.count / runs
    let sums = queryGradients.mutablePointer(to: Float.self)
    for run in 1..<runs { kernels.add_f32(size, sums, sums + run * size, sums) }
    for index in 0..<heads { storeQueries(sums + index * plan.rowCount * plan.width, index: index) }
    return gradients.queries
  }

  /// Writes dQ of a key/value head, `[rows][D]`, to where it stays.
  private func storeQueries(_ sums: UnsafePointer<Float>, index: Int) {
    gradients.queries.storeRows(
      sums, index: index, groupSize: plan.groupSize, from: 0, plan.rowCount)
  }

  /// d slopes `[H]`, in order of runs and sequences.
  func slopeGradient() -> Tensor {
    let parts: [Float] = slopeSums.elements()
    var sums = [Float](repeating: 0, count: plan.heads)
    for (i, part) in parts.enumerated() { sums[i % plan.heads] += part }
    return Tensor(sums)
  }

  /// d sinks `[H]`: the sink's own weight, times -D.
  func sinkGradient(_ sinks: [Float]) -> Tensor {
    let deltas = (0..<heads).flatMap { self.deltas($0) }
    let lse: [Float] = logSumExp.elements()
    var sums = [Double](repeating: 0, count: plan.heads)
    for (row, delta) in deltas.enumerated() where lse[row] != -.infinity {
      let head = row / plan.queryCount % plan.heads
      let exponent = Double(sinks[head]) - Double(lse[row]) * 0.6931471805599453
      sums[head] -= Double(delta) * exp(exponent)
    }
    return Tensor(sums.map { Float($0) })
  }

  /// dO . O for each row of a head.
  private func deltas(_ index: Int) -> [Float] {
    let (a, b) = (gradient.floats(index, 0), output.floats(index, 0))
    let steps = (gradient.stride, output.stride)
    return (0..<plan.rowCount).map {
      kernels.dot_f32(plan.valueWidth, a + $0 * steps.0, b + $0 * steps.1)
    }
  }

  private func run(_ runs: Range<Int>, index: Int) {
    let rowCount = plan.rowCount
    let scratch = BackwardScratch(
      plan, queryRuns: queryGradients == nil ? runs.count : 0,
      copiesQueries: products.isPaired || queries.stride != plan.width,
      copiesOutputs: products.isPaired || gradient.stride != plan.valueWidth)
    let deltas = self.deltas(index)
    // Rows to words of the summed axis: two rows a word in pairs.
    let shift = products.isPaired ? 1 : 0
    for first in stride(from: 0, to: rowCount, by: plan.backwardTileRows) {
      let m = min(plan.backwardTileRows, rowCount - first)
      queries.packLeft(
        products, index, first, m, to: scratch.queries + first * plan.keyWords)
      gradient.packLeft(
        products, index, first, m, to: scratch.outputs + first * plan.valueWords)
      if let rows = scratch.queryRows {
        queries.packRows(products, index, first, m, to: rows + (first >> shift) * plan.width)
      }
      if let rows = scratch.outputRows {
        gradient.packRows(
          products, index, first, m, to: rows + (first >> shift) * plan.valueWidth)
      }
    }
    let rows = RowOperands(
      queries: scratch.queryRows ?? UnsafeMutablePointer(mutating: queries.floats(index, 0)),
      outputs: scratch.outputRows ?? UnsafeMutablePointer(mutating: gradient.floats(index, 0)),
      shift: shift)
    let size = rowCount * plan.width
    for run in runs {
      // A part that does several runs adds all but the first by themselves, as `finishedQueryGradient`.
      let sums =
        queryGradients.map {
          $0.mutablePointer(to: Float.self) + (run * heads + index) * size
        } ?? scratch.queryGradients
      let isFirst = run == runs.lowerBound
      let target = isFirst ? sums : sums + size
      if queryGradients == nil { target.update(repeating: 0, count: size) }
      for block in run * blocks / self.runs..<(run + 1) * blocks / self.runs {
        loadBlock(block, index: index, scratch)
        defer { storeBlock(block, index: index, scratch) }
        for first in stride(from: 0, to: rowCount, by: plan.backwardTileRows) {
          let tile = first..<min(first + plan.backwardTileRows, rowCount)
          visit(tile, block: block, run: run, index: index, rows, deltas, target, scratch)
        }
      }
      if !isFirst { kernels.add_f32(size, sums, target, sums) }
    }
    if queryGradients == nil { storeQueries(scratch.queryGradients, index: index) }
  }

  /// The keys of a block.
  private func keys(of block: Int) -> Range<Int> {
    let first = block * AttentionPlan.blockKeys
    return first..<min(first + AttentionPlan.blockKeys, plan.keyCount)
  }

  /// Keys and values of a block, both transposed in panels, and the keys as rows (float32) or pairs of
  /// rows (bf16); their gradients zero.
  private func loadBlock(_ block: Int, index: Int, _ scratch: BackwardScratch) {
    let range = keys(of: block)
    let size = AttentionPlan.panelKeys
    for first in stride(from: range.lowerBound, to: range.upperBound, by: size) {
      let count = min(size, range.upperBound - first)
      let place = first - range.lowerBound
      keys.packPanel(
        products, index, first, count, to: scratch.keyPanels + place * plan.keyWords)
      values.packPanel(
        products, index, first, count, to: scratch.valuePanels + place * plan.valueWords)
    }
    keys.packRows(products, index, range.lowerBound, range.count, to: scratch.keyRows)
    scratch.keyGradient.update(repeating: 0, count: range.count * plan.width)
    scratch.valueGradient.update(repeating: 0, count: range.count * plan.valueWidth)
  }

  /// Writes the gradients of a block to where they stay.
  private func storeBlock(_ block: Int, index: Int, _ scratch: BackwardScratch) {
    let range = keys(of: block)
    gradients.keys.storeRows(
      scratch.keyGradient, index: index, groupSize: 1, from: range.lowerBound, range.count)
    gradients.values.storeRows(
      scratch.valueGradient, index: index, groupSize: 1, from: range.lowerBound, range.count)
  }

  private func visit(
    _ tile: Range<Int>, block: Int, run: Int, index: Int, _ rows: RowOperands, _ deltas: [Float],
    _ queryGradient: UnsafeMutablePointer<Float>, _ scratch: BackwardScratch
  ) {
    let scores = ScoreTile(plan, rows: tile, index: index)
    let visible = scores.visible
    let blockStart = block * AttentionPlan.blockKeys
    let first = max(blockStart, visible.lowerBound / 32 * 32)
    let end = min(blockStart + AttentionPlan.blockKeys, visible.upperBound, plan.keyCount)
    guard first < end else { return }
    let keys = first..<end
    let (m, n, skip) = (tile.count, keys.count, first - blockStart)
    let cells = scores.cells(keys: keys, scratch.cells)
    if case .empty = cells { return }
    let (p, ds) = (scratch.weights, scratch.gradients)
    let left = products.left
    let (queryStride, outputStride) = (
      left.stride(rows: m, words: plan.keyWords), left.stride(rows: m, words: plan.valueWords)
    )
    func multiply(_ visible: Range<Int>, _ part: Range<Int>) {
      let seeing = left.isByRows ? scores.wholeRuns(visible) : visible
      let place =
        seeing.lowerBound * AttentionPlan.blockKeys + part.lowerBound - keys.lowerBound
      let panel = (part.lowerBound - blockStart) / 32
      products.multiplyPanels(
        seeing.count, part.count, plan.keyWords,
        scratch.queries + tile.lowerBound * plan.keyWords
          + seeing.lowerBound * left.rowStep(words: plan.keyWords),
        queryStride, scratch.keyPanels + panel * 32 * plan.keyWords, p + place,
        AttentionPlan.blockKeys)
      products.multiplyPanels(
        seeing.count, part.count, plan.valueWords,
        scratch.outputs + tile.lowerBound * plan.valueWords
          + seeing.lowerBound * left.rowStep(words: plan.valueWords),
        outputStride, scratch.valuePanels + panel * 32 * plan.valueWords, ds + place,
        AttentionPlan.blockKeys)
    }
    // What nobody sees is hidden below; but what changes scores in between wants numbers.
    if plan.changesScores {
      multiply(0..<m, keys)
    } else {
      scores.forEachPart(of: keys, multiply)
    }
    scores.change(p, keys: keys, kernels, capped: scratch.capped, beforeRule: scratch.beforeRule)
    scores.hide(
      p, keys: keys, cells, low: scratch.low, high: scratch.high, bytes: scratch.cells, kernels)
    scores.weigh(p, keys: keys, logSumExp: logSumExp, absorbed, kernels)
    if plan.parts.dropout != nil { scores.drop(ds, keys: keys, paired: false) }
    deltas.withUnsafeBufferPointer { deltas in
      guard let base = deltas.baseAddress else { return }
      kernels.softmax_gradient_f32(
        m, n, p, ds, plan.changesScores ? 1 : plan.scale, base + tile.lowerBound)
    }
    if plan.parts.dropout != nil { scores.drop(p, keys: keys, paired: false) }
    if plan.changesScores { changeBack(scores, keys: keys, run: run, index: index, scratch) }
    addProducts(scores, keys: keys, skip: skip, index: index, rows, queryGradient, scratch)
  }

  /// The gradient of the scores through rule, bias, slopes, soft cap and scale.
  private func changeBack(
    _ scores: ScoreTile, keys: Range<Int>, run: Int, index: Int, _ scratch: BackwardScratch
  ) {
    let (m, n, ds) = (scores.rows.count, keys.count, scratch.gradients)
    let stride = AttentionPlan.blockKeys
    let batch = index / plan.groups
    let slopes = slopeSums.mutablePointer(to: Float.self) + (run * plan.batch + batch) * plan.heads
    let tables = tableSums?.part(run: run, index: index)
    for i in 0..<m {
      let (head, query) = plan.place(of: scores.rows.lowerBound + i, group: index % plan.groups)
      let row = ds + i * stride
      if let change = plan.parts.change, let before = scratch.beforeRule {
        change.backward(before + i * stride, row, n, batch, head, query, keys.lowerBound, tables)
      }
      if let biasGradient {
        let start =
          ((batch * plan.heads + head) * plan.queryCount + query) * plan.keyCount + keys.lowerBound
        (biasGradient.mutablePointer(to: Float.self) + start).update(from: row, count: n)
      }
      if plan.parts.slopes != nil {
        let place = query + plan.keyCount - plan.queryCount
        var sum: Float = 0
        for j in 0..<n { sum -= row[j] * Float(abs(keys.lowerBound + j - place)) }
        slopes[head] += sum
      }
    }
    if let cap = plan.parts.softCap, let capped = scratch.capped {
      kernels.score_cap_gradient_f32(m, n, capped, ds, cap)
    }
    kernels.score_bias_f32(m, n, ds, plan.scale, nil, 0)
  }

  /// dV += P^T dO, dK += dS^T Q, dQ += dS K.
  private func addProducts(
    _ scores: ScoreTile, keys: Range<Int>, skip: Int, index: Int, _ rows: RowOperands,
    _ queryGradient: UnsafeMutablePointer<Float>, _ scratch: BackwardScratch
  ) {
    let tile = scores.rows
    let (m, n) = (tile.count, keys.count)
    let (width, valueWidth) = (plan.width, plan.valueWidth)
    var (p, dsColumns, dsRows) = (scratch.weights, scratch.gradients, scratch.gradients)
    if products.isPaired {
      func words(_ pointer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt32.self)
      }
      kernels.tile_to_pairs(m, n, p, nil, words(scratch.weightPairs))
      kernels.tile_to_pairs(
        m, n, dsRows, words(scratch.gradientRowPairs), words(scratch.gradientColumnPairs))
      p = scratch.weightPairs
      dsColumns = scratch.gradientColumnPairs
      dsRows = scratch.gradientRowPairs
    }
    let block = AttentionPlan.blockKeys
    scores.forEachPart(of: keys) { seeing, part in
      // Rows from a whole word of the summed axis on.
      let word = seeing.lowerBound >> rows.shift
      let words = products.words(seeing.upperBound - (word << rows.shift))
      // Weights and their gradients along the rows: [word][128 keys], or [key][64 words].
      let key = part.lowerBound - keys.lowerBound
      let isByRows = products.left.isByRows
      let place = isByRows ? key * block / 2 + word : word * block + key
      let stride = isByRows ? block / 2 : block
      let row = (tile.lowerBound >> rows.shift) + word
      let start = skip + key
      products.multiply(
        part.count, valueWidth, words, p + place, stride, rows.outputs + row * valueWidth,
        valueWidth, scratch.valueGradient + start * valueWidth, valueWidth, accumulate: true)
      products.multiply(
        part.count, width, words, dsColumns + place, stride, rows.queries + row * width, width,
        scratch.keyGradient + start * width, width, accumulate: true)
    }
    let target = queryGradient + tile.lowerBound * width
    scores.forEachRun(of: keys) { run, seen in
      let first = seen.lowerBound >> rows.shift
      products.multiplyRows(
        run.count, width, products.words(seen.count),
        dsRows + run.lowerBound * products.words(block) + first,
        scratch.keyRows + ((skip >> rows.shift) + first) * width, width,
        target + run.lowerBound * width, width, accumulate: true)
    }
  }
}

extension Tensor {
  /// Whether all elements of a float32 tensor `[B, G, S, D]` are finite, whatever its strides.
  fileprivate var hasFiniteRows: Bool {
    guard strides[3] == 1 || shape[3] == 1 else { return dense().hasFiniteRows }
    let (width, keys) = (shape[3], shape[2])
    let base = pointer(to: Float.self)
    let finite = Storage(byteCount: Swift.max(1, shape[0] * shape[1]))
    let flags = finite.base.assumingMemoryBound(to: Bool.self)
    ThreadPool.shared.parallel(shape[0] * shape[1], work: count) { index in
      let head =
        base + index / shape[1] * strides[0] + index % shape[1] * strides[1]
      flags[index] = (0..<keys).allSatisfy {
        Kernels.table.sum_of_squares_f32(width, head + $0 * strides[2]).isFinite
      }
    }
    return (0..<shape[0] * shape[1]).allSatisfy { flags[$0] }
  }
}

/// Queries and output gradients of a head as second operands of a product over rows.
private struct RowOperands {
  /// Dense.
  let queries: UnsafeMutablePointer<Float>
  let outputs: UnsafeMutablePointer<Float>
  let shift: Int
}
