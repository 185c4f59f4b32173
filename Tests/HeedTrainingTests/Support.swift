import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTraining

/// A folder that is gone after `body`.
@discardableResult
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent(UUID().uuidString).path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}

/// A decoder of a few hundred weights and a text of four characters that repeat.
struct TinyRun {
  let spec: ModelSpec
  let binding: WeightBinding
  let parameters: [String: Tensor]
  let windows: TokenWindows

  init() throws {
    let config: JSONValue = [
      "model_type": "llama", "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16,
      "intermediate_size": 24, "max_position_embeddings": 13, "vocab_size": 7,
      "tie_word_embeddings": true,
    ]
    spec = try ModelFamily.llama.spec(config, "tiny")
    let fresh = ModelFamily.llama.weights(spec).freshParameters(of: spec, seed: 3)
    binding = fresh.binding
    parameters = fresh.parameters
    windows = TokenWindows((0..<130).map { [0, 3, 1, 6, 2][$0 % 5] }, length: 13)
  }

  func settings(microbatches: Int = 1, rate: Double = 1e-2) -> TrainingSettings {
    TrainingSettings(
      optimizer: Optimizer(.adamW(weightDecay: 0.1)),
      schedule: .cosine(peak: rate, final: 1e-4, warmup: 2, total: 40), gradientLimit: 1,
      microbatchCount: microbatches, seed: 5)
  }

  func loss(
    _ parameters: [String: Tensor], _ batch: TokenWindows.Batch
  ) -> Tensor {
    LanguageModel(spec: spec, binding: binding, parameters: parameters, packed: false)
      .loss(batch.inputs, targets: batch.targets)
  }

  /// Takes `count` steps of three windows a microbatch; returns the losses.
  @discardableResult
  func train(_ trainer: inout Trainer, steps count: Int) throws -> [Double] {
    try (0..<count).map { _ in
      try trainer.step { loss($0, windows.batch(of: 3, $1)) }.loss
    }
  }
}

/// The bits of every parameter and moment.
func bits(of trainer: Trainer) -> [String: [UInt32]] {
  var result: [String: [UInt32]] = [:]
  for (name, tensor) in trainer.parameters {
    let all = [tensor] + (trainer.moments[name] ?? [])
    result[name] = all.flatMap { $0.elements(as: Float.self).map(\.bitPattern) }
  }
  return result
}
