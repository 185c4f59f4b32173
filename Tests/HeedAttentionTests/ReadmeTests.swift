import Foundation
import Testing

@Suite("README")
struct ReadmeTests {
  @Test("the snippet in the README is the text of the example that is compiled")
  func snippet() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    let example = try String(
      contentsOf: root.appendingPathComponent("Examples/Attention/main.swift"), encoding: .utf8)
    let parts = example.components(separatedBy: "// " + String(repeating: "-", count: 95) + "\n")
    #expect(parts.count == 3)
    let snippets = readme.components(separatedBy: "```swift\n").dropFirst()
      .compactMap { $0.components(separatedBy: "```").first }
    #expect(snippets.contains(parts[1]))
  }
}
