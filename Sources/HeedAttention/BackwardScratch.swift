import HeedTensor

/// The working memory of one part of the backward, in one piece: O(T) for its head's packed
/// queries and output gradients, the rest a few tiles.
struct BackwardScratch {
  /// Transposed queries and output gradients of all row tiles.
  let queries: UnsafeMutablePointer<Float>
  let outputs: UnsafeMutablePointer<Float>
  /// The same as pairs of rows (bf16 only).
  let queryRows: UnsafeMutablePointer<Float>
  let outputRows: UnsafeMutablePointer<Float>
  /// One block of keys and values, transposed in panels, and the keys as rows.
  let keyPanels: UnsafeMutablePointer<Float>
  let valuePanels: UnsafeMutablePointer<Float>
  let keyRows: UnsafeMutablePointer<Float>
  let weights: UnsafeMutablePointer<Float>
  let gradients: UnsafeMutablePointer<Float>
  let weightPairs: UnsafeMutablePointer<Float>
  let gradientRowPairs: UnsafeMutablePointer<Float>
  let gradientColumnPairs: UnsafeMutablePointer<Float>
  let capped: UnsafeMutablePointer<Float>?
  let beforeRule: UnsafeMutablePointer<Float>?
  let low: UnsafeMutablePointer<Int32>
  let high: UnsafeMutablePointer<Int32>
  let cells: UnsafeMutablePointer<UInt8>
  /// dQ of one run, `[rows][D]`, where a part does several.
  let queryGradient: UnsafeMutablePointer<Float>
  private let storage: Storage

  init(_ plan: AttentionPlan, sumsQueries: Bool) {
    let block = AttentionPlan.blockKeys
    let rows = plan.tileRows
    let tile = rows * block + 32
    let paired = plan.precision == .bfloat16
    var offset = 0
    func reserve(_ floats: Int) -> Int {
      defer { offset += (floats + 15) / 16 * 16 }
      return offset
    }
    // Pairs along the rows for each key: [pair][128], or [128][64].
    let alongRows = max(tile / 2 + 128, block * block / 2)
    let pairedRows = paired ? (plan.rowCount + 1) / 2 : 0
    let places = [
      reserve(plan.rowCount * plan.keyWords), reserve(plan.rowCount * plan.valueWords),
      reserve(pairedRows * plan.width), reserve(pairedRows * plan.valueWidth),
      reserve(block * plan.keyWords), reserve(block * plan.valueWords),
      reserve(block * plan.width), reserve(tile), reserve(tile),
      reserve(paired ? alongRows : 0), reserve(paired ? tile / 2 + 128 : 0),
      reserve(paired ? alongRows : 0),
      reserve(plan.parts.softCap == nil ? 0 : tile), reserve(plan.parts.change == nil ? 0 : tile),
      reserve(rows), reserve(rows), reserve(rows * block / 4),
      reserve(sumsQueries ? plan.rowCount * plan.width : 0),
    ]
    storage = Storage(byteCount: 4 * offset)
    let base = storage.base.assumingMemoryBound(to: Float.self)
    queries = base + places[0]
    outputs = base + places[1]
    queryRows = base + places[2]
    outputRows = base + places[3]
    keyPanels = base + places[4]
    valuePanels = base + places[5]
    keyRows = base + places[6]
    weights = base + places[7]
    gradients = base + places[8]
    weightPairs = base + places[9]
    gradientRowPairs = base + places[10]
    gradientColumnPairs = base + places[11]
    capped = plan.parts.softCap == nil ? nil : base + places[12]
    beforeRule = plan.parts.change == nil ? nil : base + places[13]
    low = UnsafeMutableRawPointer(base + places[14]).assumingMemoryBound(to: Int32.self)
    high = UnsafeMutableRawPointer(base + places[15]).assumingMemoryBound(to: Int32.self)
    cells = UnsafeMutableRawPointer(base + places[16]).assumingMemoryBound(to: UInt8.self)
    queryGradient = base + places[17]
  }
}
