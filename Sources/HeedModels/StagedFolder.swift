import HeedFormats
import HeedTensor

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

// Folders that are either whole or absent: filled beside their place under another name, then renamed.
// A folder that is there already is not touched: what else lies in it is not ours to replace.

/// A folder while it is being written.
enum StagedFolder {
  /// Makes the folder `path` of what `body` writes into the folder that it is given; leaves no trace
  /// when `body` throws.
  ///
  /// - Throws: `FormatError`, also when something is there already, except for an empty folder.
  static func write(
    to path: String, _ body: (_ folder: String) throws(FormatError) -> Void
  ) throws(FormatError) {
    let target = AtomicFile.target(
      of: path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path)
    let manager = FileManager.default
    if manager.fileExists(atPath: target) {
      guard let names = try? manager.contentsOfDirectory(atPath: target), names.isEmpty else {
        throw FormatError(
          .unsupported, what: "there is something at this place already", place: target,
          expected: "a new name, or an empty folder")
      }
    }
    var generator = SystemRandomNumberGenerator()
    let mark = String(UInt64.random(in: .min ... .max, using: &generator), radix: 36)
    let staged = "\(target).\(mark).partial"
    var isDone = false
    defer { if !isDone { try? manager.removeItem(atPath: staged) } }
    try attempt("make the folder", staged) {
      try manager.createDirectory(atPath: staged, withIntermediateDirectories: true)
    }
    try body(staged)
    try attempt("rename the folder", target) {
      if manager.fileExists(atPath: target) { try manager.removeItem(atPath: target) }
      try manager.moveItem(atPath: staged, toPath: target)
    }
    isDone = true
  }

  /// Copies those of the files and folders that are there.
  static func copy(
    _ names: [String], from source: String, to target: String
  ) throws(FormatError) {
    for name in names {
      let path = source + "/" + name
      if FileAccess.isFolder(path) {
        try FileAccess.makeFolder(target + "/" + name)
        try copy(FileAccess.names(in: path), from: path, to: target + "/" + name)
        continue
      }
      guard FileManager.default.fileExists(atPath: path) else { continue }
      guard let content = FileManager.default.contents(atPath: path) else {
        throw FormatError(.unreadable, what: "cannot read the file", place: path)
      }
      do throws(FileError) {
        try AtomicFile.write(to: target + "/" + name) { (file) throws(FileError) in
          try file.append(Array(content))
        }
      } catch { throw FormatError(error) }
    }
  }

  private static func attempt(
    _ what: String, _ place: String, _ body: () throws -> Void
  ) throws(FormatError) {
    do { try body() } catch {
      throw FormatError(
        .unreadable, what: "cannot \(what)\(FileAccess.reason(of: error))", place: place)
    }
  }
}
