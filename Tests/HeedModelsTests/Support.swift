import Foundation
import HeedFormats
import HeedModels
import HeedTensor

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
