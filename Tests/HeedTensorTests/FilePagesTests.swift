import Foundation
import HeedTensor
import Testing

@Suite("Weights in files")
struct FilePagesTests {
  /// A file of `byteCount` bytes that count up, and its path until the test ends.
  private func withFile<R>(byteCount: Int, _ body: (MappedFile, String) throws -> R) throws -> R {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    try AtomicFile.write(to: path) { (file) throws(FileError) in
      try file.append((0..<byteCount).map { UInt8(truncatingIfNeeded: $0 * 7) })
    }
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(try MappedFile(path: path), path)
  }

  private func bits(_ tensor: Tensor) -> [UInt32] {
    tensor.converted(to: .float32).elements(as: Float.self).map(\.bitPattern)
  }

  @Test(
    "packing reads a weight anywhere in a file as it is mapped, also one that lies at an odd word")
  func places() throws {
    try withFile(byteCount: 300_000) { file, _ in
      for offset in [0, 2, 4, 4098] {
        // Bytes that count up are bfloat16 numbers of all sizes.
        let weight = file.tensor(at: offset, shape: [130, 64], .bfloat16)
        let x = sample([3, 64]).converted(to: .float32)
        let got = x.linear(PackedMatrix(weight, precision: .bfloat16))
        let want = x.linear(PackedMatrix(weight.copied(), precision: .bfloat16))
        #expect(bits(got) == bits(want))
      }
    }
  }

  @Test("rows by number are those of the map, also of a view and of a part")
  func rows() throws {
    try withFile(byteCount: 40_000) { file, _ in
      let table = file.tensor(at: 64, shape: [100, 33], .float16)
      for matrix in [
        table, table.sliced(axis: 0, range: 20..<90), table.transposed(), table.copied(),
      ] {
        let indices = [0, matrix.shape[0] - 1, 7, 7]
        #expect(
          bits(matrix.gatheredFromFile(atIndices: indices))
            == bits(matrix.gathered(atIndices: indices)))
      }
    }
  }

  @Test("small tensors of a file are copies in memory, large ones and views stay what they are")
  func small() throws {
    try withFile(byteCount: 600_000) { file, _ in
      let bias = file.tensor(at: 8, shape: [3, 100], .float32)
      let copy = bias.smallFromFile()
      #expect(!copy.storage.isReadOnly && copy.shape == [3, 100] && bits(copy) == bits(bias))
      #expect(bits(bias.sliced(axis: 0, range: 1..<3).smallFromFile()) == Array(bits(bias)[100...]))
      #expect(bias.transposed().smallFromFile().storage.isReadOnly)
      #expect(file.tensor(at: 0, shape: [140_000], .float32).smallFromFile().storage.isReadOnly)
    }
  }

  @Test("a file that was cut after it was opened gives what is still mapped of it")
  func cut() throws {
    try withFile(byteCount: 1 << 16) { file, path in
      let blocks = BlockTensor(.q8_0, bytes: file.tensor(at: 0, shape: [32, 68], .uint8))
      let want = QuantizedMatrix(BlockTensor(.q8_0, bytes: blocks.bytes.copied()))
      // The page that the rows end in stays.
      #expect(truncate(path, 2000) == 0)
      let got = QuantizedMatrix(blocks)
      #expect(got.byteCount == want.byteCount)
    }
  }

  @Test("lengths are whole numbers of eight bytes, least first")
  func lengths() throws {
    try withFile(byteCount: 64) { file, _ in
      #expect(file.length(at: 0) == 0x312A_231C_150E_0700)
      #expect(file.length(at: 55) == file.integer(at: 55))
    }
  }
}
