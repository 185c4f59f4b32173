import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

/// Models whose files are whole and whose content makes no sense.
@Suite("Damaged models")
struct DamagedModelTests {
  @Test("weights of whole numbers are refused by name, from a folder and on the way to a file")
  func wholeNumbers() throws {
    for name in ["model.embed_tokens.weight", "model.norm.weight"] {
      var (_, _, parameters) = try smallParameters(SmallConfig.llama)
      parameters[name] = parameters[name]?.converted(to: .int8)
      try withModelFolder(SmallConfig.llama, parameters) { folder in
        let error = #expect(throws: FormatError.self) { try LanguageModel(folder: folder) }
        #expect(error?.what.contains("\"\(name)\" is of type int8") == true)
        for type in [ConversionType.f32, .q8_0] {
          let file = folder + "/a.gguf"
          #expect(throws: FormatError.self) {
            try ModelConversion.convert(folder, to: file, type: type)
          }
          let left = try FileManager.default.contentsOfDirectory(atPath: folder)
          #expect(!left.contains { $0.hasPrefix("a.gguf") }, "\(left)")
        }
      }
    }
  }

  @Test("a GGUF file with weights of whole numbers is neither loaded nor converted")
  func wholeNumbersInFile() throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    try withModelFolder(SmallConfig.llama, parameters) { folder in
      let (whole, damaged) = (folder + "/whole.gguf", folder + "/damaged.gguf")
      try ModelConversion.convert(folder, to: whole, type: .f32)
      let file = try GGUFFile(path: whole)
      let tensors = try file.tensorNames.map { name in
        GGUFTensor(
          name, shape: try file.shape(named: name),
          type: .elements(name == "blk.0.attn_q.weight" ? .int16 : .float32)
        ) { () throws(FormatError) in try file.tensor(named: name) }
      }
      try GGUFFile.write(metadata: file.metadata, tensors: tensors, to: damaged)
      let error = #expect(throws: FormatError.self) { try LanguageModel(path: damaged) }
      #expect(error?.what.contains("\"blk.0.attn_q.weight\" is of type int16") == true)
      #expect(throws: FormatError.self) {
        try ModelConversion.convert(damaged, to: folder + "/copy.gguf", type: .q4_0)
      }
      #expect(!FileManager.default.fileExists(atPath: folder + "/copy.gguf"))
    }
  }

  @Test("a norm that would divide by the root of less than nothing is refused")
  func negativeEpsilon() throws {
    for (config, key) in [
      (SmallConfig.llama, "rms_norm_eps"), (SmallConfig.gpt2, "layer_norm_epsilon"),
    ] {
      let config = config.with((key, -1))
      let family = try FamilyRegistry.standard.family(for: config, place: "config.json")
      let error = #expect(throws: FormatError.self) { try family.spec(config, "config.json") }
      #expect(error?.what.contains(key) == true)
    }
  }

  @Test("what is wrong in a GGUF file has the name that it has there")
  func words() throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    try withModelFolder(SmallConfig.llama, parameters) { folder in
      let (whole, damaged) = (folder + "/whole.gguf", folder + "/damaged.gguf")
      try ModelConversion.convert(folder, to: whole, type: .f32)
      let file = try GGUFFile(path: whole)
      for key in ["llama.block_count", "llama.attention.head_count", "llama.embedding_length"] {
        for value in [nil, GGUFValue.int32(-1), .uint32(0), .uint64(1 << 62), .string("x")] {
          let metadata = file.metadata.compactMap { member in
            member.key == key ? value.map { (key, $0) } : member
          }
          let tensors = file.tensorNames.map { name in
            GGUFTensor(name, shape: (try? file.shape(named: name)) ?? [], type: .elements(.float32))
            {
              () throws(FormatError) in try file.tensor(named: name)
            }
          }
          try GGUFFile.write(metadata: metadata, tensors: tensors, to: damaged)
          let error = #expect(throws: FormatError.self) { try LanguageModel(path: damaged) }
          #expect(error?.what.contains(key) == true, "\(error?.description ?? "")")
        }
      }
    }
  }
}
