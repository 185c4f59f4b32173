import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import HeedTraining
import Testing

@Suite("Rounded models that learn from what they were")
struct DistillationTests {
  private static let widths: [(String, JSONValue)] = [
    ("hidden_size", 32), ("n_embd", 32), ("n_head", 2), ("num_attention_heads", 2),
    ("num_key_value_heads", 1), ("head_dim", 16), ("intermediate_size", 64), ("n_positions", 64),
  ]

  /// A config whose matrices are whole blocks of 32.
  private static func wide(_ config: JSONValue) -> JSONValue {
    widths.reduce(config) { config, width in
      config[width.0] == nil ? config : config.with(width)
    }
  }

  private static let llama = wide(SmallConfig.llama)
  private let distillation = Distillation(mostSteps: 28)

  private func text(_ count: Int) -> CalibrationText {
    var generator = RandomGenerator(seed: 3)
    let tokens: [Int64] = generator.integers([count], in: 0..<17).elements()
    return CalibrationText(tokens.map { Int($0) })
  }

  /// A folder of a model whose predictions are neither even nor certain.
  private func inFolder(_ config: JSONValue, _ body: (String) throws -> Void) throws {
    let (_, _, parameters) = try smallParameters(config, deviation: 0.2)
    try withTemporaryFolder { folder in
      try config.write(to: folder + "/config.json")
      try SafetensorsFile.write(parameters, to: folder + "/model.safetensors")
      try body(folder)
    }
  }

  @Test(
    "models come nearer to what they were, on text that they have not learnt from",
    arguments: [
      (SmallConfig.llama, ConversionType.q4_0), (SmallConfig.llama, .q4_1),
      (SmallConfig.llama.with(("tie_word_embeddings", true)), .q5_1), (SmallConfig.gemma, .q4_0),
      (SmallConfig.gpt2, .q5_0),
    ])
  func gain(config: JSONValue, type: ConversionType) throws {
    let text = text(4096)
    let unseen = (1...8).map { Array(text.tokens.suffix(60 * $0).prefix(60)) }
    try inFolder(Self.wide(config)) { folder in
      func logits(_ path: String) throws -> Tensor {
        // As numbers, so that the products round nothing.
        let numbers =
          try path == folder
          ? path
          : {
            try ModelConversion.convert(path, to: path + ".f32.gguf", type: .f32)
            return path + ".f32.gguf"
          }()
        return try LanguageModel(path: numbers).logits(unseen)
      }
      let want = try logits(folder).softmax()
      func distance(_ name: String, _ tuning: Distillation?) throws -> (Float, ModelTuning?) {
        let report = try ModelConversion.convert(
          folder, to: folder + name, type: type, calibration: text, tuning: tuning)
        let found = try logits(folder + name).logSoftmax()
        return (
          divergence(logProbabilities: found, targets: want).item(as: Float.self), report.tuning
        )
      }
      let (plain, none) = try distance("/plain.gguf", nil)
      let (tuned, tuning) = try distance("/tuned.gguf", Distillation())
      #expect(none == nil && tuned < plain, "\(tuned) after \(plain)")
      guard case .tuned(let before, let after) = tuning else {
        Issue.record("\(String(describing: tuning))")
        return
      }
      #expect(after < before, "\(after) after \(before)")
    }
  }

  @Test("the same file twice, for any number of threads")
  func sameBytes() throws {
    try inFolder(Self.llama) { folder in
      let files = try [1, 3].map { threads in
        let path = folder + "/\(threads).gguf"
        try ThreadPool.withThreadCount(threads) {
          _ = try ModelConversion.convert(
            folder, to: path, type: .q4_1, calibration: text(2048), tuning: distillation)
        }
        return FileManager.default.contents(atPath: path)
      }
      #expect(files[0] != nil && files[0] == files[1])
    }
  }

  @Test("what cannot be tuned is written as it was rounded, and the report says why")
  func refusals() throws {
    #expect(distillation.refusal(weightCount: 13_000_000, of: text(2048)) == nil)
    #expect(distillation.refusal(weightCount: 15_000_000, of: text(2048)) == .large)
    try inFolder(Self.llama) { folder in
      func bytes(_ tuning: Distillation?, _ reason: ModelTuning.Reason?) throws -> Data? {
        let report = try ModelConversion.convert(
          folder, to: folder + "/a.gguf", type: .q4_0, calibration: text(2047), tuning: tuning)
        #expect(report.tuning == reason.map { .skipped($0) })
        return FileManager.default.contents(atPath: folder + "/a.gguf")
      }
      let (plain, refused) = (try bytes(nil, nil), try bytes(distillation, .short))
      #expect(plain != nil && plain == refused)
    }
    var (_, _, parameters) = try smallParameters(Self.llama)
    parameters["model.norm.weight"] = Tensor(repeating: Float.nan, shape: [32])
    try withTemporaryFolder { folder in
      try Self.llama.write(to: folder + "/config.json")
      try SafetensorsFile.write(parameters, to: folder + "/model.safetensors")
      let report = try ModelConversion.convert(
        folder, to: folder + "/a.gguf", type: .q4_0, calibration: text(2048), tuning: distillation)
      #expect(report.tuning == .skipped(.notFinite))
    }
  }

  @Test("a tuning says how far it is, and can be ended there")
  func progress() throws {
    try inFolder(Self.llama) { folder in
      let path = folder + "/a.gguf"
      let error = #expect(throws: FormatError.self) {
        try ModelConversion.convert(
          folder, to: path, type: .q4_0, calibration: text(2048), tuning: distillation
        ) { progress throws(FormatError) in
          guard progress.tunedShare >= 0.1 else { return }
          #expect(progress.written == progress.count && progress.tunedShare < 0.2)
          throw FormatError(.interrupted, what: "enough", place: path)
        }
      }
      #expect(error?.code == .interrupted && !FileManager.default.fileExists(atPath: path))
    }
  }
}
