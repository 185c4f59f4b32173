import HeedTensor
import Testing

@Suite("Quantised matrices")
struct QuantizedMatrixTests {
  /// Blocks of every type: those that are not written are made of random bytes with plain scales.
  private func blocks(_ type: BlockType, rows: Int, width: Int, seed: Int = 3) -> BlockTensor {
    if type.isWritable {
      return BlockTensor(
        quantizing: sample([rows, width], seed: seed).converted(to: .float32), as: type)
    }
    var generator = RandomGenerator(seed: UInt64(seed))
    let size = rows * type.rowByteCount(width: width)
    let random: [Int64] = generator.integers([size], in: 0..<256).elements()
    var bytes = random.map { UInt8($0) }
    for start in stride(from: 0, to: size, by: type.blockByteCount) {
      if type == .mxfp4 {
        bytes[start] = 120 + bytes[start] % 8
        continue
      }
      bytes[start + 1] = 0x24
      if type != .q5_0 { bytes[start + 3] = 0xa8 }
    }
    return BlockTensor(type, bytes: Tensor(bytes, shape: [rows, size / rows]))
  }

  @Test("products agree with the numbers that blocks stand for", arguments: BlockType.allCases)
  func products(type: BlockType) {
    for (m, n) in [(1, 1), (2, 33), (7, 64), (13, 31), (65, 130)] {
      let weight = blocks(type, rows: n, width: 512)
      let x = sample([m, 512], seed: m).converted(to: .float32)
      let got = x.linear(QuantizedMatrix(weight))
      let want = linear(x, weight: weight.dequantized())
      // Rounding activations to 127 steps of the largest of 32, at random: the error of a sum grows
      // with the root of its terms. Rounded scales are less than that.
      let terms = linear(x * x, weight: weight.dequantized() * weight.dequantized())
      let bound = terms.squareRoot().max().item(as: Float.self) * 0.03
      #expect((got - want).abs().max().item(as: Float.self) < bound, "\(m) x \(n)")
    }
  }

  /// The root of the mean squared error of values that are nearly normal, in shares of their own, a little
  /// above what was measured: 4, 5, 6 and 8 bits, with and without an offset.
  static let losses: [(type: BlockType, most: Double)] = [
    (.q8_0, 0.006), (.q4_0, 0.082), (.q4_1, 0.072), (.q5_0, 0.041), (.q5_1, 0.035),
    (.q4_K, 0.071), (.q5_K, 0.035), (.q6_K, 0.018),
  ]

  @Test("blocks keep what their bits can keep, and are the same blocks again", arguments: losses)
  func keeps(type: BlockType, most: Double) {
    var generator = RandomGenerator(seed: 5)
    let x = generator.normal([16, 256], deviation: 0.02)
    let blocks = BlockTensor(quantizing: x, as: type)
    func share(_ difference: Tensor, of whole: Tensor) -> Double {
      func mean(_ x: Tensor) -> Double {
        let wide = x.converted(to: .float64)
        return (wide * wide).mean().item()
      }
      return (mean(difference) / mean(whole)).squareRoot()
    }
    let once = blocks.dequantized()
    #expect(share(once - x, of: x) < most)
    let twice = BlockTensor(quantizing: once, as: type).dequantized()
    // Q4_K and Q5_K round the factors of their parts by the largest of eight, which may be another now: by
    // one of 63 steps. The others find the scale that they had, to its rounding to half precision.
    let again = type == .q4_K || type == .q5_K ? most / 4 : 0x1p-11
    #expect(share(twice - once, of: once) < again)
  }

  @Test(
    "blocks of one value, of nothing and of what is no number stay finite",
    arguments: BlockType.allCases.filter(\.isWritable))
  func strange(type: BlockType) {
    var values = [Float](repeating: 0, count: 1024)
    for place in 0..<256 { values[place] = -0.25 }
    (values[512], values[600], values[640], values[700]) = (.nan, .infinity, -.infinity, 1e38)
    for place in 768..<1024 { values[place] = 1e-40 }
    let got = BlockTensor(quantizing: Tensor(values, shape: [4, 256]), as: type).dequantized()
      .elements(as: Float.self)
    #expect(got[..<256].allSatisfy { abs($0 + 0.25) < 0.001 })
    #expect(got[256..<512].allSatisfy { $0 == 0 })
    #expect(got[512..<768].allSatisfy { $0.isFinite })
    #expect(got[768...].allSatisfy { abs($0) < 1e-5 })
  }

  @Test("the sixteen values of MXFP4 are those of its standard, at their power of two")
  func microscaled() {
    // 2^(126 - 127) times the value; lower nibbles are the first half of a block.
    let bytes = [126] + (0..<16).map { UInt8($0 | (15 - $0) << 4) }
    let values: [Float] = BlockTensor(.mxfp4, bytes: Tensor(bytes)).dequantized().elements()
    let positive: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    let all = positive + positive.map { -$0 }
    #expect(values == (all + all.reversed()).map { $0 / 2 })
  }

