import Foundation
import HeedAttention
import HeedFormats
import HeedModels
import HeedTensor
import Testing

/// Trained models that lie beside the package, where they do.
@Suite("Trained models")
struct TrainedModelTests {
  private static let folder: String? = {
    let place = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("shared/data/models").path
    return FileManager.default.fileExists(atPath: place) ? place : nil
  }()

  /// The ids of the story that the model tells from the start token.
  private func story(_ model: LanguageModel, count: Int) -> [Int] {
    var cache = model.emptyCache()
    var ids = [1]
    while ids.count < count {
      let known = cache.first?.position ?? 0
      let logits = model.forward([Array(ids[known...])], cache: &cache).logits
      let best: [Int64] = logits.sliced(axis: 1, range: logits.shape[1] - 1..<logits.shape[1])
        .reshaped(to: [model.spec.vocabularySize]).argmax().elements()
      ids.append(Int(best[0]))
    }
    return ids
  }

  @Test(
    "stories260K tells its story from both files and from GGUF files",
    .enabled(if: folder != nil, "../shared/data/models is not there"))
  func stories() throws {
    let models = try #require(Self.folder)
    let place = models + "/stories260K"
    let golden = try JSONValue(contentsOf: place + "/golden.json")
    let recorded = try #require(golden["greedy_from_bos"]?["token_ids"]?.array)
    let want = recorded.compactMap(\.integer)
    let file = try LanguageModel(path: place + "/stories260K.bin")
    let folder = try LanguageModel(path: place)
    #expect(story(file, count: want.count) == want)
    #expect(story(folder, count: want.count) == want)
    let (a, b) = (file.logits([want]), folder.logits([want]))
    #expect((a - b).abs().max().item(as: Float.self) < 1e-4)
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("\(UUID().uuidString).gguf").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try ModelConversion.convert(place, to: path, type: .f32)
    #expect(bits(try LanguageModel(path: path).logits([want])) == bits(b))
    try ModelConversion.convert(place + "/stories260K.bin", to: path, type: .q8_0)
    // Greedy choices may turn at a near tie; the beginning has none.
    #expect(story(try LanguageModel(path: path), count: 32) == Array(want[..<32]))
  }

  @Test(
    "gpt-nano-sort has the activations that were recorded, and sorts",
    .enabled(if: folder != nil, "../shared/data/models is not there"))
  func nanoSort() throws {
    let models = try #require(Self.folder)
    let place = models + "/gpt-nano-sort"
    let file = try SafetensorsFile(path: place + "/model.safetensors")
    var parameters: [String: Tensor] = [:]
    for name in file.tensorNames {
      let tensor = try file.tensor(named: name)
      // Its matrices are [out, in], those of GPT-2's files [in, out].
      let isTurned = name.contains(".attn.") || name.contains(".mlp.")
      parameters[name] = isTurned && tensor.rank == 2 ? tensor.transposed() : tensor
    }
    let config: JSONValue = [
      "model_type": "gpt2", "n_embd": 48, "n_head": 3, "n_layer": 3, "n_positions": 11,
      "vocab_size": 3, "tie_word_embeddings": false,
    ]
    let recorded = try SafetensorsFile(path: place + "/activations.safetensors")
    let rows = try recorded.tensor(named: "idx").converted(to: .int64).elements(as: Int64.self)
    let ids = stride(from: 0, to: rows.count, by: 11).map { rows[$0..<$0 + 11].map { Int($0) } }
    try withModelFolder(config, parameters) { folder in
      let model = try LanguageModel(folder: folder)
      var options = LanguageModel.Options()
      options.keepsHiddenStates = true
      var none: [KeyValueCache] = []
      let output = model.forward(ids, cache: &none, options: options)
      let states = ["x", "block0", "block1", "ln_f"]
      for (name, got) in Array(zip(states, output.hiddenStates)) + [("lm_head", output.logits)] {
        let want = try recorded.tensor(named: name)
        #expect((got - want).abs().max().item(as: Float.self) < 1e-4, "\(name)")
      }
      var sorted = [2, 0, 1, 2, 1, 0]
      for _ in 0..<6 {
        let logits = model.logits([sorted])
        let last = logits.sliced(axis: 1, range: sorted.count - 1..<sorted.count)
        let best: [Int64] = last.reshaped(to: [3]).argmax().elements()
        sorted.append(Int(best[0]))
      }
      #expect(sorted[6...] == [0, 0, 1, 1, 2, 2])
    }
  }
}
