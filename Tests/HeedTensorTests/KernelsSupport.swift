import CHeedKernels
import Testing

/// One instruction set of this processor.
struct KernelVariant: CustomTestStringConvertible, Sendable {
  let name: String
  let table: heed_kernels
  var testDescription: String { name }

  /// The plain one first: the specification of the others.
  static let all: [KernelVariant] = {
    var variants: [KernelVariant] = []
    while let name = heed_kernels_available(Int32(variants.count)),
      let table = heed_kernels_select(name)
    {
      variants.append(KernelVariant(name: String(cString: name), table: table.pointee))
    }
    return variants
  }()

  static var plain: heed_kernels { all[0].table }
}

/// Sizes at which loops over vectors, panels and lanes begin, end and have a rest.
let kernelSizes = [1, 2, 3, 7, 13, 16, 17, 64, 65, 130]

/// Numbers in [-1, 1), the same every time.
func kernelNumbers(_ count: Int, seed: UInt64 = 1) -> [Float] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(Int64(state >> 40)) * 0x1p-23 - 1
  }
}

/// Two bf16 in one word, cut off rather than rounded: any bits do for a test.
func kernelPairs(_ count: Int, seed: UInt64) -> [UInt32] {
  let numbers = kernelNumbers(2 * count, seed: seed)
  return (0..<count).map { index in
    numbers[2 * index].bitPattern >> 16 | numbers[2 * index + 1].bitPattern & 0xffff_0000
  }
}

/// Distance from `exact` in units of the last place of a float there.
func unitsInTheLastPlace(_ value: Float, _ exact: Double) -> Double {
  if exact.isNaN { return value.isNaN ? 0 : .infinity }
  let nearest = Float(exact)
  if nearest.isInfinite || !value.isFinite { return value == nearest ? 0 : .infinity }
  let binade = exact == 0 ? -149 : max(exact.exponent - 23, -149)
  return abs(Double(value) - exact) / Double(sign: .plus, exponent: binade, significand: 1)
}

@Suite("Kernel tables")
struct KernelTablesTests {
  @Test("every table has every entry", arguments: KernelVariant.all)
  func complete(variant: KernelVariant) {
    // A table is its name, a flag and functions, of which none is null.
    let start = MemoryLayout<heed_kernels>.offset(of: \.tile_f32) ?? 0
    let words = withUnsafeBytes(of: variant.table) {
      Array($0[start...].withMemoryRebound(to: UInt.self) { Array($0) })
    }
    #expect(words.count > 40 && !words.contains(0))
  }
}
