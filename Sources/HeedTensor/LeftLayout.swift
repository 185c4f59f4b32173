import CHeedKernels

/// How the left operand of a product lies, packed for the tiles of the table in use.
///
/// Words are 32 bits: a float, or a pair of bf16 of neighbouring k. Most tables want the words of one
/// k side by side ("by k": they broadcast them); those with tile registers want rows. So does a single
/// tile of rows against packed panels: each value of it is read about as often as it would be moved.
package struct LeftLayout: Sendable {
  package let precision: ProductPrecision
  /// `[row][word]`; otherwise `[word][row]`.
  package let isByRows: Bool

  package init(_ precision: ProductPrecision) {
    self.precision = precision
    isByRows = Self.hasTileRegisters(precision)
  }

  /// The layout of a product: rows where it is a single tile of them and k is contiguous.
  init(_ product: MatrixProduct<Float>) {
    precision = product.precision
    isByRows =
      Self.hasTileRegisters(precision)
      || product.rows <= TiledProduct.tileRows && !product.left.liesAcross
  }

  /// Whether the tiles are those of registers that take rows.
  static func hasTileRegisters(_ precision: ProductPrecision) -> Bool {
    precision == .bfloat16 && Kernels.table.left_by_rows != 0
  }

  /// Words for `depth` values along the summed axis.
  package func words(_ depth: Int) -> Int { precision == .float32 ? depth : (depth + 1) / 2 }

  /// Words from one row to the next, in an operand whose rows have `words` words.
  package func rowStep(words: Int) -> Int { isByRows ? words : 1 }

  /// The stride that the tiles are told, for a dense operand.
  package func stride(rows: Int, words: Int) -> Int { isByRows ? words : rows }

  /// c[rows][columns] (+)= a b, b in packed panels.
  ///
  /// - Parameters:
  ///   - words: of a row of `a`, which lies as this layout says, `leftStride` words from row to row or
  ///     from word to word.
  ///   - panelStride: words between two panels of `b`.
  @inline(__always)
  package func multiplyPanels(
    _ rows: Int, _ columns: Int, _ words: Int, _ a: UnsafeRawPointer, _ leftStride: Int,
    _ b: UnsafeRawPointer, panelStride: Int, _ c: UnsafeMutablePointer<Float>, stride: Int,
    accumulate: Bool
  ) {
    let (byRows, accumulate) = (Int32(isByRows ? 1 : 0), Int32(accumulate ? 1 : 0))
    switch precision {
    case .float32:
      Kernels.table.panels_f32(
        rows, columns, words, a.assumingMemoryBound(to: Float.self), leftStride, byRows,
        b.assumingMemoryBound(to: Float.self), panelStride, c, stride, accumulate)
    case .bfloat16:
      Kernels.table.panels_bf16(
        rows, columns, words, a.assumingMemoryBound(to: UInt32.self), leftStride, byRows,
        b.assumingMemoryBound(to: UInt32.self), panelStride, c, stride, accumulate)
    }
  }

  /// Packs `rows` x `depth` floats, dense, to `rows * words(depth)` words.
  ///
  /// - Precondition: one of the strides of `source` is 1.
  package func pack(
    rows: Int, depth: Int, _ source: UnsafePointer<Float>, rowStride: Int, columnStride: Int,
    to target: UnsafeMutableRawPointer
  ) {
    let table = Kernels.table
    if columnStride == 1 && (isByRows || rows == 1) {
      for row in 0..<rows {
        packRow(depth: depth, source + row * rowStride, to: target + row * words(depth) * 4)
      }
      return
    }
    switch (precision, columnStride == 1) {
    case (.bfloat16, _):
      table.pack_left_bf16(
        rows, depth, source, rowStride, columnStride, target.assumingMemoryBound(to: UInt32.self))
    case (.float32, true):
      table.pack_transposed_f32(
        rows, depth, source, rowStride, target.assumingMemoryBound(to: Float.self), rows, 1)
    case (.float32, false):
      table.pack_rows_f32(
        depth, rows, source, columnStride, target.assumingMemoryBound(to: Float.self), rows)
    }
  }

  /// Packs `rows` x `depth` values of bfloat16 for a product in that precision.
  ///
  /// - Precondition: one of the strides is 1; where it is that of k, `depth` and `rowStride` are even.
  package func pack(
    rows: Int, depth: Int, halves source: UnsafePointer<UInt16>, rowStride: Int,
    columnStride: Int, to target: UnsafeMutableRawPointer
  ) {
    let words = target.assumingMemoryBound(to: UInt32.self)
    switch (isByRows || rows == 1, columnStride == 1) {
    case (false, true):
      Kernels.table.pack_transposed_u32(
        rows, depth / 2, UnsafeRawPointer(source).assumingMemoryBound(to: UInt32.self),
        rowStride / 2, words, rows)
    case (true, true):
      for row in 0..<rows {
        (target + row * depth * 2).copyMemory(
          from: source + row * rowStride, byteCount: depth * 2)
      }
    case (false, false):
      Kernels.table.pack_pairs_u16(depth, rows, source, columnStride, words, rows)
    case (true, false):
      let floats = Storage(byteCount: depth * rows * 4)
      let values = floats.base.assumingMemoryBound(to: Float.self)
      for kk in 0..<depth {
        Kernels.table.f32_from_bf16(rows, source + kk * columnStride, values + kk * rows)
      }
      Kernels.table.pack_left_bf16(rows, depth, values, 1, rows, words)
      withExtendedLifetime(floats) {}
    }
  }

  /// The words of a row in order.
  private func packRow(
    depth: Int, _ source: UnsafePointer<Float>, to target: UnsafeMutableRawPointer
  ) {
    guard precision == .bfloat16 else {
      return target.copyMemory(from: source, byteCount: depth * 4)
    }
    let values = target.assumingMemoryBound(to: UInt16.self)
    Kernels.table.bf16_from_f32(depth, source, values)
    if depth % 2 == 1 { values[depth] = 0 }
  }
}
