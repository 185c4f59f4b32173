import Foundation

/// A model that ships with the package.
public struct ShippedModel: Sendable, Hashable {
  /// What `--model` calls it.
  public let name: String
  /// One line for people.
  public let summary: String
  /// Its folder or file.
  public let path: String

  /// All of them.
  public static var all: [ShippedModel] {
    [
      ShippedModel(
        name: "shakespeare",
        summary: "writes in the manner of Shakespeare's plays, character by character",
        path: resource("shakespeare")),
      ShippedModel(
        name: "storyteller", summary: "tells stories in the manner of old children's books",
        path: resource("storyteller/storyteller.gguf")),
    ]
  }

  /// The one called `name`.
  public static func named(_ name: String) -> ShippedModel? { all.first { $0.name == name } }

  /// The text that `heed train shakespeare-chars` learns from.
  public static var shakespeareText: String {
    get throws {
      try String(contentsOfFile: resource("tinyshakespeare.txt"), encoding: .utf8)
    }
  }

  private static func resource(_ name: String) -> String {
    // Where a bundle of a copied folder begins differs between systems.
    let base = Bundle.module.resourcePath ?? Bundle.module.bundlePath
    let direct = base + "/" + name
    return FileManager.default.fileExists(atPath: direct) ? direct : base + "/Resources/" + name
  }
}
