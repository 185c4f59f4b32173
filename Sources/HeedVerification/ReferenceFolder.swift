#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

func fileExists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

/// Paths of all descriptions (`cases.json`, `io.json`) at or below `folder`, in order of name.
public func referencePaths(below folder: String) -> [String] {
  let trimmed = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
  let here = ["cases.json", "io.json"].map { "\(trimmed)/\($0)" }.first(where: fileExists)
  let children = ((try? FileManager.default.contentsOfDirectory(atPath: trimmed)) ?? []).sorted()
  return (here.map { [$0] } ?? [])
    + children.filter { !$0.hasPrefix(".") }.flatMap { child -> [String] in
      let path = "\(trimmed)/\(child)"
      var isFolder = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder else {
        return []
      }
      return referencePaths(below: path)
    }
}
