#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A model as it is published: a folder with `config.json` and weights.
public struct ModelFolder: Sendable {
  /// The folder.
  public let path: String
  /// `config.json`.
  public let config: JSONValue
  /// `generation_config.json`; nil when there is none.
  public let generationConfig: JSONValue?
  /// The weights, in one file or several.
  public let weights: any TensorSource

  /// Opens a folder, or the folder of the `config.json` that `path` names.
  public init(path: String) throws(FormatError) {
    let folder = path.hasSuffix("/config.json") ? String(path.dropLast(12)) : path
    self.path = folder
    let options = JSONOptions(allowsNonFiniteNumbers: true)
    self.config = try JSONValue(contentsOf: folder + "/config.json", options: options)
    let generation = folder + "/generation_config.json"
    self.generationConfig =
      FileManager.default.fileExists(atPath: generation)
      ? try JSONValue(contentsOf: generation, options: options) : nil
    self.weights = try Self.weights(in: folder)
  }

  private static func weights(in folder: String) throws(FormatError) -> any TensorSource {
    for name in ["model.safetensors", "diffusion_pytorch_model.safetensors"] {
      let single = folder + "/" + name
      if FileManager.default.fileExists(atPath: single) { return try SafetensorsFile(path: single) }
      let index = single + ".index.json"
      if FileManager.default.fileExists(atPath: index) {
        return try ShardedSafetensors(indexPath: index)
      }
    }
    throw FormatError(
      .missing, what: "no weights", place: folder,
      expected: "model.safetensors or model.safetensors.index.json",
      hint: "files of pickled Python objects (.bin, .pt) are not read: they can run code")
  }
}
