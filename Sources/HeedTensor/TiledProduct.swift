import CHeedKernels

// The float32 matrix product, blocked for the caches (Goto & van de Geijn 2008, "Anatomy of
// high-performance matrix multiplication", doi 10.1145/1356052.1356053).
//
//   part      a block of rows of c times a group of panels (32 columns each); parts go to threads
//   k block   1,024 values of a deep product (2,048 in bf16); products up to 1.5 times as deep are
//             one block
//   row tile  at most 14 rows: what a micro-kernel holds in registers
//
// Where the processor has tile registers for bf16, the row tile is the whole block of rows, a multiple
// of 32: panels are then read from the second cache and the more rows share one the better.
//
// Inside a part: for each k block, the rows of a are packed by tiles ([k][rows of the tile]), but for a
// single tile whose rows are read where they lie (see LeftLayout); for each panel, its block is packed
// (or was, see PackedMatrix) and all row tiles go over it. Every element of c is one sum over k in
// order, whatever m, n and the parts are, because a k block continues from what c holds. So a row
// computed alone has the bits of the same row among others.

enum TiledProduct {
  static let panel = Int(HEED_PANEL)
  static let tileRows = 14
  /// Rows of which the micro-kernel takes several panels at once.
  private static let fewRows = 6
  /// Values of k that are packed at once of an operand whose rows of memory go across its panels or
  /// tiles; even, because of pairs.
  private static let packedDepth = 64
  /// Rows that tile registers take at once.
  static let registerRows = 32

  /// How one product is cut, from its shape alone.
  struct Plan {
    var rowsPerPart: Int
    var panelsPerPart: Int
    var depthBlock: Int
    /// Rows of a tile, at most.
    let tileRows: Int
    let rowParts: Int
    let panelParts: Int
    /// Small products share a part.
    let itemsPerPart: Int
    /// Packed panels are taken several at a time: a row tile is read, and where bf16 has to be widened it
    /// is widened, once for all of them.
    let panelsPerStep: Int

    /// Columns of the sums of a part that are kept until they are rounded.
    let sumColumns: Int
    /// Whether the rows of a are read where they lie: a single tile by rows, in the numbers of the product.
    let readsRows: Bool

    init(_ product: MatrixProduct<Float>) {
      let (rows, columns, depth) = (product.rows, product.columns, product.depth)
      let precision = product.precision
      let panels = (columns + panel - 1) / panel
      let bytesPerPanel = max(1, depth) * panel * (precision == .float32 ? 4 : 2)
      let isByRows = LeftLayout.hasTileRegisters(precision)
      if rows <= (isByRows ? registerRows : TiledProduct.tileRows) {
        // One tile of rows: b is read once, straight through. 256 KB of it in each part, where the
        // micro-kernel finds fours of panels; more rows take one panel after the other, and a thread that
        // has nothing left waits the shorter for the last.
        depthBlock = max(depth, 1)
        rowsPerPart = max(rows, 1)
        tileRows = rowsPerPart
        let bytesPerPart = rows <= TiledProduct.fewRows ? 256 << 10 : 64 << 10
        let most = max(1, min(panels, bytesPerPart / bytesPerPanel))
        panelsPerPart = most < 4 ? most : most / 4 * 4
      } else if isByRows {
        depthBlock = depth <= 1536 ? max(depth, 1) : 1024
        let blocks = (rows + 255) / 256
        rowsPerPart =
          ((rows + blocks - 1) / blocks + registerRows - 1) / registerRows * registerRows
        tileRows = rowsPerPart
        panelsPerPart = max(2, (panels * blocks + 11) / 12)
      } else {
        tileRows = TiledProduct.tileRows
        // Deep blocks: c is then read and written seldom, and a panel of b, which no longer fits the
        // first cache, is asked for in time by the micro-kernel.
        let whole = precision == .float32 ? 1536 : 3072
        depthBlock = depth <= whole ? max(depth, 1) : whole * 2 / 3
        // Even blocks of rows, whose packed k block stays in the second cache (512 KB).
        let bytesPerRow = depthBlock * (precision == .float32 ? 4 : 2)
        let most = min(256, max(112, (512 << 10) / bytesPerRow))
        var blocks = (rows + most - 1) / most
        // About a dozen parts: enough for threads to finish together.
        let groups = max(1, 12 / blocks)
        // Where blocks of rows are the parts, as many for each of two, four or eight threads.
        if groups == 1 { blocks = (blocks + 7) / 8 * 8 }
        rowsPerPart = (rows + blocks - 1) / blocks
        panelsPerPart = max(2, (panels + groups - 1) / groups)
      }
      rowParts = max(1, (rows + rowsPerPart - 1) / rowsPerPart)
      panelParts = max(1, (panels + panelsPerPart - 1) / max(1, panelsPerPart))
      let work = max(1, rows * columns * depth)
      itemsPerPart = rowParts * panelParts == 1 ? max(1, (1 << 18) / work) : 1
      let block = max(1, min(depthBlock, depth))
      if case .panels = product.right {
        panelsPerStep = max(1, (256 << 10) / (block * panel * 4))
      } else {
        panelsPerStep = 1
      }
      sumColumns = min(panelsPerPart, depthBlock < depth ? panelsPerPart : panelsPerStep) * panel
      let isOneTile = rows <= rowsPerPart && rows <= tileRows && depth <= depthBlock
      readsRows =
        isOneTile && LeftLayout(product).isByRows && !product.left.liesAcross
        && (product.left.isHalves || precision == .float32)
    }
  }

