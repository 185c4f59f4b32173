import CHeedKernels
import Testing

/// The four matrix tiles as one: both element types, both layouts of A.
private struct Tile: CustomTestStringConvertible, Sendable {
  var isPaired: Bool
  var isByRows: Bool
  var testDescription: String { (isByRows ? "tile_rows_" : "tile_") + (isPaired ? "bf16" : "f32") }

  static let all = [false, true].flatMap { paired in
    [false, true].map { Tile(isPaired: paired, isByRows: $0) }
  }

  /// Largest k that a score tile's row holds.
  var longest: Int { isByRows ? Int(HEED_SCORE_STRIDE) / (isPaired ? 2 : 1) : 130 }

  /// Words from row to row of A, and from k to k, where nothing lies between.
  func steps(_ table: heed_kernels, rows: Int, depth: Int) -> (row: Int, depth: Int) {
    if isByRows { return (Int(HEED_SCORE_STRIDE) / (isPaired ? 2 : 1), 1) }
    return isPaired && table.left_by_rows != 0 ? (depth, 1) : (1, rows)
  }

  /// c (+)= A b for `rows` rows of A from word `start` on; b is k x n, dense.
  func run(
    _ table: heed_kernels, rows: Int, columns: Int, depth: Int, a: [UInt32], from start: Int,
    aStride: Int, b: [UInt32], bFrom: Int, into c: inout [Float], accumulate: Bool
  ) {
    let flag: Int32 = accumulate ? 1 : 0
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        guard let a = a.baseAddress, let b = b.baseAddress else { return }
        let pairsA = a + start
        let pairsB = b + bFrom
        pairsA.withMemoryRebound(to: Float.self, capacity: 1) { floatsA in
          pairsB.withMemoryRebound(to: Float.self, capacity: 1) { floatsB in
            switch (isPaired, isByRows) {
            case (false, false):
              table.tile_f32(
                rows, columns, depth, floatsA, aStride, floatsB, columns, &c, columns, flag)
            case (false, true):
              table.tile_rows_f32(
                rows, columns, depth, floatsA, floatsB, columns, &c, columns, flag)
            case (true, false):
              table.tile_bf16(
                rows, columns, depth, pairsA, aStride, pairsB, columns, &c, columns, flag)
            case (true, true):
              table.tile_rows_bf16(rows, columns, depth, pairsA, pairsB, columns, &c, columns, flag)
            }
          }
        }
      }
    }
  }

  /// The factors that a word holds: one float, or the lower and the higher of a pair.
  func factors(_ word: UInt32) -> [Double] {
    isPaired
      ? [Double(Float(bitPattern: word << 16)), Double(Float(bitPattern: word & 0xffff_0000))]
      : [Double(Float(bitPattern: word))]
  }

  func words(_ count: Int, seed: UInt64) -> [UInt32] {
    isPaired
      ? kernelPairs(count, seed: seed) : kernelNumbers(count, seed: seed).map(\.bitPattern)
  }
}

@Suite("Matrix tiles")
struct KernelsTilesTests {
  private static let depths = [1, 2, 3, 7, 16, 17, 64]

  @Test(
    "tiles sum as binary64 does, within the bound of any order of sums",
    arguments: KernelVariant.all, Tile.all)
  fileprivate func sums(variant: KernelVariant, tile: Tile) {
    for rows in [1, 2, 3, 7, 13, 16, 17] {
      for columns in kernelSizes {
        for depth in Self.depths where depth <= tile.longest {
          let (rowStep, depthStep) = tile.steps(variant.table, rows: rows, depth: depth)
          let a = tile.words((rows - 1) * rowStep + depth * depthStep, seed: 2)
          let b = tile.words(depth * columns, seed: 3)
          var c = [Float](repeating: .nan, count: rows * columns)
          tile.run(
            variant.table, rows: rows, columns: columns, depth: depth, a: a, from: 0,
            aStride: max(rowStep, depthStep), b: b, bFrom: 0, into: &c, accumulate: false)
          var worst = 0.0
          for i in 0..<rows {
            for j in 0..<columns {
              var sum = 0.0
              var size = 0.0
              for k in 0..<depth {
                let left = tile.factors(a[i * rowStep + k * depthStep])
                for (x, y) in zip(left, tile.factors(b[k * columns + j])) {
                  sum += x * y
                  size += abs(x * y)
                }
              }
              let bound = Double(2 * depth + 1) * 0x1p-24 * size
              worst = max(worst, abs(Double(c[i * columns + j]) - sum) / max(bound, 1e-30))
            }
          }
          #expect(worst <= 1, "\(rows) x \(columns) x \(depth)")
        }
      }
    }
  }

  @Test(
    "a row alone has the bits of the row with others, and two calls over k those of one",
    arguments: KernelVariant.all, Tile.all)
  fileprivate func bits(variant: KernelVariant, tile: Tile) {
    for (rows, columns, depth) in [(7, 33, 16), (13, 64, 17), (17, 130, 64), (2, 32, 7)] {
      let (rowStep, depthStep) = tile.steps(variant.table, rows: rows, depth: depth)
      let aStride = max(rowStep, depthStep)
      let a = tile.words((rows - 1) * rowStep + depth * depthStep, seed: 5)
      let b = tile.words(depth * columns, seed: 6)
      var whole = [Float](repeating: 0, count: rows * columns)
      tile.run(
        variant.table, rows: rows, columns: columns, depth: depth, a: a, from: 0,
        aStride: aStride, b: b, bFrom: 0, into: &whole, accumulate: false)
      for i in 0..<rows {
        var row = [Float](repeating: 0, count: columns)
        tile.run(
          variant.table, rows: 1, columns: columns, depth: depth, a: a, from: i * rowStep,
          aStride: aStride, b: b, bFrom: 0, into: &row, accumulate: false)
        let together = whole[(i * columns)..<((i + 1) * columns)]
        #expect(row.map(\.bitPattern) == together.map(\.bitPattern))
      }
      let group = tile.isPaired ? Int(HEED_PAIR_GROUP) : 1
      let half = depth / 2 / group * group
      var parts = [Float](repeating: 0, count: rows * columns)
      tile.run(
        variant.table, rows: rows, columns: columns, depth: half, a: a, from: 0,
        aStride: aStride, b: b, bFrom: 0, into: &parts, accumulate: false)
      tile.run(
        variant.table, rows: rows, columns: columns, depth: depth - half, a: a,
        from: half * depthStep, aStride: aStride, b: b, bFrom: half * columns, into: &parts,
        accumulate: true)
      #expect(parts.map(\.bitPattern) == whole.map(\.bitPattern))
    }
  }
}
