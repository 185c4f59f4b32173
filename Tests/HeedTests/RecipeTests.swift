import Foundation
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import HeedText
import HeedTraining
import Testing

@Suite("Recipes")
struct RecipeTests {
  private let text = String(repeating: "to be, or not to be: ", count: 40)

  private var corpus: TextCorpus { TextCorpus(text, trainingShare: recipe.trainingShare) }

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
      var run = try RecipeRun(recipe, corpus: corpus, folder: folder)
      var steps: [Int] = []
      let result = try run.run(progress: { steps.append($0.step) })
      #expect(steps == [1, 2, 3, 4, 5, 6])
      #expect(result.isComplete)
      let model = try TextModel(folder)
      let cut = Int(Double(text.unicodeScalars.count) * recipe.trainingShare)
      let evaluation = try model.evaluate(String(text.dropFirst(cut)))
      #expect(abs(evaluation.loss - (try #require(result.validationLoss))) < 1e-5)
      #expect(abs(evaluation.bitsPerByte - (try #require(result.bitsPerByte))) < 1e-5)
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
      var run = try RecipeRun(recipe, corpus: corpus, folder: whole)
      _ = try run.run()
      try withFolder { folder in
        var first = try RecipeRun(recipe, corpus: corpus, folder: folder)
        var finished = 0
        let stopped = try first.run(shouldStop: { finished == stop }) { finished = $0.step }
        #expect(!stopped.isComplete && stopped.step == stop)
        #expect(!FileManager.default.fileExists(atPath: folder + "/model.safetensors"))
        var second = try RecipeRun(recipe, corpus: corpus, folder: folder, earlierRun: .resumed)
        let result = try second.run()
        #expect(result.isComplete)
        #expect(try weights(folder) == weights(whole))
        #expect(try TrainingLog.read(folder + "/log.jsonl").map(\.step) == [1, 2, 3, 4, 5, 6])
      }
    }
  }

  @Test("routers are corrected by loads in a run, and a resumed one writes the same bits")
  func balance() throws {
    var recipe = recipe
    recipe.config = SmallConfig.deepSeekV3.with(("vocab_size", nil))
    try recipe.set("balance_speed", to: "0.25")
    try withFolder { whole in
      var run = try RecipeRun(recipe, corpus: corpus, folder: whole)
      _ = try run.run()
      let file = try SafetensorsFile(path: whole + "/model.safetensors")
      for name in file.tensorNames where name.hasSuffix("e_score_correction_bias") {
        let steps = try file.tensor(named: name).elements(as: Float.self).map { $0 / 0.25 }
        #expect(steps.allSatisfy { $0 == $0.rounded() } && steps.contains { $0 != 0 }, "\(steps)")
      }
      try withFolder { folder in
        var first = try RecipeRun(recipe, corpus: corpus, folder: folder)
        var finished = 0
        _ = try first.run(shouldStop: { finished == 3 }) { finished = $0.step }
        var second = try RecipeRun(recipe, corpus: corpus, folder: folder, earlierRun: .resumed)
        _ = try second.run()
        #expect(try weights(folder) == weights(whole))
      }
    }
    // Other models have nothing that it would move.
    recipe.config = self.recipe.config
    #expect(throws: FormatError.self) { try recipe.checkConfig() }
  }

  @Test("a checkpoint of other settings, a missing one and a short text are refused")
  func refused() throws {
    try withFolder { folder in
      var run = try RecipeRun(recipe, corpus: corpus, folder: folder)
      _ = try run.run()
      var other = recipe
      other.peakRate *= 2
      let error = #expect(throws: TrainingError.self) {
        try RecipeRun(other, corpus: corpus, folder: folder, earlierRun: .resumed)
      }
      #expect(error?.what.contains("peak_rate") == true)
      let longer = TextCorpus(text + text, trainingShare: 0.9)
      let foreign = #expect(throws: TrainingError.self) {
        try RecipeRun(recipe, corpus: longer, folder: folder, earlierRun: .resumed)
      }
      #expect(foreign?.what.contains("texts") == true)
      #expect(throws: FormatError.self) {
        try RecipeRun(recipe, corpus: corpus, folder: folder + "/none", earlierRun: .resumed)
      }
      #expect(throws: TrainingError.self) {
        try RecipeRun(
          recipe, corpus: TextCorpus("too short", trainingShare: 0.9), folder: folder + "/short")
      }
    }
  }

  /// The recipe of the story teller, for a text of a few hundred bytes.
  private var storyteller: Recipe {
    var recipe = Recipe.storyteller
    recipe.vocabulary = .bytePairs(size: 280, endOfText: "<|end|>")
    recipe.config = self.recipe.config
    recipe.contextLength = 13
    recipe.batchSize = 2
    recipe.stepCount = 5
    recipe.warmupSteps = 1
    recipe.validationInterval = 2
    return recipe
  }

  private var stories: TextCorpus {
    let story = "Der Bär\n\nEs war einmal ein Bär, der aß süße Äpfel. 日本 😀\n<|end|>\n"
    return TextCorpus(
      training: [String(repeating: story, count: 6), String(repeating: story, count: 2)],
      validation: [story + story])
  }

  @Test("a recipe of pieces leaves a Llama that loads, with its tokenizer and its end of text")
  func pieces() throws {
    try withFolder { folder in
      var run = try RecipeRun(storyteller, corpus: stories, folder: folder)
      let result = try run.run()
      let model = try TextModel(folder)
      #expect(model.tokenizer.vocabularySize == 280 && model.model.spec.vocabularySize == 280)
      #expect(model.model.spec.endTokens == [0] && model.tokenizer.specialTokens.end == 0)
      #expect(model.tokenizer.id(of: "<|end|>") == 0)
      let evaluation = try model.evaluate(try #require(stories.validation.first))
      #expect(abs(evaluation.loss - (try #require(result.validationLoss))) < 1e-5)
      #expect(abs(evaluation.bitsPerByte - (try #require(result.bitsPerByte))) < 1e-5)
    }
  }

  @Test("a recipe of pieces that is stopped and resumed writes the same bits", arguments: [1, 4])
  func resumePieces(stop: Int) throws {
    try withFolder { whole in
      var run = try RecipeRun(storyteller, corpus: stories, folder: whole)
      _ = try run.run()
      try withFolder { folder in
        var first = try RecipeRun(storyteller, corpus: stories, folder: folder)
        var finished = 0
        _ = try first.run(shouldStop: { finished == stop }) { finished = $0.step }
        var second = try RecipeRun(
          storyteller, corpus: stories, folder: folder, earlierRun: .resumed)
        #expect(try second.run().isComplete)
        #expect(try weights(folder) == weights(whole))
        let times = try TrainingLog.read(folder + "/log.jsonl").compactMap(\.processorSeconds)
        #expect(times.count == 5 && times == times.sorted())
      }
    }
  }

  @Test("a run goes on from a checkpoint that is older than its log")
  func kill() throws {
    try withFolder { whole in
      var run = try RecipeRun(storyteller, corpus: stories, folder: whole)
      run.checkpointInterval = 2
      let files = FileManager.default
      // What a process that was killed after step 3 leaves: the checkpoint of step 2, a longer log.
      try withFolder { folder in
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try run.run(progress: {
          guard $0.step == 3 else { return }
          for name in ["checkpoint.safetensors", "log.jsonl"] {
            try? files.copyItem(atPath: whole + "/" + name, toPath: folder + "/" + name)
          }
        })
        #expect(try TrainingLog.read(folder + "/log.jsonl").count == 3)
        var second = try RecipeRun(
          storyteller, corpus: stories, folder: folder, earlierRun: .resumed)
        #expect(try second.run().isComplete)
        #expect(try weights(folder) == weights(whole))
        #expect(try TrainingLog.read(folder + "/log.jsonl").map(\.step) == [1, 2, 3, 4, 5])
      }
    }
  }

  @Test("an earlier run is refused and stays as it was, or is replaced")
  func occupied() throws {
    try withFolder { folder in
      var run = try RecipeRun(recipe, corpus: corpus, folder: folder)
      var finished = 0
      _ = try run.run(shouldStop: { finished == 2 }) { finished = $0.step }
      let names = ["checkpoint.safetensors", "log.jsonl", "config.json", "tokenizer.json"]
      func contents() -> [Data?] {
        names.map { FileManager.default.contents(atPath: folder + "/" + $0) }
      }
      let before = contents()
      let error = #expect(throws: TrainingError.self) {
        try RecipeRun(recipe, corpus: corpus, folder: folder)
      }
      #expect(error?.code == .occupied)
      #expect(error?.what.hasSuffix("has checkpoint.safetensors of an earlier run") == true)
      #expect(contents() == before)
      _ = try RecipeRun(recipe, corpus: corpus, folder: folder, earlierRun: .replaced)
      #expect(!FileManager.default.fileExists(atPath: folder + "/checkpoint.safetensors"))
      #expect(try TrainingLog.read(folder + "/log.jsonl").isEmpty)
    }
  }

  @Test("the steps before a log that cannot be written are in a checkpoint, to the same bits")
  func rescue() throws {
    try withFolder { whole in
      var run = try RecipeRun(recipe, corpus: corpus, folder: whole)
      _ = try run.run()
      try withFolder { folder in
        var first = try RecipeRun(recipe, corpus: corpus, folder: folder)
        let (files, log) = (FileManager.default, folder + "/log.jsonl")
        let error = #expect(throws: TrainingError.self) {
          try first.run(progress: {
            guard $0.step == 3 else { return }
            try? files.removeItem(atPath: log)
            try? files.createDirectory(atPath: log, withIntermediateDirectories: false)
          })
        }
        #expect(error?.step == 4 && error?.lastCheckpoint == first.checkpointPath)
        #expect(try Checkpoint(path: first.checkpointPath).step == 4)
        try files.removeItem(atPath: log)
        var second = try RecipeRun(
          recipe, corpus: corpus, folder: folder, earlierRun: .resumed)
        #expect(try second.run().isComplete)
        #expect(try weights(folder) == weights(whole))
      }
    }
  }

  @Test("the steps before a loss that is no number are in a checkpoint")
  func divergence() throws {
    try withFolder { folder in
      var steep = recipe
      // Weights become some hundred thousand times as large with each step.
      (steep.peakRate, steep.finalRate, steep.weightDecay) = (1e3, 1e3, 1e2)
      var run = try RecipeRun(steep, corpus: corpus, folder: folder)
      let error = #expect(throws: TrainingError.self) { try run.run() }
      #expect(error?.code == .diverged)
      let step = try #require(error?.step)
      #expect(step > 1)
      let checkpoint = try Checkpoint(path: try #require(error?.lastCheckpoint))
      #expect(checkpoint.step == step - 1)
      #expect(checkpoint.parameters.values.allSatisfy { $0.nonFiniteCount == 0 })
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

  @Test("settings are changed by name; other names and values that cannot be are refused")
  func changes() throws {
    var recipe = Recipe.storyteller
    for (name, value) in [
      ("peak_rate", "0.5"), ("steps", "7"), ("seed", "9"), ("optimizer", "adamW"),
      ("order", "drawn"), ("vocabulary_size", "300"), ("config.hidden_size", "64"),
      ("config.hidden_act", "gelu"),
    ] { try recipe.set(name, to: value) }
    #expect(recipe.peakRate == 0.5 && recipe.stepCount == 7 && recipe.seed == 9)
    #expect(recipe.optimizer == .adamW && recipe.order == .drawn)
    #expect(recipe.vocabulary == .bytePairs(size: 300, endOfText: "<|endoftext|>"))
    #expect(recipe.config["hidden_size"]?.integer == 64)
    #expect(recipe.config["hidden_act"]?.string == "gelu")
    let before = recipe.settings
    for (name, value) in [
      ("peak_rate", "fast"), ("peak_rate", "nan"), ("steps", "0"), ("steps", "1.5"), ("seed", "-1"),
      ("optimizer", "none"), ("order", ""), ("rate", "1"), ("batch_size", "99999999999"),
    ] {
      let error = #expect(throws: FormatError.self) { try recipe.set(name, to: value) }
      #expect(error?.expected != nil)
    }
    #expect(recipe.settings == before)
    var characters = Recipe.shakespeareCharacters
    #expect(throws: FormatError.self) { try characters.set("vocabulary_size", to: "300") }
  }

  @Test(
    "a member of the config that its family does not read is refused, with the nearest that it reads",
    arguments: [
      ("shakespeare-chars", "config.n_embed", "did you mean n_embd"),
      ("shakespeare-chars", "config.hidden_size", "expected one of model_type, "),
      ("shakespeare-chars", "config.rope_theta", "read no \"rope_theta\""),
      ("shakespeare-chars", "config.vocab_size", "read no \"vocab_size\""),
      ("storyteller", "config.num_heads", "num_attention_heads"),
      ("storyteller", "config.eos_token_id", "read no \"eos_token_id\""),
      ("storyteller", "config.n_layer", "num_hidden_layers"),
      ("storyteller", "config.rope_scaling.factor", "rope_scaling"),
    ])
  func unreadMembers(name: String, member: String, words: String) throws {
    var recipe = try #require(Recipe.named(name))
    try recipe.set(member, to: "2")
    let error = #expect(throws: FormatError.self) { try recipe.checkConfig() }
    #expect(error?.code == .malformed && error?.description.contains(words) == true)
    #expect(error?.expected?.contains("vocab_size") == false, "\(error?.description ?? "")")
  }

  @Test("members of the config that its family reads can be set, be they there or not")
  func readMembers() throws {
    for recipe in Recipe.all { #expect(throws: Never.self) { try recipe.checkConfig() } }
    var recipe = Recipe.storyteller
    for (name, value) in [
      ("model_type", "qwen3"), ("num_key_value_heads", "5"), ("head_dim", "32"),
      ("hidden_act", "gelu"), ("rope_scaling", #"{"rope_type":"linear","factor":2}"#),
    ] { try recipe.set("config." + name, to: value) }
    #expect(throws: Never.self) { try recipe.checkConfig() }
    try recipe.set("config.num_attention_heads", to: "0")
    #expect(throws: FormatError.self) { try recipe.checkConfig() }
  }
}
