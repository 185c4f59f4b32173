import CHeedKernels

// How a product with a quantised weight is cut. Few rows: parts of panels, in bytes, because memory is
// the limit; enough parts that two threads finish together. Many rows: blocks of rows, whose
// activations stay in the second cache while panels pass by.

struct BlockProduct {
  let rows: Int
  let weight: QuantizedMatrix
  let bias: UnsafePointer<Float>?
  let activation: Activation
  let result: UnsafeMutablePointer<Float>

  /// Rows that are one tile or two: the weight is read from memory once and is what costs.
  private static let fewRows = 12

  /// Whether blocks are two halves, each with a scale, and come in runs: rows are then whole runs, as those
  /// of Q6_K are.
  private var hasHalves: Bool { weight.format == HEED_PANEL_6 }
  private var sumsPerBlock: Int { hasHalves ? 2 : 1 }
  private var blocks: Int { (weight.inputCount + 31) / 32 }
  private var panels: Int {
    (weight.outputCount + TiledProduct.panel - 1) / TiledProduct.panel
  }

  /// `x` is `[rows, K]`, dense.
  func run(_ x: UnsafePointer<Float>) {
    guard rows > 0, weight.outputCount > 0 else { return }
    let k = weight.inputCount
    let (blocks, panels) = (blocks, panels)
    let count = rows * blocks
    let storage = Storage(byteCount: count * 44)
    let scales = storage.base.assumingMemoryBound(to: Float.self)
    let sums = (storage.base + count * 4).assumingMemoryBound(to: Int32.self)
    let values = (storage.base + count * 12).assumingMemoryBound(to: Int8.self)
    let chunk = max(1, (1 << 14) / max(k, 1))
    ThreadPool.shared.parallel((rows + chunk - 1) / chunk, work: rows * k) { part in
      for row in part * chunk..<min(rows, (part + 1) * chunk) {
        Kernels.table.quantize_blocks_i8(
          k, x + row * k, values + row * blocks * 32, scales + row * blocks,
          sums + row * blocks * sumsPerBlock)
        if hasHalves {
          heed_half_sums(blocks, values + row * blocks * 32, sums + row * blocks * sumsPerBlock)
        }
      }
    }
    var rowsPerPart = rows
    var panelsPerPart: Int
    let panelBytes = weight.panels.shape[1]
    if rows <= Self.fewRows {
      let bytes = min(128 << 10, max(64 << 10, panels * panelBytes / 16))
      panelsPerPart = max(1, bytes / max(panelBytes, 1))
    } else {
      let rowBlocks = (rows + 251) / 252
      // Whole tiles: of 6 rows for dot products, of 16 in tile registers.
      rowsPerPart = ((rows + rowBlocks - 1) / rowBlocks + 47) / 48 * 48
      let groups = max(1, 12 / rowBlocks)
      panelsPerPart = (panels + groups - 1) / groups
    }
    let rowParts = (rows + rowsPerPart - 1) / rowsPerPart
    let panelParts = (panels + panelsPerPart - 1) / panelsPerPart
    let work = rows * k * weight.outputCount
    let order: ThreadPool.Order = rows <= Self.fewRows ? .runs : .next
    ThreadPool.shared.parallel(rowParts * panelParts, work: work, order: order) { part in
      let firstRow = part % rowParts * rowsPerPart
      let first = part / rowParts * panelsPerPart
      multiply(
        rows: firstRow..<min(rows, firstRow + rowsPerPart),
        panels: first..<min(panels, first + panelsPerPart),
        values, scales, sums)
    }
    withExtendedLifetime(storage) {}
  }

  private func multiply(
    rows: Range<Int>, panels: Range<Int>, _ values: UnsafePointer<Int8>,
    _ scales: UnsafePointer<Float>, _ sums: UnsafePointer<Int32>
  ) {
    let start = rows.lowerBound * blocks
    let n = weight.outputCount
    let width = TiledProduct.panel
    let panelBytes = weight.panels.shape[1]
    let c = result + rows.lowerBound * n
    for panel in panels {
      Kernels.table.tile_blocks(
        weight.format, rows.count, min(width, n - panel * width), blocks, values + start * 32,
        scales + start, sums + start * sumsPerBlock, weight.panels.rawPointer + panel * panelBytes,
        c + panel * width, n, 0)
    }
    guard bias != nil || activation != .identity else { return }
    let columns = panels.lowerBound * width..<min(n, panels.upperBound * width)
    for row in 0..<rows.count {
      let y = c + row * n + columns.lowerBound
      if let bias { Kernels.table.add_f32(columns.count, y, bias + columns.lowerBound, y) }
      if activation != .identity { activation.values(columns.count, y, y) }
    }
  }
}
