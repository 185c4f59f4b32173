public import HeedFormats
import HeedResources

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

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

  /// Where a model lies: that of a name that ships, or else the path itself.
  ///
  /// - Throws: `FormatError` that says what can be named when nothing is there.
  public static func place(of nameOrPath: String) throws(FormatError) -> String {
    if let shipped = named(nameOrPath) { return shipped.path }
    let isModel =
      FileAccess.isFolder(nameOrPath)
      || [".gguf", ".bin", ".json"].contains { nameOrPath.hasSuffix($0) }
    guard isModel, FileAccess.exists(nameOrPath) else {
      let isThere = FileAccess.exists(nameOrPath)
      throw FormatError(
        isThere ? .unsupported : .missing,
        what: isThere ? "this is no model" : "there is no such model",
        place: nameOrPath.isEmpty ? "\"\"" : nameOrPath,
        expected: all.map(\.name).joined(separator: ", ")
          + ", a folder with config.json, or a .gguf or .bin file")
    }
    return nameOrPath
  }

  /// The text that `heed train shakespeare-chars` learns from.
  public static var shakespeareText: String {
    get throws {
      try TextFile.text(at: resource("tinyshakespeare.txt"))
    }
  }

  /// Where a file or folder of `HeedResources` is: beside the program, else among the sources.
  private static func resource(_ name: String) -> String {
    let places = (copies + [sources]).map { $0 + "/" + name }
    return places.first { FileAccess.exists($0) } ?? places[0]
  }

  /// Where copies of the folder may lie, which SwiftPM and Xcode make.
  private static var copies: [String] {
    #if canImport(FoundationEssentials)
      let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      let folder = URL(fileURLWithPath: program ?? CommandLine.arguments[0])
        .deletingLastPathComponent().path
      return ["\(folder)/\(HEED_RESOURCES).resources/Resources"]
    #else
      let bundle =
        (Bundle.main.resourcePath ?? Bundle.main.bundlePath) + "/\(HEED_RESOURCES).bundle"
      return [bundle + "/Resources", bundle + "/Contents/Resources/Resources"]
    #endif
  }

  private static var sources: String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
      + "/HeedResources/Resources"
  }
}
