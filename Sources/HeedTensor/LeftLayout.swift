import CHeedKernels

/// How the left operand of a product lies, packed for the tiles of the table in use.
///
/// Words are 32 bits: a float, or a pair of bf16 of neighbouring k. Most tables want the words of one
/// k side by side ("by k": they broadcast them); those with tile registers want rows.
package struct LeftLayout: Sendable {
  package let precision: ProductPrecision
  /// `[row][word]`; otherwise `[word][row]`.
  package let isByRows: Bool

  package init(_ precision: ProductPrecision) {
    self.precision = precision
    isByRows = precision == .bfloat16 && Kernels.table.left_by_rows != 0
  }

  /// Words for `depth` values along the summed axis.
  package func words(_ depth: Int) -> Int { precision == .float32 ? depth : (depth + 1) / 2 }

  /// Words from one row to the next, in an operand whose rows have `words` words.
  package func rowStep(words: Int) -> Int { isByRows ? words : 1 }

  /// The stride that the tiles are told, for a dense operand.
  package func stride(rows: Int, words: Int) -> Int { isByRows ? words : rows }

  /// Packs `rows` x `depth` floats, dense, to `rows * words(depth)` words.
  ///
  /// - Precondition: one of the strides of `source` is 1.
  package func pack(
    rows: Int, depth: Int, _ source: UnsafePointer<Float>, rowStride: Int, columnStride: Int,
    to target: UnsafeMutableRawPointer
  ) {
    let table = Kernels.table
    if rows == 1 && columnStride == 1 { return packRow(depth: depth, source, to: target) }
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

  /// One row has the same layout either way: its words in order. Generating a token packs nothing else.
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
