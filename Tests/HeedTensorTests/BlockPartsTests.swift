import HeedTensor
import Testing

@Suite("Blocks as scales and steps")
struct BlockPartsTests {
  private static let types = BlockType.allCases.filter(\.isWritable)

  private func blocks(_ type: BlockType, seed: Int = 3) -> BlockTensor {
    BlockTensor(quantizing: sample([3, 512], seed: seed).converted(to: .float32), as: type)
  }

  @Test("every type is its parts, and comes back from them byte by byte", arguments: types)
  func wayBack(type: BlockType) {
    let blocks = blocks(type)
    let parts = BlockParts(blocks)
    let (got, want) = (parts.values, blocks.dequantized())
    // Products of up to three numbers, and a sum of two that are larger than it: rounded in another order.
    let largest = want.abs().max().item(as: Float.self)
    #expect((got - want).abs().max().item(as: Float.self) <= 8 * largest.ulp)
    #expect(parts.blocks.bytes.elements(as: UInt8.self) == blocks.bytes.elements())
    #expect((parts.leasts == nil) == [.q8_0, .q4_0, .q5_0, .q6_K].contains(type))
  }

  @Test("changed parts are in the blocks, rounded as a file has them", arguments: types)
  func changes(type: BlockType) {
    var parts = BlockParts(blocks(type))
    parts.scales = parts.scales * 1.3
    parts.leasts = parts.leasts.map { $0 * 0.7 }
    if let range = type.stepRange {
      // Some beyond the range, some that lie between whole numbers.
      parts.steps = parts.steps * 1.1 + 0.3
      let steps = parts.written.steps.elements(as: Float.self).map { Double($0) }
      #expect(steps.allSatisfy { range.contains($0) && $0 == $0.rounded() })
    }
    let (got, want) = (parts.blocks.dequantized(), parts.written.values)
    let largest = want.abs().max().item(as: Float.self)
    #expect((got - want).abs().max().item(as: Float.self) <= 8 * largest.ulp)
  }

  @Test("gradients reach scales and least values by steps, and steps as if they were not rounded")
  func gradients() {
    let tape = Tape()
    var parts = BlockParts(blocks(.q4_1))
    let steps = parts.steps
    let (scales, leasts) = (tape.watch(parts.scales), tape.watch(parts.scales))
    let loose = tape.watch(steps + 0.2)
    (parts.scales, parts.leasts) = (scales, leasts)
    parts.steps = loose.rounded(to: 0...15)
    let found = tape.gradients(of: parts.values.sum(), for: [scales, leasts, loose])
    let wanted = steps.sum(alongAxes: [1], keepingRank: true)
    #expect(found[0].elements(as: Float.self) == wanted.elements(as: Float.self))
    #expect(found[1].elements(as: Float.self).allSatisfy { $0 == 32 })
    let passed = found[2].elements(as: Float.self)
    let (whole, scale) = (steps.elements(as: Float.self), scales.elements(as: Float.self))
    #expect(passed.indices.allSatisfy { passed[$0] == (whole[$0] < 15 ? scale[$0 / 32] : 0) })
  }
}
