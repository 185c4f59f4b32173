import Foundation
import HeedFormats
import HeedTensor
import Testing

@Suite("GGUF")
struct GGUFTests {
  static let metadata: [(key: String, value: GGUFValue)] = [
    ("general.architecture", .string("llama")), ("a.u8", .uint8(200)), ("a.i8", .int8(-3)),
    ("a.u16", .uint16(60_000)), ("a.i16", .int16(-3)), ("a.u32", .uint32(.max)),
    ("a.i32", .int32(.min)), ("a.u64", .uint64(.max)), ("a.i64", .int64(.min)),
    ("a.f32", .float32(0.1)), ("a.f64", .float64(-2.5)), ("a.bool", .bool(true)),
    ("a.strings", .array(GGUFArray(["a", "", "漢字"]))),
    ("a.numbers", .array(GGUFArray([1.5, -2] as [Float]))),
    ("a.integers", .array(GGUFArray([1, -7] as [Int32]))),
  ]

  private func numbers(_ shape: [Int]) -> Tensor {
    var generator = RandomGenerator(seed: 5)
    return generator.normal(shape)
  }

  /// A small file with every kind of value and several types.
  func write(to path: String) throws {
    let tensor = numbers([3, 256])
    let types: [GGUFTensorType] = [
      .elements(.float32), .elements(.float16), .elements(.bfloat16), .blocks(.q8_0),
      .blocks(.q4_0), .blocks(.q4_K), .blocks(.q5_K), .blocks(.q6_K),
    ]
    try GGUFFile.write(
      metadata: Self.metadata,
      tensors: types.enumerated().map { index, type in
        GGUFTensor("t\(index)", shape: [3, 256], type: type) { () throws(FormatError) in tensor }
      }
        + [
          GGUFTensor("vector", shape: [5], type: .elements(.float32)) { () throws(FormatError) in
            Tensor([1, 2, 3, 4, 5] as [Float])
          }
        ], to: path)
  }