  static func run(_ product: MatrixProduct<Float>) {
    guard product.rows > 0, product.columns > 0 else { return }
    var plan = Plan(product)
    let parts = plan.rowParts * plan.panelParts
    // Columns that several blocks of rows read are packed once, before.
    var product = product
    var packedColumns: Storage?
    if !product.right.isPacked, product.itemCount == 1, plan.rowParts > 1 {
      let storage = packColumns(product)
      product.right = .panels(UnsafeRawPointer(storage.base))
      packedColumns = storage
      plan = Plan(product)
    }
    // Rows that several parts read are packed once, before.
    let isShared = product.itemCount == 1 && plan.panelParts > 1 && !plan.readsRows
    let packedRows = isShared ? packRows(product, plan) : nil
    // Few rows read b once, from memory.
    let order: ThreadPool.Order = plan.rowParts == 1 && product.rows <= tileRows ? .runs : .next
    forChunks(product.itemCount * parts, of: plan.itemsPerPart, order: order) {
      [product] start, count in
      let scratch = Scratch(product, plan, sharedRows: packedRows)
      for index in start..<start + count {
        let (item, part) = index.quotientAndRemainder(dividingBy: parts)
        run(
          product, plan, item: item, rowPart: part % plan.rowParts,
          panelPart: part / plan.rowParts, scratch)
      }
    }
    withExtendedLifetime((packedRows, packedColumns)) {}
  }

  /// All of b in panels, as `PackedMatrix` has them.
  private static func packColumns(_ product: MatrixProduct<Float>) -> Storage {
    let panels = (product.columns + panel - 1) / panel
    let units = product.precision == .float32 ? product.depth : (product.depth + 1) / 2
    let storage = Storage(byteCount: panels * units * panel * 4)
    let step = product.right.liesAcross ? packedDepth : max(product.depth, 1)
    let bands = (product.depth + step - 1) / step
    // Where columns are neighbours, all panels of some rows, which are read in the order of memory.
    let together = product.right.liesAcross ? panels : 1
    ThreadPool.shared.parallel(bands * (panels / together)) { part in
      let kk = part % bands * step
      let unit = product.precision == .float32 ? kk : kk / 2
      for index in part / bands * together..<(part / bands + 1) * together {
        let first = index * panel
        packPanel(
          product, 0, first..<min(first + panel, product.columns), from: kk,
          min(step, product.depth - kk), storage.base + (first * units + unit * panel) * 4)
      }
    }
    return storage
  }

