import Foundation
import Testing

/// The script `heed` at the root, where there is no Swift: with tools that only say that they were called.
@Suite struct ScriptTests {
  private func run(
    _ setting: String, tools: [String: String], _ body: (Run) throws -> Void
  ) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, script) in tools {
      let path = folder.appendingPathComponent(name).path
      try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }
    let links = ["bash", "dirname", "mkdir", "mktemp", "rm", "env"]
      .map { "ln -s \"$(command -v \($0))\" '\(folder.path)/\($0)'" }.joined(separator: "; ")
    try body(
      Run(
        shell: "\(links); HOME='\(folder.path)' PATH='\(folder.path)' \(setting) "
          + "'\(root.path)/heed' tour"))
  }

  private let tools = [
    "uname": "[ \"$1\" = -s ] && echo Linux || echo x86_64", "curl": "echo called curl >&2",
    "gpg": "echo called gpg >&2; case \"$*\" in *--verify*) exit 1 ;; esac",
    "tar": "echo called tar >&2", "apt-get": "echo called apt-get >&2",
  ]

  @Test(
    "without Swift nothing is fetched unless somebody agrees", arguments: ["", "HEED_INSTALL=no"])
  func unasked(setting: String) throws {
    try run(setting, tools: tools) { run in
      #expect(run.status == 1 && run.output.isEmpty)
      #expect(run.errors.contains("there is no Swift toolchain"))
      #expect(run.errors.contains("apt-get install") && run.errors.contains("HEED_INSTALL=yes"))
      #expect(!run.errors.contains("called"))
    }
  }

  @Test("a tool that the installation needs is named")
  func missing() throws {
    var tools = tools
    tools["curl"] = nil
    try run("HEED_INSTALL=yes", tools: tools) { run in
      #expect(run.status == 1 && run.errors.contains("curl is missing"))
      #expect(!run.errors.contains("called"))
    }
  }

  @Test("an archive whose signature is wrong is not unpacked")
  func forged() throws {
    try run("HEED_INSTALL=yes", tools: tools) { run in
      #expect(run.status == 1 && run.errors.contains("Swift was not installed"))
      #expect(run.errors.contains("called curl") && run.errors.contains("called gpg"))
      #expect(!run.errors.contains("called tar"))
    }
  }
}