  @Test("values and tensors come back")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.gguf")
    try write(to: path)
    let file = try GGUFFile(path: path)
    #expect(file.version == 3)
    #expect(file.metadata.map(\.key) == Self.metadata.map(\.key))
    #expect(file.metadata.map(\.value) == Self.metadata.map(\.value))
    #expect(file["a.strings"]?.array?.strings == ["a", "", "漢字"])
    #expect(file["a.numbers"]?.array?.numbers == [1.5, -2])
    #expect(file["a.integers"]?.array?.integers == [1, -7])
    #expect(file["a.f32"]?.number == 0.1)
    #expect(file["a.u64"]?.integer == nil && file["a.i32"]?.integer == Int(Int32.min))
    let want = numbers([3, 256])
    // Half a step of each type, in shares of the largest value.
    let bounds: [Float] = [0, 1e-3, 4e-3, 5e-3, 0.09, 0.09, 0.045, 0.03]
    for (index, bound) in bounds.enumerated() {
      let got = try file.tensor(named: "t\(index)").converted(to: .float32)
      #expect(got.shape == [3, 256])
      let error = (got - want).abs().max().item(as: Float.self)
      #expect(error <= bound * want.abs().max().item(as: Float.self), "t\(index)")
    }
    #expect(try file.blocks(named: "t0") == nil)
    #expect(try file.blocks(named: "t3")?.type == .q8_0)
    #expect(try file.shape(named: "vector") == [5])
    // Blocks that are written again are the same bytes.
    let copy = folder.file("b.gguf")
    let blocks = try #require(try file.blocks(named: "t5"))
    try GGUFFile.write(metadata: [], tensors: [GGUFTensor("t5", blocks)], to: copy)
    let again = try #require(try GGUFFile(path: copy).blocks(named: "t5"))
    #expect(again.bytes.elements(as: UInt8.self) == blocks.bytes.elements(as: UInt8.self))
  }

  @Test("what is wrong is said with its place")
  func errors() throws {
    let folder = try TemporaryFolder()
    func text(_ bytes: [UInt8]) -> String {
      let path = folder.file("\(UUID().uuidString).gguf", bytes)
      let error = #expect(throws: FormatError.self) { try GGUFFile(path: path) }
      return error?.description ?? ""
    }
    func header(_ version: UInt32, tensors: UInt64, metadata: UInt64) -> [UInt8] {
      Array("GGUF".utf8) + bytes(version) + bytes(tensors) + bytes(metadata)
    }
    func bytes<I: FixedWidthInteger>(_ value: I) -> [UInt8] {
      (0..<I.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    func string(_ text: String) -> [UInt8] { bytes(UInt64(text.utf8.count)) + Array(text.utf8) }
    #expect(text([1, 2, 3, 4, 5]).contains("does not start with"))
    #expect(text(header(1, tensors: 0, metadata: 0)).contains("version 1"))
    #expect(text(header(UInt32(3).byteSwapped, tensors: 0, metadata: 0)).contains("big-endian"))
    #expect(text(header(3, tensors: .max, metadata: 0)).contains("tensors"))
    #expect(text(header(3, tensors: 0, metadata: .max)).contains("metadata entries"))
    #expect(text(header(3, tensors: 0, metadata: 1)).contains("ends after"))
    let twice = string("k") + bytes(UInt32(7)) + [1]
    #expect(text(header(3, tensors: 0, metadata: 2) + twice + twice).contains("occurs twice"))
    #expect(
      text(header(3, tensors: 0, metadata: 1) + string("k") + bytes(UInt32(7)) + [2])
        .contains("neither 0 nor 1"))
    #expect(
      text(
        header(3, tensors: 0, metadata: 1) + string("k") + bytes(UInt32(9)) + bytes(UInt32(9))
          + bytes(UInt64(1))
      ).contains("no arrays"))
    #expect(
      text(
        header(3, tensors: 0, metadata: 1) + string("k") + bytes(UInt32(9)) + bytes(UInt32(5))
          + bytes(UInt64.max)
      ).contains("values"))
    func tensor(_ shape: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) -> [UInt8] {
      var info = string("t") + bytes(UInt32(shape.count))
      for length in shape { info += bytes(length) }
      info += bytes(type) + bytes(offset)
      return header(3, tensors: 1, metadata: 0) + info + [UInt8](repeating: 0, count: 200)
    }
    #expect(text(tensor([1 << 40, 1 << 40])).contains("too large"))
    #expect(text(tensor([UInt64.max])).contains("axis"))
    #expect(text(tensor([8, 1 << 62, 0])).contains("too large"))
    #expect(text(tensor([1, 1, 1, 1, 1])).contains("5 axes"))
    #expect(text(tensor([4], type: 99)).contains("type 99"))
    #expect(text(tensor([33], type: 8)).contains("whole blocks"))
    #expect(text(tensor([4], offset: 3)).contains("multiple of 32"))
    #expect(text(tensor([4], offset: .max)).contains("starts at"))
    #expect(text(tensor([400])).contains("a place in"))
    // A type that is valid and not read: the file opens, the tensor says what it is.
    let path = folder.file("valid.gguf", tensor([256], type: 10))
    let error = #expect(throws: FormatError.self) { try GGUFFile(path: path).tensor(named: "t") }
    #expect(error?.description.contains("Q2_K") == true)
  }

  @Test("mutated files give a value or an error, never a crash")
  func mutations() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.gguf")
    try write(to: path)
    let whole = [UInt8](try #require(FileManager.default.contents(atPath: path)))
    let headerLength = whole.count - 3 * 256 * 4
    var state: UInt64 = 99
    func random(_ limit: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(limit))
    }
    let strange: [UInt8] = [0, 1, 0x7f, 0x80, 0xff]
    var refused = 0
    for round in 0..<3000 {
      var bytes = whole
      for _ in 0...random(3) {
        let place = random(min(1200, headerLength))
        switch random(4) {
        case 0: bytes[place] = strange[random(strange.count)]
        case 1: bytes[place] ^= 1 << UInt8(random(8))
        case 2: for i in place..<min(place + 8, bytes.count) { bytes[i] = 0xff }
        default: bytes.insert(UInt8(random(256)), at: place)
        }
      }
      if random(4) == 0 { bytes.removeLast(random(bytes.count)) }
      // A new file each time, gone before the system writes it to the disk, which Foundation would
      // wait for.
      let mutated = folder.path + "/m\(round).gguf"
      let stream = try #require(fopen(mutated, "w"))
      #expect(fwrite(bytes, 1, bytes.count, stream) == bytes.count)
      fclose(stream)
      defer { unlink(mutated) }
      do throws(FormatError) {
        let file = try GGUFFile(path: mutated)
        for (_, value) in file.metadata {
          _ = (value.array?.strings, value.array?.numbers, value.array?.integers)
        }
        for name in file.tensorNames { _ = try file.tensor(named: name) }
      } catch {
        refused += 1
        #expect(!error.what.isEmpty)
      }
    }
    // Most mutations hit something that matters; some change only a number.
    #expect(refused > 1000 && refused < 3000)
  }
}