  /// All rows of a, packed: for each block of rows its k blocks, for each of them its tiles.
  private static func packRows(_ product: MatrixProduct<Float>, _ plan: Plan) -> Storage {
    let storage = Storage(byteCount: product.rows * (product.depth + 1) * 4)
    let depthParts = (product.depth + plan.depthBlock - 1) / plan.depthBlock
    ThreadPool.shared.parallel(plan.rowParts * depthParts) { part in
      let firstRow = part / depthParts * plan.rowsPerPart
      let rows = min(plan.rowsPerPart, product.rows - firstRow)
      let kk = part % depthParts * plan.depthBlock
      pack(
        product, item: 0, rows: firstRow..<firstRow + rows,
        tiles: (rows + plan.tileRows - 1) / plan.tileRows, from: kk,
        depth: min(plan.depthBlock, product.depth - kk),
        storage.base + place(of: kk, firstRow: firstRow, rows: rows, product))
    }
    return storage
  }

  /// Byte offset of a k block of a block of rows in what `packRows` made.
  private static func place(
    of kk: Int, firstRow: Int, rows: Int, _ product: MatrixProduct<Float>
  ) -> Int {
    func units(_ depth: Int) -> Int {
      product.precision == .float32 ? depth : (depth + 1) / 2
    }
    return (firstRow * units(product.depth) + rows * units(kk)) * 4
  }

  /// Memory of one part: the packed rows of a, one packed panel of b, and sums that will be rounded.
  struct Scratch {
    private let storage: Storage
    /// All rows, packed before; nil: `rows` holds those of this part.
    let sharedRows: UnsafeMutableRawPointer?
    let rows: UnsafeMutableRawPointer
    let panel: UnsafeMutableRawPointer
    /// The sums of a block of rows, where the result is rounded.
    let sums: UnsafeMutablePointer<Float>

    init(_ product: MatrixProduct<Float>, _ plan: Plan, sharedRows: Storage?) {
      let depth = min(plan.depthBlock, product.depth) + 1
      let isPacked = sharedRows == nil && !plan.readsRows
      let rowBytes = isPacked ? (plan.rowsPerPart * depth * 4 + 63) & ~63 : 0
      self.sharedRows = sharedRows?.base
      var panelBytes = 0
      if !product.right.isPacked { panelBytes = TiledProduct.panel * depth * 4 }
      var sumBytes = 0
      if case .halves = product.result { sumBytes = plan.rowsPerPart * plan.sumColumns * 4 }
      storage = Storage(byteCount: rowBytes + panelBytes + sumBytes)
      rows = storage.base
      panel = storage.base + rowBytes
      sums = (panel + panelBytes).assumingMemoryBound(to: Float.self)
    }
  }

  /// The rows of a that a part multiplies.
  private enum LeftRows {
    case packed(UnsafeRawPointer)
    /// Where they lie, `stride` words apart.
    case asTheyLie(UnsafeRawPointer, stride: Int)

    init(of left: LeftOperand<Float>, at place: Int) {
      switch left {
      case .matrix(let a): self = .asTheyLie(a.base + place, stride: a.rowStride)
      case .halves(let a): self = .asTheyLie(a.base + place, stride: a.rowStride / 2)
      }
    }
  }

