import Foundation
import HeedBlocks
import HeedTensor
import Testing

@Suite("Packed weights")
struct PackedWeightTests {
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

  /// Whether a layer whose weight lies in a file gives the bits of one whose weight is in memory.
  private func expectSameBits(
    _ file: MatrixWeight, _ memory: MatrixWeight, _ type: ProductPrecision
  ) {
    let shape = memory.shape
    let bias = random([shape[0]], seed: 2)
    let (read, packed) = (
      Linear(file, bias: bias, packing: type), Linear(memory, bias: bias, packing: type)
    )
    #expect(read.byteCount == packed.byteCount && read.byteCount > 0 && read.shape == shape)
    for count in [1, 17] {
      let x = random([1, count, shape[1]], seed: UInt64(count))
      #expect(bits(read(x)) == bits(packed(x)), "\(count) rows")
    }
  }

  @Test(
    "numbers are read from a file with the bits that they have in memory",
    arguments: [ElementType.float32, .float16, .bfloat16], [ProductPrecision.float32, .bfloat16])
  func numbers(type: ElementType, precision: ProductPrecision) throws {
    // Whole panels and not; an odd depth.
    for shape in [[130, 64], [65, 33], [1200, 1024]] {
      let weight = random(shape).converted(to: type)
      expectSameBits(.dense(try inFile(weight)), .dense(weight), precision)
    }
    let turned = random([64, 96]).converted(to: type)
    expectSameBits(
      .dense(try inFile(turned).transposed()), .dense(turned.transposed()), precision)
  }

  @Test(
    "blocks are read from a file with the bits that they have in memory",
    arguments: [BlockType.q8_0, .q4_0, .q4_K, .q6_K])
  func blocks(type: BlockType) throws {
    for shape in [[300, 256], [4500, 512]] {
      let weight = BlockTensor(quantizing: random(shape), as: type)
      let file = BlockTensor(type, bytes: try inFile(weight.bytes))
      expectSameBits(.blocks(file), .blocks(weight), .float32)
    }
  }
}
