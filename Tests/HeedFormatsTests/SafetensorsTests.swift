import Foundation
import HeedFormats
import HeedTensor
import Testing

/// A folder that is removed at the end of a test.
struct TemporaryFolder: ~Copyable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String, _ bytes: [UInt8] = []) -> String {
    let file = path + "/" + name
    if !bytes.isEmpty { _ = FileManager.default.createFile(atPath: file, contents: Data(bytes)) }
    return file
  }
}

/// The bytes of a file with the given header and data.
func safetensors(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
  let count = length ?? UInt64(header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) } + Array(header.utf8)
    + [UInt8](repeating: 0, count: data)
}

@Suite("Safetensors")
struct SafetensorsTests {
  @Test("every element type comes back with its bits")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors")
    let floats = Tensor([1.5, -0.0, .infinity, .nan, 0x1p-149, 7] as [Float], shape: [2, 3])
    let tensors: [String: Tensor] = [
      "floats": floats, "turned": floats.transposed(),
      "doubles": Tensor([0.1, -2] as [Double]), "longs": Tensor([Int64.min, .max]),
      "ints": Tensor([Int32.min, 7], shape: [1, 2]), "shorts": Tensor([Int16.min]),
      "bytes": Tensor([Int8.min, 127]), "unsigned": Tensor([UInt8.max]),
      "truths": Tensor([true, false, true]), "scalar": Tensor(scalar: Float(3.5)),
      "nothing": Tensor(zeros: [0, 4]), "名前": Tensor([Float(2)]),
    ]
    try SafetensorsFile.write(tensors, metadata: ["format": "pt", "note": "✓"], to: path)
    let file = try SafetensorsFile(path: path)
    #expect(Set(file.tensorNames) == Set(tensors.keys))
    #expect(file.metadata.map(\.key) == ["format", "note"])
    for (name, want) in tensors {
      let got = try file.tensor(named: name)
      #expect(got.shape == want.shape && got.elementType == want.elementType)
    }
    let bits = try file.tensor(named: "floats").elements(as: Float.self).map(\.bitPattern)
    #expect(bits == floats.elements(as: Float.self).map(\.bitPattern))
    let turned = try file.tensor(named: "turned").elements(as: Float.self).map(\.bitPattern)
    #expect(turned == floats.transposed().elements(as: Float.self).map(\.bitPattern))
    #expect(try file.tensor(named: "longs").elements(as: Int64.self) == [.min, .max])
    #expect(try file.tensor(named: "truths").elements(as: Bool.self) == [true, false, true])
  }

  @Test("a tensor at an odd address is copied, not read crookedly")
  func misaligned() throws {
    let folder = try TemporaryFolder()
    let header =
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
      + #""b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}"#
    var bytes = safetensors(header)
    bytes += [9] + [0, 0, 0x80, 0x3F] + [0, 0, 0, 0x40]
    let file = try SafetensorsFile(path: folder.file("b.safetensors", bytes))
    #expect(try file.tensor(named: "b").elements(as: Float.self) == [1, 2])
  }

  @Test("a tensor outlives its file")
  func lifetime() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("c.safetensors")
    try SafetensorsFile.write(["x": Tensor([1, 2, 3] as [Float])], to: path)
    let tensor = try SafetensorsFile(path: path).tensor(named: "x")
    try FileManager.default.removeItem(atPath: path)
    #expect(tensor.elements(as: Float.self) == [1, 2, 3])
  }

  @Test(
    "broken files are refused",
    arguments: [
      ([], "empty"), ([1, 2, 3], "short"), (safetensors("{}", length: 1 << 40), "huge header"),
      (safetensors("{}", length: 50), "header longer than the file"),
      (safetensors("[]"), "no object"),
      (safetensors("{"), "no JSON"), (safetensors("{}", data: 4), "trailing data"),
      (safetensors(entry("F31", "[1]", 0, 4), data: 4), "unknown type"),
      (safetensors(entry("F32", "[-1]", 0, 4), data: 4), "negative length"),
      (safetensors(entry("F32", "[1.5]", 0, 4), data: 4), "length with a fraction"),
      (safetensors(entry("F32", "[1]", 4, 0), data: 4), "reversed"),
      (safetensors(entry("F32", "[1]", 0, 8), data: 4), "beyond the end"),
      (safetensors(entry("F32", "[2]", 0, 4), data: 4), "too small"),
      (safetensors(entry("F32", "[4611686018427387904, 8]", 0, 0)), "overflow"),
      (safetensors(entry("F32", "[0, 4611686018427387904, 8]", 0, 0)), "overflow of nothing"),
      (safetensors(entry("F32", "[1]", 4, 8), data: 8), "hole"),
      (
        safetensors(
          #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
            + #""b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#, data: 6), "overlap"
      ),
      (safetensors(#"{"__metadata__":{"a":1}}"#), "metadata"),
    ] as [([UInt8], String)])
  func broken(bytes: [UInt8], name: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file(name)
    _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
    #expect(throws: FormatError.self) { try SafetensorsFile(path: path) }
  }

  static func entry(_ type: String, _ shape: String, _ start: Int, _ end: Int) -> String {
    #"{"a":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(start),\#(end)]}}"#
  }

  @Test("truth values other than 0 and 1 are refused")
  func truths() throws {
    let folder = try TemporaryFolder()
    let bytes = safetensors(Self.entry("BOOL", "[2]", 0, 2)) + [1, 2]
    let file = try SafetensorsFile(path: folder.file("d.safetensors", bytes))
    #expect(throws: FormatError.self) { try file.tensor(named: "a") }
  }

  @Test("places beyond 4 GB are read")
  func large() throws {
    let folder = try TemporaryFolder()
    let first = 5 << 30
    let header =
      #"{"a":{"dtype":"U8","shape":[\#(first)],"data_offsets":[0,\#(first)]},"#
      + #""b":{"dtype":"F32","shape":[2],"data_offsets":[\#(first),\#(first + 8)]}}"#
    let start = safetensors(header)
    let path = folder.file("large.safetensors", start)
    // A file with a hole: it takes a few blocks of the disk, whatever its length.
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seek(toOffset: UInt64(start.count + first))
    try handle.write(contentsOf: Data([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]))
    try handle.close()
    let file = try SafetensorsFile(path: path)
    #expect(try file.tensor(named: "b").elements(as: Float.self) == [1, 2])
    #expect(try file.tensor(named: "a").count == first)
  }

  @Test("a failed write leaves nothing behind")
  func failedWrite() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/absent/x.safetensors"
    #expect(throws: FormatError.self) {
      try SafetensorsFile.write(["x": Tensor([Float(1)])], to: path)
    }
    let taken = folder.path + "/folder"
    try FileManager.default.createDirectory(atPath: taken, withIntermediateDirectories: true)
    #expect(throws: FormatError.self) {
      try SafetensorsFile.write(["x": Tensor([Float(1)])], to: taken)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["folder"])
  }

  @Test("shards are one source, and an index that lies or leads away is refused")
  func shards() throws {
    let folder = try TemporaryFolder()
    try SafetensorsFile.write(["a": Tensor([Float(1)])], to: folder.file("1.safetensors"))
    try SafetensorsFile.write(["b": Tensor([Float(2)])], to: folder.file("2.safetensors"))
    let index = folder.file("model.safetensors.index.json")
    try (["weight_map": ["a": "1.safetensors", "b": "2.safetensors"]] as JSONValue).write(to: index)
    let source = try ShardedSafetensors(indexPath: index)
    #expect(source.tensorNames == ["a", "b"])
    #expect(try source.tensor(named: "b").item(as: Float.self) == 2)
    try (["weight_map": ["b": "1.safetensors", "c": "2.safetensors"]] as JSONValue).write(to: index)
    let error = #expect(throws: FormatError.self) { try ShardedSafetensors(indexPath: index) }
    #expect(error?.what.contains("b (1.safetensors), c (2.safetensors)") == true)
    let names: [JSONValue] = [
      "../1.safetensors", .string(folder.file("1.safetensors")), "x/../1.safetensors", "..", "", 5,
      "1.safetensors\u{0}", .null,
    ]
    for name in names {
      try (["weight_map": ["a": name]] as JSONValue).write(to: index)
      let error = #expect(throws: FormatError.self) { try ShardedSafetensors(indexPath: index) }
      #expect(error?.expected == "the name of a file in the same folder", "\(name.text())")
    }
  }
}
