import Foundation
import Heed
import HeedFormats
import HeedTensor
import HeedTraining
import Testing

@Suite("Recipes")
struct RecipeTests {
  private let text = String(repeating: "to be, or not to be: ", count: 40)

  /// A model of a few thousand weights and six steps.
  private var recipe: Recipe {
    var recipe = Recipe.shakespeareCharactersLong
    recipe.name = "tiny"
    recipe.config = [
      "model_type": "llama", "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16,
      "intermediate_size": 24, "max_position_embeddings": 13, "tie_word_embeddings": true,
    ]
    recipe.contextLength = 13
    recipe.batchSize = 3
    recipe.microbatchCount = 2
    recipe.stepCount = 6
    recipe.warmupSteps = 1
    recipe.validationInterval = 2
    return recipe
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func weights(_ folder: String) throws -> [String: [UInt32]] {
    let file = try SafetensorsFile(path: folder + "/model.safetensors")
    var result: [String: [UInt32]] = [:]
    for name in file.tensorNames {
      result[name] = try file.tensor(named: name).elements(as: Float.self).map(\.bitPattern)
    }
    return result
  }

  @Test(
    "a run leaves a model that loads, and whose loss on the validation part is the reported one")
  func folder() throws {
    try withFolder { folder in
      var run = try RecipeRun(recipe, text: text, folder: folder)
      var steps: [Int] = []
      let result = try run.run(progress: { steps.append($0.step) })
      #expect(steps == [1, 2, 3, 4, 5, 6])
      #expect(result.isComplete)
      let model = try TextModel(folder)
      let cut = Int(Double(text.unicodeScalars.count) * recipe.trainingShare)
      let loss = try model.evaluate(String(text.dropFirst(cut))).loss
      #expect(abs(loss - (try #require(result.validationLoss))) < 1e-5)
      let log = try TrainingLog.read(folder + "/log.jsonl")
      #expect(log.map { $0.validationLoss != nil } == [false, true, false, true, false, true])
      let curve = try String(contentsOfFile: folder + "/loss.svg", encoding: .utf8)
      #expect(curve.hasPrefix("<svg"))
    }
  }

  @Test(
    "a run that is stopped and resumed writes the bits of one that was not", arguments: [1, 3, 5])
  func resume(stop: Int) throws {
    try withFolder { whole in
      var run = try RecipeRun(recipe, text: text, folder: whole)
      _ = try run.run()
      try withFolder { folder in
        var first = try RecipeRun(recipe, text: text, folder: folder)
        var finished = 0
        let stopped = try first.run(shouldStop: { finished == stop }) { finished = $0.step }
        #expect(!stopped.isComplete && stopped.step == stop)
        #expect(!FileManager.default.fileExists(atPath: folder + "/model.safetensors"))
        var second = try RecipeRun(recipe, text: text, folder: folder, isResuming: true)
        let result = try second.run()
        #expect(result.isComplete)
        #expect(try weights(folder) == weights(whole))
        #expect(try TrainingLog.read(folder + "/log.jsonl").map(\.step) == [1, 2, 3, 4, 5, 6])
      }
    }
  }

  @Test("a checkpoint of other settings, a missing one and a short text are refused")
  func refused() throws {
    try withFolder { folder in
      var run = try RecipeRun(recipe, text: text, folder: folder)
      _ = try run.run()
      var other = recipe
      other.peakRate *= 2
      let error = #expect(throws: TrainingError.self) {
        try RecipeRun(other, text: text, folder: folder, isResuming: true)
      }
      #expect(error?.what.contains("peak_rate") == true)
      #expect(throws: FormatError.self) {
        try RecipeRun(recipe, text: text, folder: folder + "/none", isResuming: true)
      }
      #expect(throws: TrainingError.self) {
        try RecipeRun(recipe, text: "too short", folder: folder)
      }
    }
  }

  @Test("recipes are found by name, fit their context, and differ in every name")
  func list() {
    #expect(Set(Recipe.all.map(\.name)).count == Recipe.all.count)
    for recipe in Recipe.all {
      #expect(Recipe.named(recipe.name)?.settings == recipe.settings)
      let positions = recipe.config["n_positions"] ?? recipe.config["max_position_embeddings"]
      #expect(positions?.integer == recipe.contextLength)
    }
    #expect(Recipe.named("none") == nil)
  }
}
