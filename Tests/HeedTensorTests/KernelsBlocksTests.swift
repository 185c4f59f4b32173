import CHeedKernels
import Testing

@Suite("Products of blocks")
struct KernelsBlocksTests {
  /// Random bytes as panels, with scales around one hundredth.
  private func panel(_ format: heed_panel_format, blocks: Int) -> [UInt8] {
    let size = heed_panel_bytes(format)
    let isSmall = format == HEED_PANEL_8_OFFSET
    var bytes = kernelNumbers(blocks * size, seed: 4).map { UInt8(($0 + 1) * (isSmall ? 63 : 127)) }
    let hasOffset = format == HEED_PANEL_8_OFFSET || format == HEED_PANEL_4_OFFSET
    for block in stride(from: 0, to: blocks, by: format == HEED_PANEL_6 ? Int(HEED_BLOCK_RUN) : 1) {
      for half in 0..<32 * (hasOffset ? 2 : 1) { bytes[block * size + 2 * half + 1] = 0x21 }
    }
    return bytes
  }

  private struct Rows {
    var values: [Int8]
    var scales: [Float]
    var sums: [Int32]
  }

  private func quantized(_ table: heed_kernels, rows: Int, width: Int) -> Rows {
    let blocks = (width + 31) / 32
    var result = Rows(
      values: Array(repeating: 9, count: rows * blocks * 32),
      scales: Array(repeating: 9, count: rows * blocks),
      sums: Array(repeating: 9, count: rows * blocks))
    for row in 0..<rows {
      let x = kernelNumbers(width, seed: UInt64(row + 2))
      result.values.withUnsafeMutableBufferPointer { values in
        result.scales.withUnsafeMutableBufferPointer { scales in
          result.sums.withUnsafeMutableBufferPointer { sums in
            guard let y = values.baseAddress, let s = scales.baseAddress, let t = sums.baseAddress
            else { return }
            table.quantize_blocks_i8(
              width, x, y + row * blocks * 32, s + row * blocks, t + row * blocks)
          }
        }
      }
    }
    return result
  }

  @Test("activations become the same bytes everywhere", arguments: KernelVariant.all)
  func activations(variant: KernelVariant) {
    for width in kernelSizes {
      let got = quantized(variant.table, rows: 3, width: width)
      let want = quantized(KernelVariant.plain, rows: 3, width: width)
      #expect(got.values == want.values && got.sums == want.sums)
      #expect(got.scales.map(\.bitPattern) == want.scales.map(\.bitPattern))
    }
  }

  @Test(
    "products have the bits of the plain kernel, alone and among others",
    arguments: KernelVariant.all,
    [HEED_PANEL_8, HEED_PANEL_8_OFFSET, HEED_PANEL_4, HEED_PANEL_4_OFFSET, HEED_PANEL_6])
  func products(variant: KernelVariant, format: heed_panel_format) {
    for rows in [1, 2, 3, 7, 13, 16, 17] {
      for columns in [1, 3, 8, 15, 16, 17, 31, 32] {
        for width in format == HEED_PANEL_6 ? [256, 512] : [1, 64, 130] {
          let blocks = (width + 31) / 32
          var x = quantized(KernelVariant.plain, rows: rows, width: width)
          let sumCount = format == HEED_PANEL_6 ? 2 * blocks : blocks
          if format == HEED_PANEL_6 {
            x.sums = Array(repeating: 0, count: rows * sumCount)
            heed_half_sums(rows * blocks, x.values, &x.sums)
          }
          let (values, scales, sums) = (x.values, x.scales, x.sums)
          let panel = panel(format, blocks: blocks)
          func run(_ table: heed_kernels, from row: Int, count: Int) -> [UInt32] {
            var c = [Float](repeating: .nan, count: count * columns)
            table.tile_blocks(
              format, count, columns, blocks, Array(values[(row * blocks * 32)...]),
              Array(scales[(row * blocks)...]), Array(sums[(row * sumCount)...]), panel, &c,
              columns, 0)
            return c.map(\.bitPattern)
          }
          let all = run(variant.table, from: 0, count: rows)
          #expect(all == run(KernelVariant.plain, from: 0, count: rows))
          let last = run(variant.table, from: rows - 1, count: 1)
          #expect(last == Array(all.suffix(columns)))
        }
      }
    }
  }
}
