import Foundation
import HeedFormats
import HeedModels
import HeedTensor

extension JSONValue {
  /// The same object with other members; without those that are nil.
  func with(_ members: (String, JSONValue?)...) -> JSONValue {
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
@discardableResult
func withModelFolder<Result>(
  _ config: JSONValue, _ parameters: [String: Tensor], generation: JSONValue? = nil,
  _ body: (String) throws -> Result
) throws -> Result {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent(UUID().uuidString).path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try config.write(to: folder + "/config.json")
  try generation?.write(to: folder + "/generation_config.json")
  try SafetensorsFile.write(parameters, to: folder + "/model.safetensors")
  return try body(folder)
}

func bits(_ tensor: Tensor) -> [UInt32] { tensor.elements(as: Float.self).map(\.bitPattern) }
