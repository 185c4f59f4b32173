import Foundation
import HeedFormats
import HeedTensor
import HeedTraining
import Testing

@Suite("Checkpoints")
struct CheckpointTests {
  private let settings: JSONValue = ["batch": 3, "rate": 0.5]

  @Test("six steps, and three steps, a checkpoint and three more, give the same bits")
  func resume() throws {
    let run = try TinyRun()
    var whole = Trainer(parameters: run.parameters, settings: run.settings(microbatches: 2))
    try run.train(&whole, steps: 6)
    try withTemporaryFolder { folder in
      let path = folder + "/checkpoint.safetensors"
      var first = Trainer(parameters: run.parameters, settings: run.settings(microbatches: 2))
      try run.train(&first, steps: 3)
      try Checkpoint(of: first, recipe: "tiny", settings: settings).write(to: path)
      let checkpoint = try Checkpoint(path: path)
      try checkpoint.requireSame(recipe: "tiny", settings: settings)
      var second = try Trainer(
        resuming: checkpoint, settings: run.settings(microbatches: 2))
      #expect(second.stepCount == 3)
      try run.train(&second, steps: 3)
      #expect(bits(of: second) == bits(of: whole))
    }
  }

  @Test("a checkpoint that is cut off is refused", arguments: [0, 4, 100, 2000])
  func cutOff(bytes: Int) throws {
    let run = try TinyRun()
    let trainer = Trainer(parameters: run.parameters, settings: run.settings())
    try withTemporaryFolder { folder in
      let path = folder + "/checkpoint.safetensors"
      try Checkpoint(of: trainer, recipe: "tiny", settings: settings).write(to: path)
      let data = try #require(FileManager.default.contents(atPath: path))
      #expect(data.count > 2000)
      try data.prefix(bytes).write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: FormatError.self) { try Checkpoint(path: path) }
      #expect(error?.place.hasPrefix(path) == true)
    }
  }

  @Test("weights that are no checkpoint are refused")
  func noCheckpoint() throws {
    try withTemporaryFolder { folder in
      try SafetensorsFile.write(["w": Tensor(zeros: [2])], to: folder + "/w.safetensors")
      let error = #expect(throws: FormatError.self) {
        try Checkpoint(path: folder + "/w.safetensors")
      }
      #expect(error?.what == "this is no checkpoint of a training run")
    }
  }

  @Test("another recipe, other settings or another seed are refused by name")
  func foreign() throws {
    let run = try TinyRun()
    let trainer = Trainer(parameters: run.parameters, settings: run.settings())
    let checkpoint = Checkpoint(of: trainer, recipe: "tiny", settings: settings)
    let recipe = #expect(throws: TrainingError.self) {
      try checkpoint.requireSame(recipe: "large", settings: settings)
    }
    #expect(recipe?.code == .foreignCheckpoint)
    #expect(recipe?.what.contains("\"tiny\", not to \"large\"") == true)
    let changed = #expect(throws: TrainingError.self) {
      try checkpoint.requireSame(recipe: "tiny", settings: ["batch": 4, "rate": 0.5, "new": 1])
    }
    #expect(changed?.what.hasSuffix("batch is 3, not 4, new is absent, not 1") == true)
    var other = run.settings()
    other.seed = 6
    #expect(throws: TrainingError.self) { try Trainer(resuming: checkpoint, settings: other) }
  }

  @Test("a write that fails leaves the old checkpoint whole and nothing else")
  func failingWrite() throws {
    let run = try TinyRun()
    var trainer = Trainer(parameters: run.parameters, settings: run.settings())
    try withTemporaryFolder { folder in
      let path = folder + "/checkpoint.safetensors"
      try Checkpoint(of: trainer, recipe: "tiny", settings: settings).write(to: path)
      try run.train(&trainer, steps: 1)
      var broken = Checkpoint(of: trainer, recipe: "tiny", settings: settings)
      broken.recipe = "later"
      // A folder in the place of the file cannot be replaced; nor can a file in no folder.
      #expect(throws: FormatError.self) { try broken.write(to: folder) }
      #expect(throws: FormatError.self) { try broken.write(to: folder + "/none/c.safetensors") }
      let kept = try Checkpoint(path: path)
      #expect(kept.step == 0 && kept.recipe == "tiny")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    }
  }
}
