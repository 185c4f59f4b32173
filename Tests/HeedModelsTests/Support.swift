import Foundation
import HeedFormats
import HeedModels
import HeedTensor

/// Small configurations of each family.
enum SmallConfig {
  static let gpt2: JSONValue = [
    "model_type": "gpt2", "n_embd": 12, "n_head": 3, "n_layer": 2, "n_positions": 20,
    "n_inner": .null, "vocab_size": 17,
  ]

  static let llama: JSONValue = [
    "model_type": "llama", "hidden_size": 12, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 6, "num_hidden_layers": 2, "intermediate_size": 14, "vocab_size": 17,
    "rms_norm_eps": 1e-5, "rope_theta": 5000.0, "max_position_embeddings": 64,
    "tie_word_embeddings": false,
  ]

  static let all = [gpt2, llama]
}

extension JSONValue {
  /// The same object with other members.
  func with(_ members: (String, JSONValue)...) -> JSONValue {
    guard var object else { return self }
    for (key, value) in members { object[key] = value }
    return .object(object)
  }
}

/// A model of random weights, large enough that tokens differ.
func smallModel(
  _ config: JSONValue, packed: Bool = true, precision: ProductPrecision = .float32
) throws -> LanguageModel {
  let (spec, binding, parameters) = try smallParameters(config)
  return LanguageModel(
    spec: spec, binding: binding, parameters: parameters, packed: packed, precision: precision)
}

func smallParameters(
  _ config: JSONValue
) throws -> (ModelSpec, WeightBinding, [String: Tensor]) {
  let family = try FamilyRegistry.standard.family(for: config, place: "test")
  let spec = try family.spec(config, "test")
  let (binding, fresh) = family.weights(spec).freshParameters(of: spec, seed: 7)
  // Random everywhere: gains of one and biases of zero would hide exchanged weights.
  let parameters = fresh.keys.sorted().enumerated().map { index, name in
    var generator = RandomGenerator(seed: 11, stream: UInt64(index))
    let shape = fresh[name]?.shape ?? []
    return (name, generator.normal(shape, deviation: 0.4) + (name.contains("norm") ? 1.0 : 0.0))
  }
  return (spec, binding, Dictionary(uniqueKeysWithValues: parameters))
}

/// Calls `body` with a model folder of the given parts, which is removed afterwards.
func withModelFolder(
  _ config: JSONValue, _ parameters: [String: Tensor], _ body: (String) throws -> Void
) throws {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent(UUID().uuidString).path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try config.write(to: folder + "/config.json")
  try SafetensorsFile.write(parameters, to: folder + "/model.safetensors")
  try body(folder)
}

func bits(_ tensor: Tensor) -> [UInt32] { tensor.elements(as: Float.self).map(\.bitPattern) }
