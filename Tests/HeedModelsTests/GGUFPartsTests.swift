import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Models in several GGUF files")
struct GGUFPartsTests {
  /// What one part is to hold.
  private struct Part {
    var metadata: [(key: String, value: GGUFValue)]
    var tensors: [GGUFTensor]
  }

  private func name(_ number: Int, of count: Int) -> String {
    "/model-0000\(number)-of-0000\(count).gguf"
  }

  /// Calls `body` with a folder of the three parts of a Llama after `change`, and the model in one file.
  private func withParts(
    _ change: (inout [Part]) -> Void = { _ in }, _ body: (_ folder: String) throws -> Void
  ) throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    try withModelFolder(SmallConfig.llama, parameters) { folder in
      try ModelConversion.convert(folder, to: folder + "/whole.gguf", type: .f16)
      let file = try GGUFFile(path: folder + "/whole.gguf")
      let count = file.tensorNames.count
      // The first one has the metadata and no tensors, as some programs write it.
      var parts = try [0..<0, 0..<7, 7..<count].enumerated().map { number, range in
        Part(
          metadata: (number == 0 ? file.metadata : [])
            + [
              ("split.no", .uint16(UInt16(number))), ("split.count", .uint16(3)),
              ("split.tensors.count", .int32(Int32(count))),
            ],
          tensors: try file.tensorNames[range].map { name in
            let tensor = try file.tensor(named: name)
            return GGUFTensor(
              name, shape: tensor.shape, type: .elements(tensor.elementType)
            ) { tensor }
          })
      }
      change(&parts)
      for (number, part) in parts.enumerated() {
        try GGUFFile.write(
          metadata: part.metadata, tensors: part.tensors, to: folder + name(number + 1, of: 3))
      }
      try body(folder)
    }
  }

  @Test("any part opens the whole model")
  func whole() throws {
    try withParts { folder in
      let whole = try GGUFFile(path: folder + "/whole.gguf")
      let want = bits(try LanguageModel(path: whole.path).logits([[3, 1, 4]]))
      for number in 1...3 {
        let file = try GGUFFile(path: folder + name(number, of: 3))
        #expect(file.tensorNames == whole.tensorNames)
        #expect(file.metadata.map(\.key) == whole.metadata.map(\.key))
        #expect(bits(try LanguageModel(path: file.path).logits([[3, 1, 4]])) == want)
      }
      // As one file, it is the one that the parts were made of.
      let joined = folder + "/joined.gguf"
      try ModelConversion.convert(folder + name(2, of: 3), to: joined, type: .f16)
      let files = FileManager.default
      #expect(files.contents(atPath: joined) == files.contents(atPath: whole.path))
    }
  }

  @Test("missing parts are named")
  func missing() throws {
    try withParts { folder in
      for number in [1, 3] {
        try FileManager.default.removeItem(atPath: folder + name(number, of: 3))
      }
      let error = #expect(throws: FormatError.self) {
        try GGUFFile(path: folder + name(2, of: 3))
      }
      #expect(error?.code == .missing)
      #expect(
        error?.what == "2 of 3 parts are not there: \(folder + name(1, of: 3)), "
          + (folder + name(3, of: 3)))
    }
  }

  @Test("parts that are doubled, of another model or misnamed are refused by their place")
  func foreign() throws {
    func expect(_ place: Int, _ what: String, _ change: (inout [Part]) -> Void) throws {
      try withParts(change) { folder in
        let error = #expect(throws: FormatError.self) {
          try GGUFFile(path: folder + name(1, of: 3))
        }
        #expect(error?.what.contains(what) == true, "\(String(describing: error))")
        #expect(error?.place == folder + name(place, of: 3))
      }
    }
    func set(_ key: String, _ value: GGUFValue, _ part: inout Part) {
      part.metadata.removeAll { $0.key == key }
      part.metadata.append((key, value))
    }
    try expect(3, "\"split.no\" is 1") { $0[2] = $0[1] }
    try expect(2, "\"split.count\" is 2") { set("split.count", .uint16(2), &$0[1]) }
    try expect(2, "\"split.no\" is not there") { $0[1].metadata = [] }
    try expect(3, "\"split.tensors.count\" is 99") {
      set("split.tensors.count", .int32(99), &$0[2])
    }
    try expect(3, "is in part 2 too") { $0[2].tensors.append($0[1].tensors[0]) }
    try expect(1, "the parts have") { $0[2].tensors.removeLast() }
    try expect(1, "the file is part 2 of 3") { $0.swapAt(0, 1) }
    try expect(1, "4097 parts") { set("split.count", .uint16(4097), &$0[0]) }
  }
}
