import HeedFormats
import HeedTensor

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

// Folders that are either whole or absent: filled beside their place under another name, then renamed.
// A folder that is there already is not touched: what else lies in it is not ours to replace.
//
// A process that is killed leaves its folder under the other name. Who writes to the same place next deletes it:
// it is known by its name, and that nobody writes it any more by its lock, which ends with its process.

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
    deleteLeftovers(of: target)
    let (staged, lock) = try staged(for: target)
    var isDone = false
    defer { if !isDone { try? manager.removeItem(atPath: staged) } }
    try withExtendedLifetime(lock) { () throws(FormatError) in try body(staged) }
    try attempt("rename the folder", target) {
      if manager.fileExists(atPath: target) { try manager.removeItem(atPath: target) }
      try manager.moveItem(atPath: staged, toPath: target)
    }
    isDone = true
  }

  private static let ending = ".partial"

  /// The number between the name of a folder and `.partial`: always 13 digits, so that hardly anything else
  /// is taken for one.
  private static let marks: ClosedRange<UInt64> = 4_738_381_338_321_616_896 ... .max

  /// A new folder beside its place, and the right to write into it.
  private static func staged(
    for target: String
  ) throws(FormatError) -> (folder: String, lock: FolderLock) {
    var generator = SystemRandomNumberGenerator()
    // Another process may take a folder for a leftover before it is locked; not again and again.
    for _ in 0..<10 {
      let mark = String(UInt64.random(in: marks, using: &generator), radix: 36)
      let folder = "\(target).\(mark)\(ending)"
      try attempt("make the folder", folder) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      }
      if let lock = FolderLock.taken(folder), FileAccess.isFolder(folder) { return (folder, lock) }
    }
    throw FormatError(
      .unreadable, what: "the folder is deleted while it is made", place: target,
      hint: "does another program write to the same place?")
  }

  /// Deletes what processes that were killed have left of the folder `target`.
  private static func deleteLeftovers(of target: String) {
    let parts = target.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last else { return }
    let folder = parts.count > 1 ? parts.dropLast().joined(separator: "/") + "/" : ""
    for other in FileAccess.names(in: folder.isEmpty ? "." : folder) {
      guard other.hasPrefix("\(name)."), other.hasSuffix(ending) else { continue }
      let mark = other.dropFirst(name.count + 1).dropLast(ending.count)
      guard let number = UInt64(mark, radix: 36), marks.contains(number),
        String(number, radix: 36) == mark, isFolderItself(folder + other),
        let lock = FolderLock.taken(folder + other), lock.isCertain
      else { continue }
      withExtendedLifetime(lock) { try? FileManager.default.removeItem(atPath: folder + other) }
    }
  }

  /// False for a symbolic link to a folder too.
  private static func isFolderItself(_ path: String) -> Bool {
    let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
    return type == .typeDirectory
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
