import ArgumentParser
import HeedFormats
import HeedVerification

/// `heed verify DIR`
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run reference cases and compare every number.",
    discussion: """
      Runs every case described by a cases.json or io.json at or below DIR, prints one line a case \
      with its largest error against its tolerance, and names what is not supported yet. Exits \
      with 1 when a case fails.
      """)

  @Argument(help: "The folder of the reference cases.")
  var folder: String

  @Flag(help: "Print one JSON document instead of lines.")
  var json = false

  @Option(help: "Run only cases whose name (family/case/name) contains this text.")
  var filter: String?

  func run() throws {
    let report = try Verifier(filter: filter).verify(folder: folder)
    print(json ? report.json.text(indented: true) : report.text)
    if !report.failures.isEmpty || report.lines.isEmpty { throw ExitCode(1) }
  }
}