  private static func run(
    _ product: MatrixProduct<Float>, _ plan: Plan, item: Int, rowPart: Int, panelPart: Int,
    _ scratch: Scratch
  ) {
    let firstRow = rowPart * plan.rowsPerPart
    let rows = min(plan.rowsPerPart, product.rows - firstRow)
    let blockRows = item * product.rows + firstRow..<item * product.rows + firstRow + rows
    let firstPanel = panelPart * plan.panelsPerPart
    let lastPanel = min((product.columns + panel - 1) / panel, firstPanel + plan.panelsPerPart)
    let tiles = (rows + plan.tileRows - 1) / plan.tileRows
    var kk = 0
    repeat {
      let depth = min(plan.depthBlock, product.depth - kk)
      let left: LeftRows
      if plan.readsRows {
        left = LeftRows(of: product.left, at: product.leftPlaces[item])
      } else if let shared = scratch.sharedRows {
        left = .packed(shared + place(of: kk, firstRow: firstRow, rows: rows, product))
      } else {
        pack(
          product, item: item, rows: firstRow..<firstRow + rows, tiles: tiles, from: kk,
          depth: depth, scratch.rows)
        left = .packed(scratch.rows)
      }
      for index in stride(from: firstPanel, to: lastPanel, by: plan.panelsPerStep) {
        let columns =
          index * panel..<min(min(index + plan.panelsPerStep, lastPanel) * panel, product.columns)
        let (b, panelStride) = panels(product, item, columns, from: kk, depth, scratch.panel)
        let c: MatrixBlock<Float>
        switch product.result {
        case .scalars(let result):
          c = MatrixBlock(
            base: result + blockRows.lowerBound * product.columns + columns.lowerBound,
            stride: product.columns, rows: blockRows, columns: columns)
        case .halves:
          // Sums of several k blocks stay until the last.
          let before = depth == product.depth ? 0 : columns.lowerBound - firstPanel * panel
          c = MatrixBlock(
            base: scratch.sums + before, stride: plan.sumColumns, rows: blockRows,
            columns: columns)
        }
        multiply(
          LeftLayout(product), rows: rows, tiles: tiles, width: columns.count, depth: depth, left,
          b, panelStride: panelStride, c.base, stride: c.stride, accumulate: kk > 0)
        if case .halves(let result) = product.result, kk + depth == product.depth {
          product.finish(c)
          let first = blockRows.lowerBound * product.columns + columns.lowerBound
          for row in 0..<rows {
            Kernels.table.bf16_from_f32(
              columns.count, c.base + row * c.stride, result + first + row * product.columns)
          }
        }
      }
      kk += depth
    } while kk < product.depth
    guard case .scalars(let result) = product.result, !product.epilogue.isEmpty else { return }
    product.finish(
      MatrixBlock(
        base: result + blockRows.lowerBound * product.columns + firstPanel * panel,
        stride: product.columns, rows: blockRows,
        columns: firstPanel * panel..<min(product.columns, lastPanel * panel)))
  }

  /// First row of tile `tile` when `rows` rows are cut into `tiles` even tiles.
  @inline(__always)
  private static func start(_ tile: Int, _ rows: Int, _ tiles: Int) -> Int {
    tile * (rows / tiles) + min(tile, rows % tiles)
  }

  /// Tiles of `rows` of a, one after the other, each [k][rows of the tile].
  private static func pack(
    _ product: MatrixProduct<Float>, item: Int, rows: Range<Int>, tiles: Int, from kk: Int,
    depth: Int, _ target: UnsafeMutableRawPointer
  ) {
    let layout = LeftLayout(product)
    // Where neighbours in memory are rows, all tiles take their part of a line while it is in the cache.
    let step = product.left.liesAcross && !layout.isByRows ? packedDepth : max(depth, 1)
    for kkk in stride(from: 0, to: max(depth, 1), by: step) {
      let part = min(step, depth - kkk)
      for tile in 0..<tiles {
        let first = start(tile, rows.count, tiles)
        let count = start(tile + 1, rows.count, tiles) - first
        let row = rows.lowerBound + first
        let place = target + (first * layout.words(depth) + count * layout.words(kkk)) * 4
        switch product.left {
        case .matrix(let a):
          layout.pack(
            rows: count, depth: part,
            a.base + product.leftPlaces[item] + row * a.rowStride + (kk + kkk) * a.columnStride,
            rowStride: a.rowStride, columnStride: a.columnStride, to: place)
        case .halves(let a):
          layout.pack(
            rows: count, depth: part,
            halves: a.base + product.leftPlaces[item] + row * a.rowStride
              + (kk + kkk) * a.columnStride,
            rowStride: a.rowStride, columnStride: a.columnStride, to: place)
        }
      }
    }
  }

