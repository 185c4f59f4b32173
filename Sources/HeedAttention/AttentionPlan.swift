import CHeedKernels
import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One call of the fused attention, with everything that its tiles need to know.
///
/// Rows. The query heads of one key/value head lie one after the other in memory, so their queries
/// form one list of R = (H / G) * T rows that read the same keys: a tile is a run of these rows,
/// whatever heads they belong to. Decoding (T = 1) thus reads each key once for its whole group.
///
/// Order of sums. Keys are taken in blocks of 128 and splits of 1,024, both counted from key 0. A
/// split is an online softmax of its own; splits are then joined in order. Neither depends on how
/// many queries there are, on the batch or on threads: hence the same bits for one query or many.
final class AttentionPlan: Sendable {
  static let blockKeys = Int(HEED_SCORE_STRIDE)
  static let panelKeys = Int(HEED_PANEL)
  static let splitKeys = 1024
  /// Rows of a tile: four register tiles of 14 rows, or two of 32 where there are tile registers. Even,
  /// as pairs of rows want it.
  let tileRows: Int
  /// The same of the backward, whose gradients of keys and values are read and written once for each tile.
  let backwardTileRows: Int

  let batch: Int
  let heads: Int
  let groups: Int
  let queryCount: Int
  let keyCount: Int
  let width: Int
  let valueWidth: Int
  let scale: Float
  let precision: ProductPrecision
  let parts: AttentionParts
  let mask: Mask
  /// For each sequence, or one for all.
  private let ranges: [RowRanges]
  /// True when scores are changed between the product and the softmax, other than by the mask.
  let changesScores: Bool

  var groupSize: Int { heads / groups }
  /// Rows that read one key/value head.
  var rowCount: Int { groupSize * queryCount }
  /// 32-bit words of one key's panel column: floats, or pairs of bf16.
  var keyWords: Int { precision == .float32 ? width : (width + 1) / 2 }
  var valueWords: Int { precision == .float32 ? valueWidth : (valueWidth + 1) / 2 }
  var panelCount: Int { (keyCount + Self.panelKeys - 1) / Self.panelKeys }

  /// True when some query may not see some key.
  var isMasked: Bool { if case .none = mask { false } else { true } }

  /// What the softmax multiplies scores by, in powers of two.
  var softmaxFactor: Float { (changesScores ? 1 : scale) * Float(M_LOG2E) }

  init(
    queries: Tensor, keys: Tensor, values: Tensor, scale: Float?, mask: Mask,
    parts: AttentionParts, precision: ProductPrecision
  ) {
    let (q, k, v) = (queries.shape, keys.shape, values.shape)
    precondition(
      q.count == 4 && k.count == 4 && v.count == 4 && q[0] == k[0] && k[0] == v[0]
        && k[1] == v[1] && k[1] > 0 && q[1] % k[1] == 0 && k[2] == v[2] && q[3] == k[3],
      "attention: queries \(q), keys \(k) and values \(v) do not fit")
    batch = q[0]
    heads = q[1]
    groups = k[1]
    queryCount = q[2]
    keyCount = k[2]
    width = q[3]
    valueWidth = v[3]
    self.scale = scale ?? 1 / Float(max(q[3], 1)).squareRoot()
    self.precision = precision
    let isByRows = LeftLayout(precision).isByRows
    tileRows = isByRows ? 64 : 56
    backwardTileRows = precision == .bfloat16 && !isByRows ? 112 : tileRows
    self.parts = parts.prepared(batch: q[0], heads: q[1], queryCount: q[2], keyCount: k[2])
    let parts = self.parts
    changesScores =
      parts.bias != nil || parts.slopes != nil || parts.softCap != nil || parts.change != nil
      || !(self.scale > 0)
    let prepared = mask.prepared(batch: q[0], heads: q[1], queryCount: q[2], keyCount: k[2])
    self.mask = prepared
    let distinct = prepared.isSameForAllSequences ? min(1, q[0]) : q[0]
    let groupSize = q[1] / k[1]
    ranges = (0..<distinct).map {
      RowRanges(
        prepared.ranges(batch: $0, queryCount: q[2], keyCount: k[2]), groupSize: groupSize)
    }
  }

  /// Who sees what of sequence `batch`.
  func ranges(of batch: Int) -> RowRanges { ranges[ranges.count == 1 ? 0 : batch] }

  /// Head and query of a row of key/value head `group`.
  func place(of row: Int, group: Int) -> (head: Int, query: Int) {
    (group * groupSize + row / queryCount, row % queryCount)
  }

  /// Whether the ranges of the mask say that every key is seen by some query.
  var seesAllKeys: Bool { ranges.allSatisfy { $0.exact && $0.cover(keyCount: keyCount) } }

  /// Whether some query sees each key of key/value head `index` (of B * G).
  func seenKeys(of index: Int) -> [Bool] {
    let batch = index / groups
    let ranges = ranges(of: batch)
    var seen = [Bool](repeating: false, count: keyCount)
    for row in 0..<rowCount {
      let (head, query) = place(of: row, group: index % groups)
      let range = Int(ranges.low[row])..<Int(ranges.high[row])
      if range.isEmpty { continue }
      if ranges.exact {
        for key in range { seen[key] = true }
        continue
      }
      forEachVisible(of: range, batch: batch, head: head, query: query) { seen[$0] = true }
    }
    return seen
  }

  /// Which keys a query of a head may see; `[S]`.
  func visibleKeys(batch: Int, head: Int, query: Int) -> [Bool] {
    let ranges = ranges(of: batch)
    let row = head % groupSize * queryCount + query
    let range = Int(ranges.low[row])..<Int(ranges.high[row])
    var visible = [Bool](repeating: false, count: keyCount)
    if ranges.exact {
      for key in range { visible[key] = true }
    } else if !range.isEmpty {
      forEachVisible(of: range, batch: batch, head: head, query: query) { visible[$0] = true }
    }
    return visible
  }

  /// Asks the mask about each key of `range`.
  private func forEachVisible(
    of range: Range<Int>, batch: Int, head: Int, query: Int, _ body: (Int) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: range.count) { cells in
      guard let base = cells.baseAddress else { return }
      mask.fill(
        base, batch: batch, head: head, query: query, firstKey: range.lowerBound,
        count: range.count, queryCount: queryCount, keyCount: keyCount)
      for (i, key) in range.enumerated() where base[i] != 0 { body(key) }
    }
  }
}
