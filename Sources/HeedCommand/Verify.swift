import ArgumentParser
import HeedFormats
import HeedVerification

/// `heed verify DIR`
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Run reference cases and compare every number.",
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
    var lines = ReportLines()
    var count = 0
    // Lines that go elsewhere show nobody that something happens.
    let isWatched = !json && Terminal.isOutput
    var wait = CountingLine(isShown: !isWatched)
    let report = try Verifier(filter: filter).verify(folder: folder) { line in
      count += line.count
      wait.show("\(count) checks: \(line.name)")
      if !json { lines.add(line).forEach { show($0 + "\n") } }
    }
    wait.end()
    if json {
      print(report.json.text(indented: true))
    } else {
      print((lines.end() + [report.summary]).joined(separator: "\n"))
    }
    if report.lines.isEmpty, let filter {
      throw CommandError("\(folder): no case has \"\(filter)\" in its name")
    }
    if !report.failures.isEmpty || report.lines.isEmpty { throw ExitCode(1) }
  }
}
