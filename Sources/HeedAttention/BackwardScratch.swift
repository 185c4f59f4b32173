import HeedTensor

/// The working memory of one part of the backward, in one piece: O(T) for its head's packed
/// queries and output gradients, the rest a few tiles.
struct BackwardScratch {
  /// Transposed queries and output gradients of all row tiles.
  let queries: UnsafeMutablePointer<Float>
  let outputs: UnsafeMutablePointer<Float>
  /// The same as pairs of rows in bf16, as rows in float32; nil where they are read in place.
  let queryRows: UnsafeMutablePointer<Float>?
  let outputRows: UnsafeMutablePointer<Float>?
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
  /// dQ `[rows][D]`, and where a part does several runs that of one of them behind it.
  let queryGradients: UnsafeMutablePointer<Float>
  /// dK and dV of a block.
  let keyGradient: UnsafeMutablePointer<Float>
  let valueGradient: UnsafeMutablePointer<Float>
  private let storage: Storage

  /// - Parameters:
  ///   - queryRuns: runs whose dQ is summed here.
  ///   - copiesQueries: whether rows of queries are copied or paired; `copiesOutputs` alike.
  init(_ plan: AttentionPlan, queryRuns: Int, copiesQueries: Bool, copiesOutputs: Bool) {
    let block = AttentionPlan.blockKeys
    let rows = plan.backwardTileRows
    let tile = rows * block + 32
    let paired = plan.precision == .bfloat16
    var offset = 0
    func reserve(_ floats: Int) -> Int {
      defer { offset += (floats + 15) / 16 * 16 }
      return offset
    }
    // Pairs along the rows for each key: [pair][128], or [128][64].
    let alongRows = max(tile / 2 + 128, block * block / 2)
    let rowWords = paired ? (plan.rowCount + 1) / 2 : plan.rowCount
    let places = [
      reserve(plan.rowCount * plan.keyWords), reserve(plan.rowCount * plan.valueWords),
      reserve(copiesQueries ? rowWords * plan.width : 0),
      reserve(copiesOutputs ? rowWords * plan.valueWidth : 0),
      reserve(block * plan.keyWords), reserve(block * plan.valueWords),
      reserve(block * plan.width), reserve(tile), reserve(tile),
      reserve(paired ? alongRows : 0), reserve(paired ? tile / 2 + 128 : 0),
      reserve(paired ? alongRows : 0),
      reserve(plan.parts.softCap == nil ? 0 : tile), reserve(plan.parts.change == nil ? 0 : tile),
      reserve(rows), reserve(rows), reserve(rows * block / 4),
      reserve(min(queryRuns, 2) * plan.rowCount * plan.width),
      reserve(block * plan.width), reserve(block * plan.valueWidth),
    ]
    storage = Storage(byteCount: 4 * offset)
    let base = storage.base.assumingMemoryBound(to: Float.self)
    queries = base + places[0]
    outputs = base + places[1]
    queryRows = copiesQueries ? base + places[2] : nil
    outputRows = copiesOutputs ? base + places[3] : nil
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
    queryGradients = base + places[17]
    keyGradient = base + places[18]
    valueGradient = base + places[19]
  }
}
