import Foundation
import HeedFormats
import Testing

@Suite("What a start needs")
struct StartTests {
  #if canImport(Glibc)
    // 53 MB of libraries: 3 ms and 6 MB for every process.
    @Test("neither the whole of Foundation nor ICU is loaded")
    func libraries() throws {
      // The loader lists what it would load, and runs nothing.
      let run = try Run(shell: "LD_TRACE_LOADED_OBJECTS=1 exec '\(Run.binary.path)'")
      #expect(run.status == 0)
      for name in ["libFoundation.so", "libFoundationInternationalization", "lib_FoundationICU"] {
        #expect(!run.output.contains(name), "\(name)")
      }
    }
  #endif

  @Test("the models that ship are found beside the program, else among the sources")
  func models() throws {
    func places(_ binary: String) throws -> [String] {
      let run = try Run(shell: "'\(binary)' models --json")
      let models = try JSONValue(parsing: Array(run.output.utf8), place: "models").array ?? []
      return models.compactMap { $0["path"]?.string }
    }
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")
    try withFolder { folder in
      let lone = folder.appendingPathComponent("heed").path
      try FileManager.default.copyItem(atPath: Run.binary.path, toPath: lone)
      #expect(try places(lone).allSatisfy { $0.hasPrefix(sources.path) })
    }
    let beside = Run.binary.resolvingSymlinksInPath().deletingLastPathComponent().path
    let found = try places(Run.binary.path)
    #expect(found.count == 2 && found.allSatisfy { $0.hasPrefix(beside) }, "\(found)")
  }

  @Test("a byte order mark on standard input is no part of the text")
  func byteOrderMark() throws {
    let marked = try Run("generate", "-", "--tokens", "3", input: "\u{FEFF}ROMEO:")
    #expect(marked.status == 0)
    #expect(try Run("generate", "ROMEO:", "--tokens", "3").output == marked.output)
  }
}
