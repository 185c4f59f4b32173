import Foundation
import HeedAttention
import HeedBlocks
import HeedTensor
import Testing

@Suite("Weights for inference")
struct InferenceWeightTests {
  /// A tensor as it lies in a file.
  private func inFile(_ tensor: Tensor) throws -> Tensor {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    try AtomicFile.write(to: path) { (file) throws(FileError) in try file.append(tensor) }
    // The open file stays readable.
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try MappedFile(path: path).tensor(at: 0, shape: tensor.shape, tensor.elementType)
  }

  private func random(_ shape: [Int], seed: UInt64 = 5) -> Tensor {
    var generator = RandomGenerator(seed: seed)
    return generator.normal(shape)
  }

  private func bits(_ tensor: Tensor) -> [UInt32] {
    tensor.elements(as: Float.self).map(\.bitPattern)
  }

  /// Whether a layer whose weight lies in a file gives the bits of one whose weight is in memory, however
  /// often and with however many rows it is used.
  private func expectSameBits(
    _ file: MatrixWeight, _ memory: MatrixWeight, _ type: ProductPrecision
  ) {
    let shape = memory.shape
    let bias = random([shape[0]], seed: 2)
    let packed = Linear(memory, bias: bias, packing: type)
    #expect(packed.byteCount > 0)
    for rows in [[1, 1, 1], [3, 17, 1], [300, 2, 300]] {
      let late = Linear(file, bias: bias, packing: type)
      #expect(late.byteCount == 0 && late.shape == shape)
      for (use, count) in rows.enumerated() {
        let x = random([1, count, shape[1]], seed: UInt64(count))
        #expect(bits(late(x)) == bits(packed(x)), "\(count) rows")
        #expect((late.byteCount == packed.byteCount) == (use > 0 || count > 256))
      }
    }
  }

  @Test(
    "numbers in a file are packed when they are used again, with the same bits",
    arguments: [ElementType.float32, .float16, .bfloat16], [ProductPrecision.float32, .bfloat16])
  func numbers(type: ElementType, precision: ProductPrecision) throws {
    // Whole panels and not; a piece of panels and more; an odd depth.
    for shape in [[130, 64], [65, 33], [1200, 1024]] {
      let weight = random(shape).converted(to: type)
      expectSameBits(.dense(try inFile(weight)), .dense(weight), precision)
    }
    let turned = random([64, 96]).converted(to: type)
    expectSameBits(
      .dense(try inFile(turned).transposed()), .dense(turned.transposed()), precision)
  }

  @Test(
    "blocks in a file are packed when they are used again, with the same bits",
    arguments: [BlockType.q8_0, .q4_0, .q4_K, .q6_K])
  func blocks(type: BlockType) throws {
    for shape in [[300, 256], [4500, 512]] {
      let weight = BlockTensor(quantizing: random(shape), as: type)
      let file = BlockTensor(type, bytes: try inFile(weight.bytes))
      expectSameBits(.blocks(file), .blocks(weight), .float32)
    }
  }

  @Test("a weight that several threads use for the first time is packed once")
  func threads() async throws {
    let weight = random([256, 512]).converted(to: .bfloat16)
    let late = Linear(weight: try inFile(weight), packing: .bfloat16)
    let x = random([2, 512], seed: 9)
    let want = bits(Linear(weight: weight, packing: .bfloat16)(x))
    let got = await withTaskGroup(of: [UInt32].self) { group in
      for _ in 0..<6 { group.addTask { bits(late(x)) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(got.count == 6 && got.allSatisfy { $0 == want })
    #expect(late.byteCount == 256 * 512 * 2)
  }

  @Test("a layer that feeds the next one keeps its bits while both are in a file")
  func chain() throws {
    let spec = FeedForwardSpec(hiddenWidth: 96, activation: .geluTanh, form: .plain)
    func block(_ weight: (Tensor) throws -> Tensor) throws -> Block {
      let up = try weight(random([96, 64]).converted(to: .bfloat16))
      let down = try weight(random([64, 96], seed: 6).converted(to: .bfloat16))
      let weights = WeightLookup { path, _ in path.contains(".up.") ? up : down }
      return Block(
        BlockSpec([BranchSpec(operation: .feedForward(spec))]), layer: 0, weights,
        packing: .bfloat16)
    }
    func run(_ block: Block, rows: Int) -> [UInt32] {
      var context = BlockContext(mask: .none, positions: Array(0..<rows), precision: .bfloat16)
      return bits(block(random([1, rows, 64], seed: 3), context: &context))
    }
    let (late, packed) = (try block(inFile), try block { $0 })
    for rows in [5, 5, 1] { #expect(run(late, rows: rows) == run(packed, rows: rows)) }
  }
}
