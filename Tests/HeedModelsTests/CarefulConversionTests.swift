import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Conversions of damaged models, to links, and stopped ones")
struct CarefulConversionTests {
  private func contents(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  private func inFolder(
    _ change: (inout [String: Tensor]) -> Void = { _ in }, _ body: (String) throws -> Void
  ) throws {
    let config = SmallConfig.llama.with(
      ("hidden_size", 64), ("head_dim", 16), ("intermediate_size", 64))
    var (_, _, parameters) = try smallParameters(config)
    change(&parameters)
    try withModelFolder(config, parameters, body)
  }

  @Test("a conversion that is stopped leaves nothing, whatever is written", arguments: [1, 5])
  func stopped(after count: Int) throws {
    try inFolder { folder in
      let before = contents(folder)
      for output in ["/model.gguf", "/made"] {
        let error = #expect(throws: FormatError.self) {
          try ModelConversion.convert(folder, to: folder + output, type: .f32) {
            progress throws(FormatError) in
            // A folder is there under another name; a file, where it can be, without one.
            let isThere = contents(folder).contains { $0.hasSuffix(".partial") }
            #expect(isThere || output == "/model.gguf")
            #expect(!contents(folder).contains("model.gguf") && !contents(folder).contains("made"))
            if progress.written == count {
              throw FormatError(.interrupted, what: "stop", place: output)
            }
          }
        }
        #expect(error?.code == .interrupted)
        #expect(contents(folder) == before)
      }
    }
  }

  @Test("weights that are no numbers are converted and named, those too large for the type as well")
  func damaged() throws {
    let (query, norm) = ("model.layers.1.self_attn.q_proj.weight", "model.norm.weight")
    try inFolder { parameters in
      for (name, value) in [(query, Float.nan), (norm, 1e6)] {
        guard let tensor = parameters[name] else { continue }
        var values = tensor.elements(as: Float.self)
        (values[3], values[5]) = (value, value)
        parameters[name] = Tensor(values, shape: tensor.shape)
      }
    } _: { folder in
      func names(_ output: String, _ type: ConversionType) throws -> [String] {
        try ModelConversion.convert(folder, to: folder + output, type: type).damaged.map {
          "\($0.name) \($0.count)"
        }
      }
      #expect(try names("/a.gguf", .f32) == ["blk.1.attn_q.weight 2"])
      #expect(try names("/b.gguf", .q8_0) == ["blk.1.attn_q.weight 2"])
      #expect(try names("/c", .f32) == ["\(query) 2"])
      #expect(try names("/d", .f16).sorted() == ["\(query) 2", "\(norm) 2"])
      // Blocks that are copied as they lie: those with the NaN are all of it, in either way.
      let copied = try ModelConversion.convert(
        folder + "/b.gguf", to: folder + "/e.gguf", type: .q8_0)
      let read = try ModelConversion.convert(
        folder + "/b.gguf", to: folder + "/f.gguf", type: .f32)
      #expect(copied.damaged == read.damaged)
    }
    try inFolder { folder in
      let report = try ModelConversion.convert(folder, to: folder + "/a.gguf", type: .f16)
      #expect(report.damaged.isEmpty && report.fallbacks.isEmpty)
    }
  }

  @Test("a folder behind a symbolic link is filled, and the link stays")
  func links() throws {
    try inFolder { folder in
      let manager = FileManager.default
      try manager.createDirectory(atPath: folder + "/empty", withIntermediateDirectories: true)
      try manager.createSymbolicLink(
        atPath: folder + "/link", withDestinationPath: folder + "/empty")
      try manager.createSymbolicLink(atPath: folder + "/new", withDestinationPath: "later")
      for (link, target) in [("/link", "/empty"), ("/new/", "/later")] {
        try ModelConversion.convert(folder, to: folder + link, type: .f32)
        #expect(contents(folder + target) == ["config.json", "model.safetensors"])
        let name = link.hasSuffix("/") ? String(link.dropLast()) : link
        let type = try manager.attributesOfItem(atPath: folder + name)[.type]
        #expect(type as? FileAttributeType == .typeSymbolicLink)
      }
    }
  }
}
