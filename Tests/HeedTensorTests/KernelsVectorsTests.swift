import CHeedKernels
import Testing

@Suite("Vectors, packing and conversions")
struct KernelsVectorsTests {
  @Test("an unknown instruction set has no table, and no name means the best")
  func selection() {
    #expect(heed_kernels_select("abacus") == nil)
    #expect(heed_kernels_select("") == heed_kernels_select(nil))
    #expect(KernelVariant.all.first?.name == "generic")
    #expect(heed_kernels_available(-1) == nil)
  }

  @Test("packing has the bits of the plain kernels at every size", arguments: KernelVariant.all)
  func packing(variant: KernelVariant) {
    for rows in kernelSizes {
      for columns in kernelSizes {
        let source = kernelNumbers(rows * columns)
        let words = source.map(\.bitPattern)
        let halves = source.map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }
        let width = (max(rows, columns) + 31) / 32 * 32
        func bits(_ table: heed_kernels) -> [[UInt32]] {
          var floats = [Float](repeating: .nan, count: width * columns)
          table.pack_transposed_f32(rows, columns, source, columns, &floats, width, 0.3)
          let empty = [UInt32](repeating: 7, count: width * max(rows, columns))
          var pairs = empty
          table.pack_transposed_bf16(rows, columns, source, columns, &pairs, width, 0.3)
          var turned = empty
          table.pack_transposed_u32(rows, columns, words, columns, &turned, width)
          var woven = empty
          table.pack_pairs_bf16(rows, columns, source, columns, &woven, width, 0.3)
          var joined = empty
          table.pack_pairs_u16(rows, columns, halves, columns, &joined, width)
          return [floats.map(\.bitPattern), pairs, turned, woven, joined]
        }
        #expect(bits(variant.table) == bits(KernelVariant.plain), "\(rows) x \(columns)")
      }
    }
  }

  @Test("sums have the same bits on every instruction set", arguments: KernelVariant.all)
  func sums(variant: KernelVariant) {
    for count in [0] + kernelSizes + [1000] {
      let x = kernelNumbers(count)
      let y = kernelNumbers(count, seed: 2)
      #expect(variant.table.sum_f32(count, x) == KernelVariant.plain.sum_f32(count, x))
      #expect(
        variant.table.sum_of_squares_f32(count, x)
          == KernelVariant.plain.sum_of_squares_f32(count, x))
      #expect(variant.table.max_f32(count, x) == x.max() ?? -.infinity)
      if count > 0 {
        var broken = y
        broken[count / 2] = .nan
        #expect(variant.table.max_f32(count, broken) == .infinity)
        #expect(variant.table.max_f32(count, y.map { -abs($0) - 1 }) < 0)
      }
      let exact = zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      #expect(abs(Double(variant.table.dot_f32(count, x, y)) - exact) < 1e-5)
    }
  }

  @Test("norms agree with the plain kernels, whose sums are wider", arguments: KernelVariant.all)
  func norms(variant: KernelVariant) {
    let plain = KernelVariant.plain
    for width in kernelSizes {
      let rows = 3
      let x = kernelNumbers(rows * width).map { $0 + 3 }
      let dy = kernelNumbers(rows * width, seed: 2)
      let gain = kernelNumbers(width, seed: 3)
      let bias = kernelNumbers(width, seed: 4)
      func results(_ table: heed_kernels) -> [[Float]] {
        var y = x
        var mean = [Float](repeating: 0, count: rows)
        var inverse = mean
        table.layer_norm_f32(rows, width, x, gain, bias, 1e-2, &y, &mean, &inverse)
        var dx = x
        var dgain = gain
        var dbias = bias
        table.layer_norm_gradient_f32(
          rows, width, x, dy, gain, mean, inverse, &dx, &dgain, &dbias)
        var z = x
        var rms = mean
        table.rms_norm_f32(rows, width, x, gain, 1, 1e-2, &z, &rms)
        var dz = x
        var dgainOfRMS = gain
        table.rms_norm_gradient_f32(rows, width, x, dy, gain, 1, rms, &dz, &dgainOfRMS)
        return [y, mean, inverse, dx, dgain, dbias, z, rms, dz, dgainOfRMS]
      }
      for (fast, slow) in zip(results(variant.table), results(plain)) {
        let largest = slow.map(abs).reduce(1, max)
        for (a, b) in zip(fast, slow) { #expect(abs(a - b) <= 1e-5 * largest, "width \(width)") }
      }
    }
  }

  @Test(
    "conversions have the bits of the plain kernels, NaN included", arguments: KernelVariant.all)
  func conversions(variant: KernelVariant) {
    let plain = KernelVariant.plain
    let wide = stride(from: UInt32(0), to: .max - 99_991, by: 99_991).map(Float.init(bitPattern:))
    let narrow = (UInt16.min...UInt16.max).map { $0 }
    func bits(_ table: heed_kernels) -> [[UInt32]] {
      var half = [UInt16](repeating: 0, count: wide.count)
      table.bf16_from_f32(wide.count, wide, &half)
      let brain = half.map(UInt32.init)
      table.f16_from_f32(wide.count, wide, &half)
      var back = [Float](repeating: 0, count: narrow.count)
      table.f32_from_bf16(narrow.count, narrow, &back)
      let first = back.map(\.bitPattern)
      table.f32_from_f16(narrow.count, narrow, &back)
      return [brain, half.map(UInt32.init), first, back.map(\.bitPattern)]
    }
    #expect(bits(variant.table) == bits(plain))
    for (value, half) in [(Float(1), 0x3c00), (65519, 0x7bff), (65520, 0x7c00), (0x1p-25, 0)] {
      var result: [UInt16] = [1]
      variant.table.f16_from_f32(1, [value], &result)
      #expect(result == [UInt16(half)])
    }
  }

  @Test("eight-bit rows come back within half a step", arguments: KernelVariant.all)
  func quantization(variant: KernelVariant) {
    for count in kernelSizes {
      let x = kernelNumbers(count)
      var codes = [Int8](repeating: 0, count: count)
      let scale = variant.table.quantize_row_i8(count, x, &codes)
      var back = [Float](repeating: 0, count: count)
      variant.table.dequantize_row_i8(count, codes, scale, &back)
      for (a, b) in zip(x, back) { #expect(abs(a - b) <= scale * 0.5001) }
    }
    var zero: [Int8] = [1, 1]
    #expect(variant.table.quantize_row_i8(2, [0, -0.0], &zero) == 0 && zero == [0, 0])
  }

  @Test("a step of AdamW is its formula in binary64", arguments: KernelVariant.all)
  func adamW(variant: KernelVariant) {
    for count in kernelSizes {
      let g = kernelNumbers(count)
      let start = (kernelNumbers(count, seed: 2), kernelNumbers(count, seed: 3), g.map { $0 * $0 })
      var (w, m, v) = start
      variant.table.adamw_f32(count, &w, g, &m, &v, 0.5, 0.9, 0.99, 0.01, 1.25, 1e-6, 0.999)
      for i in 0..<count {
        let gradient = 0.5 * Double(g[i])
        let first = 0.9 * Double(start.1[i]) + 0.1 * gradient
        let second = 0.99 * Double(start.2[i]) + 0.01 * gradient * gradient
        let change = 0.01 * first / (second.squareRoot() * 1.25 + 1e-6)
        #expect(abs(Double(w[i]) - (0.999 * Double(start.0[i]) - change)) < 1e-6)
      }
    }
  }

  @Test("the arithmetic limit is measured where there is one", arguments: KernelVariant.all)
  func peak(variant: KernelVariant) {
    var table = variant.table
    var operations = 0.0
    #expect(heed_measure_peak(&table, 0, 1000, &operations) > 0 && operations > 0)
    _ = heed_measure_peak(&table, 1, 1000, &operations)
    #expect((operations > 0) == (heed_kernels_has_bf16(&table) == 1))
  }
}
