import CHeedKernels
import HeedTensor

/// Where a tile finds keys and values, in the layout that the products read.
///
/// Keys are wanted transposed, in panels of 32; values as rows (float32) or pairs of rows (bf16).
/// With many rows both are packed once, before the tiles; with fewer each panel is packed when it is
/// read, into a scratch that stays in the first cache, so that memory is read once; and a handful of
/// rows (decoding) multiplies keys and values as they lie. All ways give the same bits. What is stored
/// otherwise (8 bits, pages) is always packed when
/// it is read, a panel of keys or a block of values at a time, so that memory holds the stored form
/// alone.
struct KeyValueSource: Sendable {
  let plan: AttentionPlan
  let products: TileProducts
  /// Keys and values in tensors; nil where they are stored otherwise.
  private let keys: HeadRows?
  private let values: HeadRows?
  private let stored: StoredKeyValues?
  /// All panels `[B * G][panel][word][32]`, when packed before.
  private let packedKeys: Storage?
  /// All pairs of value rows `[B * G][pair][Dv]`, when packed before.
  private let packedValues: Storage?

  private var panelWords: Int { plan.keyWords * AttentionPlan.panelKeys }
  private var pairCount: Int { (plan.keyCount + 1) / 2 }

  /// - Parameter packed: packs everything now, on all threads; tensors only.
  init(
    _ plan: AttentionPlan, keys: Tensor, values: Tensor, stored: StoredKeyValues? = nil,
    packed: Bool
  ) {
    self.plan = plan
    self.stored = stored
    products = TileProducts(plan.precision)
    func rows(_ tensor: Tensor) -> HeadRows? {
      stored == nil ? HeadRows(tensor, groupSize: 1, precision: plan.precision) : nil
    }
    self.keys = rows(keys)
    self.values = rows(values)
    let packed = packed && stored == nil
    let count = plan.batch * plan.groups
    packedKeys =
      packed
      ? Storage(byteCount: max(4 * count * plan.panelCount * plan.keyWords * 32, 64)) : nil
    packedValues =
      packed && plan.precision == .bfloat16
      ? Storage(byteCount: max(4 * count * ((plan.keyCount + 1) / 2) * plan.valueWidth, 64)) : nil
    if packed { packAll() }
  }

  private func packAll() {
    let chunk = 512
    let chunks = (plan.keyCount + chunk - 1) / chunk
    let work = plan.batch * plan.groups * plan.keyCount * (plan.width + plan.valueWidth)
    ThreadPool.shared.parallel(plan.batch * plan.groups * chunks, work: work) { part in
      let index = part / chunks
      let first = part % chunks * chunk
      let end = min(first + chunk, plan.keyCount)
      if let packedKeys {
        let base = packedKeys.base.assumingMemoryBound(to: Float.self)
        for panel in first / 32..<(end + 31) / 32 {
          packPanel(index, panel, base + (index * plan.panelCount + panel) * panelWords)
        }
      }
      if let packedValues {
        let base = packedValues.base.assumingMemoryBound(to: Float.self)
        values?.packRows(
          products, index, first, end - first,
          to: base + (index * pairCount + first / 2) * plan.valueWidth)
      }
    }
  }

  private func packPanel(_ index: Int, _ panel: Int, _ target: UnsafeMutablePointer<Float>) {
    let first = panel * AttentionPlan.panelKeys
    let rows = min(AttentionPlan.panelKeys, plan.keyCount - first)
    if let stored {
      withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * plan.width) { floats in
        guard let floats = floats.baseAddress else { return }
        stored.keys.copy(index, first, rows, to: floats)
        products.packTransposed(rows, plan.width, floats, plan.width, target, 32)
      }
      return
    }
    keys?.packPanel(products, index, first, rows, to: target)
  }

  /// Asks for the beginning of key/value head `index` (of B * G) where few rows will read it from
  /// memory: short caches are over before the processor has foreseen anything.
  @inline(__always)
  func ask(_ index: Int) {
    guard packedKeys == nil, stored == nil else { return }
    keys?.ask(index)
    values?.ask(index)
  }

  /// Keys from `first` on as they lie, and the words from one to the next, where few rows read them
  /// once; nil where panels are better.
  @inline(__always)
  func keyRows(_ index: Int, _ first: Int, rows: Int) -> (UnsafeRawPointer, stride: Int)? {
    guard rows <= TileProducts.fewRows, packedKeys == nil else { return nil }
    return keys?.words(products, index, first)
  }

  /// bf16 values from `first` on as they lie, and the elements from one to the next, where few rows
  /// read them once; nil where pairs or floats are read.
  @inline(__always)
  func valueElements(
    _ index: Int, _ first: Int, rows: Int
  ) -> (UnsafePointer<UInt16>, stride: Int)? {
    guard rows <= TileProducts.fewRows, packedValues == nil else { return nil }
    return values?.elements(index, first)
  }

  /// Panels `first ..< end` of key/value head `index` (of B * G), `[panel][word][32]`; `scratch` has
  /// room for them.
  @inline(__always)
  func keyPanels(
    _ index: Int, _ first: Int, _ end: Int, scratch: UnsafeMutablePointer<Float>
  ) -> UnsafeMutablePointer<Float> {
    if let packedKeys {
      return packedKeys.base.assumingMemoryBound(to: Float.self)
        + (index * plan.panelCount + first) * panelWords
    }
    for panel in first..<end { packPanel(index, panel, scratch + (panel - first) * panelWords) }
    return scratch
  }

  /// `count` value rows from the even key `first` on, as second operand, and their stride.
  @inline(__always)
  func valueRows(
    _ index: Int, _ first: Int, _ count: Int, scratch: UnsafeMutablePointer<Float>
  ) -> (UnsafeMutablePointer<Float>, stride: Int) {
    if let stored {
      // Rows as floats; for pairs, behind these (see `ForwardScratch.values`).
      let floats =
        products.isPaired ? scratch + AttentionPlan.blockKeys / 2 * plan.valueWidth : scratch
      stored.values.copy(index, first, count, to: floats)
      if products.isPaired {
        products.packPairs(
          count, plan.valueWidth, floats, plan.valueWidth, scratch, plan.valueWidth)
      }
      return (scratch, plan.valueWidth)
    }
    if plan.precision == .float32, let values {
      return (UnsafeMutablePointer(mutating: values.floats(index, first)), values.stride)
    }
    if let packedValues {
      let base = packedValues.base.assumingMemoryBound(to: Float.self)
      return (base + (index * pairCount + first / 2) * plan.valueWidth, plan.valueWidth)
    }
    values?.packRows(products, index, first, count, to: scratch)
    return (scratch, plan.valueWidth)
  }
}