  /// The k block of the panels of `columns`, and the words between panels: one panel packed now,
  /// or a place in what was packed before.
  private static func panels(
    _ product: MatrixProduct<Float>, _ item: Int, _ columns: Range<Int>, from kk: Int,
    _ depth: Int, _ scratch: UnsafeMutableRawPointer
  ) -> (UnsafeRawPointer, panelStride: Int) {
    if case .panels(let base) = product.right {
      let units = product.precision == .float32 ? product.depth : (product.depth + 1) / 2
      let unit = product.precision == .float32 ? kk : kk / 2
      return (base + (columns.lowerBound * units + unit * panel) * 4, units * panel)
    }
    packPanel(product, item, columns, from: kk, depth, scratch)
    return (UnsafeRawPointer(scratch), 0)
  }

  /// One panel of what is not packed yet.
  private static func packPanel(
    _ product: MatrixProduct<Float>, _ item: Int, _ columns: Range<Int>, from kk: Int,
    _ depth: Int, _ target: UnsafeMutableRawPointer
  ) {
    let place = product.rightPlaces[item]
    switch product.right {
    case .panels: break
    case .matrix(let b):
      packPanel(
        b.base + place + kk * b.rowStride + columns.lowerBound * b.columnStride,
        rowStride: b.rowStride, columnStride: b.columnStride, depth: depth, width: columns.count,
        product.precision, target)
    case .halves(let b):
      Kernels.table.pack_pairs_u16(
        depth, columns.count, b.base + place + kk * b.rowStride + columns.lowerBound,
        b.rowStride, target.assumingMemoryBound(to: UInt32.self), panel)
    }
  }

  /// `depth` x `width` of b, rows along k, to [k][32], the missing columns zero.
  static func packPanel(
    _ b: UnsafePointer<Float>, rowStride: Int, columnStride: Int, depth: Int, width: Int,
    _ precision: ProductPrecision, _ target: UnsafeMutableRawPointer
  ) {
    switch (precision, rowStride == 1) {
    case (.float32, true):
      Kernels.table.pack_transposed_f32(
        width, depth, b, columnStride, target.assumingMemoryBound(to: Float.self), panel, 1)
    case (.float32, false):
      Kernels.table.pack_rows_f32(
        depth, width, b, rowStride, target.assumingMemoryBound(to: Float.self), panel)
    case (.bfloat16, true):
      Kernels.table.pack_transposed_bf16(
        width, depth, b, columnStride, target.assumingMemoryBound(to: UInt32.self), panel, 1)
    case (.bfloat16, false):
      Kernels.table.pack_pairs_bf16(
        depth, width, b, rowStride, target.assumingMemoryBound(to: UInt32.self), panel, 1)
    }
  }

  private static func multiply(
    _ layout: LeftLayout, rows: Int, tiles: Int, width: Int, depth: Int, _ a: LeftRows,
    _ b: UnsafeRawPointer, panelStride: Int, _ c: UnsafeMutablePointer<Float>, stride: Int,
    accumulate: Bool
  ) {
    let units = layout.words(depth)
    for tile in 0..<tiles {
      let first = start(tile, rows, tiles)
      let count = start(tile + 1, rows, tiles) - first
      let (place, leftStride) =
        switch a {
        case .packed(let base):
          (base + first * units * 4, layout.stride(rows: count, words: units))
        case .asTheyLie(let base, let stride): (base + first * stride * 4, stride)
        }
      layout.multiplyPanels(
        count, width, units, place, leftStride, b, panelStride: panelStride, c + first * stride,
        stride: stride, accumulate: accumulate)
    }
  }
}
