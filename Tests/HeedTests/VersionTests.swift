import Foundation
import Heed
import Testing

@Suite struct VersionTests {
  @Test("the version is the newest heading of the changelog")
  func changelog() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
        "CHANGELOG.md")
    let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
    let heading = try #require(lines.first { $0.hasPrefix("## ") })
    #expect(heading.dropFirst(3).lowercased() == HeedVersion.current)
  }
}