  /// `x` as the products see it: blocks of 32 in 127 steps of their largest, in float64.
  private func rounded(_ x: Tensor) -> Tensor {
    let values: [Float] = x.elements()
    var result: [Double] = []
    for start in stride(from: 0, to: values.count, by: 32) {
      let block = values[start..<start + 32]
      let largest = block.map(abs).max() ?? 0
      let (factor, scale) = (127 / largest, largest / 127)
      result += block.map { Double(($0 * factor).rounded(.toNearestOrEven)) * Double(scale) }
    }
    return Tensor(result, shape: x.shape)
  }

  @Test(
    "products are those of the rounded activations, to float32's own rounding",
    arguments: [BlockType.q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .mxfp4])
  func exactProducts(type: BlockType) {
    let weight = blocks(type, rows: 65, width: 512)
    let x = sample([13, 512], seed: 8).converted(to: .float32)
    let got = x.linear(QuantizedMatrix(weight)).converted(to: .float64)
    let (seen, exact) = (rounded(x), weight.dequantized().converted(to: .float64))
    let error = (got - linear(seen, weight: exact)).abs()
    // Sixteen blocks in order, each one or two steps of a sum, and factors rounded before: no element
    // is further off than this many halves of an ulp of the sum of the sizes of all parts. Where a
    // weight is a multiple and an offset, both together are at most three times the largest weight.
    let hasOffset = type == .q4_1 || type == .q5_1
    let parts = hasOffset ? exact * 0 + exact.abs().max() * 3 : exact.abs()
    let sizes = linear(seen.abs(), weight: parts)
    let most = Double(2 * 16 + 4) * 0x1p-24
    #expect((error - sizes * most).max().item(as: Double.self) <= 0)
  }

  @Test("a row has the same bits alone and among others, on any number of threads")
  func neighbours() {
    for type in [BlockType.q8_0, .q4_0, .q4_K, .q5_1, .q6_K] {
      let weight = QuantizedMatrix(blocks(type, rows: 131, width: 768))
      let x = sample([130, 768]).converted(to: .float32)
      let all = x.linear(weight)
      for rows in [1, 2, 3, 5, 6, 7, 12, 13, 64] {
        let part = x.sliced(axis: 0, range: 9..<9 + rows)
        #expect(bits(part.linear(weight)) == bits(all.sliced(axis: 0, range: 9..<9 + rows)))
      }
      for threads in [1, 3, 7] {
        let again = ThreadPool.withThreadCount(threads) { x.linear(weight) }
        #expect(bits(again) == bits(all))
      }
    }
  }

  @Test("widths that are no whole blocks are filled up with zeros", arguments: awkwardSizes)
  func ragged(width: Int) {
    let weight = sample([19, width], seed: 5).converted(to: .float32)
    let x = sample([3, width], seed: 6).converted(to: .float32)
    let quantized = QuantizedMatrix(quantizing: weight, as: .q8_0)
    #expect(quantized.inputCount == width && quantized.outputCount == 19)
    let want = linear(x, weight: weight)
    let scale = Float(max(width, 4)).squareRoot()
    #expect((x.linear(quantized) - want).abs().max().item(as: Float.self) < 0.03 * scale)
    // As blocks of a view that is not dense, too.
    let turned = QuantizedMatrix(
      quantizing: weight.transposed().copiedForTest().transposed(), as: .q8_0)
    #expect(bits(x.linear(turned)) == bits(x.linear(quantized)))
  }

  @Test("bias and activation are applied as after a plain product")
  func epilogue() {
    let weight = QuantizedMatrix(blocks(.q8_0, rows: 40, width: 64))
    let x = sample([2, 3, 64]).converted(to: .float32)
    let bias = sample([40], seed: 9).converted(to: .float32)
    let plain = (x.linear(weight) + bias).activated(.silu)
    let fused = x.linear(weight, bias: bias, activation: .silu)
    #expect(fused.shape == [2, 3, 40])
    #expect((fused - plain).abs().max().item(as: Float.self) < 1e-6)
  }

  @Test("a row with a value that is not finite gives NaN, its neighbours are untouched")
  func notFinite() {
    let weight = QuantizedMatrix(blocks(.q4_0, rows: 33, width: 64))
    var values = [Float](repeating: 0.5, count: 128)
    values[70] = .infinity
    let got = Tensor(values, shape: [2, 64]).linear(weight).elements(as: Float.self)
    #expect(got[..<33].allSatisfy { $0.isFinite } && got[33...].allSatisfy { $0.isNaN })
  }

  @Test("rows of a table are read by number, and rows can be moved as bytes")
  func rows() {
    let table = blocks(.q8_0, rows: 10, width: 96)
    let all = table.dequantized()
    #expect(table.shape == [10, 96])
    let some = table.gathered(atIndices: [7, 0, 7])
    #expect(bits(some) == bits(all.gathered(atIndices: [7, 0, 7])))
    let part = BlockTensor(.q8_0, bytes: table.bytes.sliced(axis: 0, range: 2..<5))
    #expect(bits(part.dequantized()) == bits(all.sliced(axis: 0, range: 2..<5)))
  }
}

extension Tensor {
  fileprivate func copiedForTest() -> Tensor { self + Tensor(zeros: shape) }
}
