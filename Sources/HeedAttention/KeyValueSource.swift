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
  let keys: Tensor
  let values: Tensor
  /// Keys and values that are not stored as tensors; `keys` and `values` are then only shapes.
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
    self.keys = stored == nil ? Self.readable(keys, plan.precision, isKey: true) : keys
    self.values = stored == nil ? Self.readable(values, plan.precision, isKey: false) : values
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

  /// The tensor in a form whose rows can be read: float32, or bf16 where products are bf16.
  private static func readable(
    _ tensor: Tensor, _ precision: ProductPrecision, isKey: Bool
  ) -> Tensor {
    let strides = tensor.strides
    let hasRows = tensor.shape[3] <= 1 || strides[3] == 1
    if tensor.elementType == .float32 && hasRows { return tensor }
    let paired =
      !isKey
      || strides.dropLast().allSatisfy { $0 % 2 == 0 } && tensor.offset % 2 == 0
        && tensor.shape[3] % 2 == 0
    if tensor.elementType == .bfloat16 && precision == .bfloat16 && hasRows && paired {
      return tensor
    }
    return tensor.converted(to: .float32).dense()
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
        packRows(
          index, first, end - first, base + (index * pairCount + first / 2) * plan.valueWidth)
      }
    }
  }

  private func offset(_ tensor: Tensor, _ index: Int) -> Int {
    index / plan.groups * tensor.strides[0] + index % plan.groups * tensor.strides[1]
  }

  private func packPanel(_ index: Int, _ panel: Int, _ target: UnsafeMutablePointer<Float>) {
    let first = panel * AttentionPlan.panelKeys
    let rows = min(AttentionPlan.panelKeys, plan.keyCount - first)
    if let (words, stride) = keyWords(index, first) {
      products.kernels.pack_transposed_u32(
        rows, plan.keyWords, words.assumingMemoryBound(to: UInt32.self), stride,
        UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self), 32)
      return
    }
    if let stored {
      withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * plan.width) { floats in
        guard let floats = floats.baseAddress else { return }
        stored.keys.copy(index, first, rows, to: floats)
        products.packTransposed(rows, plan.width, floats, plan.width, target, 32)
      }
      return
    }
    let stride = keys.strides[2]
    products.packTransposed(
      rows, plan.width, keys.pointer(to: Float.self) + offset(keys, index) + first * stride, stride,
      target, 32)
  }

  /// Keys from `first` on where they lie as the products read them, floats or bf16 whose neighbours
  /// are pairs, and the words from one to the next.
  @inline(__always)
  private func keyWords(_ index: Int, _ first: Int) -> (UnsafeRawPointer, stride: Int)? {
    guard stored == nil, keys.elementType == .bfloat16 || !products.isPaired else { return nil }
    let size = keys.elementType.byteCount
    let stride = keys.strides[2]
    let start = offset(keys, index) + first * stride
    return (UnsafeRawPointer(keys.rawPointer) + size * start, stride * size / 4)
  }

  private func packRows(
    _ index: Int, _ first: Int, _ count: Int, _ target: UnsafeMutablePointer<Float>
  ) {
    let stride = values.strides[2]
    let start = offset(values, index) + first * stride
    if values.elementType == .bfloat16 {
      let source = (values.rawPointer + 2 * start).assumingMemoryBound(to: UInt16.self)
      products.kernels.pack_pairs_u16(
        count, plan.valueWidth, source, stride,
        UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self), plan.valueWidth)
    } else {
      products.packPairs(
        count, plan.valueWidth, values.pointer(to: Float.self) + start, stride, target,
        plan.valueWidth)
    }
  }

  /// Asks for the beginning of key/value head `index` (of B * G) where few rows will read it from
  /// memory: short caches are over before the processor has foreseen anything.
  @inline(__always)
  func ask(_ index: Int) {
    guard packedKeys == nil, stored == nil else { return }
    ask(keys, index)
    ask(values, index)
  }

  @inline(__always)
  private func ask(_ tensor: borrowing Tensor, _ index: Int) {
    let width = tensor.shape[3]
    guard tensor.strides[2] == width else { return }
    let size = tensor.elementType.byteCount
    heed_ask(
      UnsafeRawPointer(tensor.rawPointer) + offset(tensor, index) * size,
      min(16 << 10, tensor.shape[2] * width * size))
  }

  /// Keys from `first` on as they lie, and the words from one to the next, where few rows read them
  /// once; nil where panels are better.
  @inline(__always)
  func keyRows(_ index: Int, _ first: Int, rows: Int) -> (UnsafeRawPointer, stride: Int)? {
    guard rows <= TileProducts.fewRows, packedKeys == nil else { return nil }
    return keyWords(index, first)
  }

  /// bf16 values from `first` on as they lie, and the elements from one to the next, where few rows
  /// read them once; nil where pairs or floats are read.
  @inline(__always)
  func valueElements(
    _ index: Int, _ first: Int, rows: Int
  ) -> (UnsafePointer<UInt16>, stride: Int)? {
    guard rows <= TileProducts.fewRows, packedValues == nil, stored == nil,
      values.elementType == .bfloat16
    else { return nil }
    let stride = values.strides[2]
    let start = values.rawPointer + 2 * (offset(values, index) + first * stride)
    return (UnsafePointer(start.assumingMemoryBound(to: UInt16.self)), stride)
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
    if plan.precision == .float32 {
      let base = UnsafeMutablePointer(mutating: values.pointer(to: Float.self))
      return (base + offset(values, index) + first * values.strides[2], values.strides[2])
    }
    if let packedValues {
      let base = packedValues.base.assumingMemoryBound(to: Float.self)
      return (base + (index * pairCount + first / 2) * plan.valueWidth, plan.valueWidth)
    }
    packRows(index, first, count, scratch)
    return (scratch, plan.valueWidth)
  }
}
