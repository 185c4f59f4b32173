import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Folders made of GGUF files")
struct FolderConversionTests {
  private let ids = [[3, 1, 4, 1, 5, 9, 2]]

  /// Gains count from one in Gemma's GGUF files: what a sum with one has no bits for is lost there, so
  /// the gains are such as half precision has.
  private func parameters(_ config: JSONValue) throws -> [String: Tensor] {
    let (_, _, parameters) = try smallParameters(config)
    return parameters.mapValues { tensor in
      tensor.rank == 1 ? tensor.converted(to: .bfloat16).converted(to: .float32) : tensor
    }
  }

  private func contents(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  @Test(
    "a folder comes back from its GGUF file: names, bits of weights and logits",
    arguments: GGUFModelTests.plain)
  func roundTrip(config: JSONValue) throws {
    let parameters = try parameters(config)
    let config = config.with(("bos_token_id", 1), ("eos_token_id", [2, 5]))
    try withModelFolder(config, parameters) { folder in
      let (file, made) = (folder + "/model.gguf", folder + "/made")
      try ModelConversion.convert(folder, to: file, type: .f32)
      try ModelConversion.convert(
        file, to: made, type: .f32, files: [FolderFile("tokenizer.json", ["type": "none"])])
      #expect(
        contents(made) == [
          "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        ])
      let weights = try ModelFolder(path: made).weights
      #expect(weights.tensorNames.sorted() == parameters.keys.sorted())
      for name in weights.tensorNames {
        let (got, want) = (try weights.tensor(named: name), try #require(parameters[name]))
        #expect(got.shape == want.shape && bits(got) == bits(want), "\(name)")
      }
      let (model, original) = (try LanguageModel(folder: made), try LanguageModel(folder: folder))
      #expect(bits(model.logits(ids)) == bits(original.logits(ids)))
      #expect(model.spec.endTokens == [2, 5])
      let again = try ModelFolder(path: made)
      let className = again.config["architectures"]?.array?.first?.string ?? ""
      #expect(className.hasSuffix("ForCausalLM") || className == "GPT2LMHeadModel")
      #expect(again.config["torch_dtype"]?.string == "float32")
      #expect(again.generationConfig?["eos_token_id"] == [2, 5])
      #expect(again.generationConfig?["bos_token_id"] == 1)
    }
  }

  @Test("blocks become numbers, those that they stand for; half precision rounds them")
  func quantized() throws {
    let config = SmallConfig.llama.with(
      ("hidden_size", 64), ("head_dim", 16), ("intermediate_size", 64))
    try withModelFolder(config, parameters(config)) { folder in
      try ModelConversion.convert(folder, to: folder + "/q.gguf", type: .q8_0)
      try ModelConversion.convert(folder + "/q.gguf", to: folder + "/whole.gguf", type: .f32)
      try ModelConversion.convert(folder + "/q.gguf", to: folder + "/made", type: .f32)
      let want = try LanguageModel(path: folder + "/whole.gguf").logits(ids)
      #expect(bits(try LanguageModel(folder: folder + "/made").logits(ids)) == bits(want))
      try ModelConversion.convert(folder + "/q.gguf", to: folder + "/half/", type: .bf16)
      let half = try ModelFolder(path: folder + "/half")
      let name = "model.layers.0.self_attn.q_proj.weight"
      #expect(try half.weights.tensor(named: name).elementType == .bfloat16)
      #expect(half.config["torch_dtype"]?.string == "bfloat16")
    }
  }

  @Test("a conversion that fails leaves nothing behind, and touches nothing that is there")
  func wholeOrAbsent() throws {
    let config = SmallConfig.llama
    try withModelFolder(config, parameters(config)) { folder in
      let file = folder + "/model.gguf"
      try ModelConversion.convert(folder, to: file, type: .f32)
      let before = contents(folder)
      func fails(_ output: String, _ type: ConversionType, _ text: String) {
        let error = #expect(throws: FormatError.self) {
          try ModelConversion.convert(file, to: folder + output, type: type)
        }
        #expect(error?.description.contains(text) == true, "\(String(describing: error))")
        #expect(contents(folder) == before)
      }
      fails("/made", .q8_0, ".gguf")
      fails("/made.safetensors", .f32, "folder")
      // A file that ends in the middle of its tensors.
      var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      bytes.removeLast(bytes.count / 2)
      try bytes.write(to: URL(fileURLWithPath: file))
      fails("/made", .f32, "download")
      // A name that cannot be written when the weights are there already.
      try ModelConversion.convert(folder, to: file, type: .f32)
      #expect(throws: FormatError.self) {
        try ModelConversion.convert(
          file, to: folder + "/made", type: .f32, files: [FolderFile("no/such/place", [])])
      }
      #expect(contents(folder) == before)
      // Something is there.
      let other = folder + "/other"
      try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
      try ModelConversion.convert(file, to: other, type: .f32)
      let kept = contents(other)
      #expect(kept.count == 3)
      let error = #expect(throws: FormatError.self) {
        try ModelConversion.convert(file, to: other, type: .bf16)
      }
      #expect(error?.description.contains("already") == true && contents(other) == kept)
    }
  }
  @Test("what a killed conversion has left is deleted by the next, and nothing else")
  func leftovers() throws {
    let config = SmallConfig.llama
    try withModelFolder(config, parameters(config)) { folder in
      let places = folder + "/places"
      let ofKilled = "made.1zzzzzzzzzzzz.partial"
      // One that a living process writes, that of another output, other names, and a link.
      let alive = "made.2aaaaaaaaaaaa.partial"
      let others = [
        "made.1.partial", "made.notes.partial", "made.zzzzzzzzzzzzz.partial", "made.partial",
        "made2.1zzzzzzzzzzzz.partial", "made.1ZZZZZZZZZZZZ.partial",
      ]
      for name in [ofKilled, alive] + others {
        let path = "\(places)/\(name)/inner"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      }
      let link = "made.3aaaaaaaaaaaa.partial"
      try FileManager.default.createSymbolicLink(
        atPath: "\(places)/\(link)", withDestinationPath: folder)
      let lock = FolderLock.taken("\(places)/\(alive)")
      try ModelConversion.convert(folder, to: places + "/made", type: .f32)
      #expect(contents(places) == (["made", alive, link] + others).sorted())
      withExtendedLifetime(lock) {}
    }
  }
}
