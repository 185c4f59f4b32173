import HeedTensor

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Files as far as readers of small files need them.
package enum FileAccess {
  /// True when something is at `path`.
  package static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path)
  }

  /// True when `path` is a folder.
  package static func isFolder(_ path: String) -> Bool {
    var isFolder = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
  }

  /// The names in a folder, sorted; none when it cannot be read.
  package static func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  /// Makes a folder, and those above it, unless it is there.
  package static func makeFolder(_ path: String) throws(FormatError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw FormatError(
        .unreadable,
        what: exists(path)
          ? "a file has the name of the folder" : "cannot make the folder\(reason(of: error))",
        place: path.isEmpty ? "\"\"" : path,
        expected: "a folder, or a place where one can be made")
    }
  }

  /// What the system said, behind a colon, without all that Foundation knows of it; empty where it said nothing.
  package static func reason(of error: any Error) -> String {
    let code = ((error as? CocoaError)?.userInfo["NSUnderlyingError"] as? POSIXError)?.code
    return code.map { ": " + String(cString: strerror($0.rawValue)) } ?? ""
  }

  /// Deletes a file, unless there is none.
  package static func delete(_ path: String) throws(FormatError) {
    guard exists(path) else { return }
    do { try FileManager.default.removeItem(atPath: path) } catch {
      throw FormatError(
        .unreadable, what: "cannot delete the file\(reason(of: error))", place: path)
    }
  }

  /// The bytes of a file.
  ///
  /// - Throws: `FormatError` when it cannot be read or is larger than `maximumByteCount`.
  package static func bytes(
    of path: String, maximumByteCount: Int = 512 << 20
  ) throws(FormatError) -> [UInt8] {
    let file: MappedFile
    do throws(FileError) { file = try MappedFile(path: path) } catch { throw FormatError(error) }
    guard file.byteCount <= maximumByteCount else {
      throw FormatError(
        .limit, what: "the file has \(file.byteCount) bytes", place: path,
        expected: "at most \(maximumByteCount)")
    }
    return file.bytes(in: 0..<file.byteCount)
  }
}
