// Runs every reference case that lies below a folder. Nothing is skipped silently: a case is
// passed, failed, or not supported by name; a case whose results were compared only in part is a
// failure, because a pass would claim more than was seen.

public import HeedFormats
import HeedTensor

/// Runs reference cases and reports.
public struct Verifier: Sendable {
  /// Which runner runs which cases.
  public var registry: RunnerRegistry
  /// Only cases whose name contains this text.
  public var filter: String?

  /// A verifier with the runners of the package, or other ones.
  public init(registry: RunnerRegistry = .standard, filter: String? = nil) {
    self.registry = registry
    self.filter = filter
  }

  /// Runs everything at or below `folder`.
  ///
  /// - Parameter progress: told each line as it is finished.
  /// - Throws: `FormatError` when there is no reference case at all.
  public func verify(
    folder: String, progress: (Report.Line) -> Void = { _ in }
  ) throws(FormatError) -> Report {
    let paths = referencePaths(below: folder)
    guard !paths.isEmpty else {
      throw FormatError(
        .missing, what: "no reference cases", place: folder,
        expected: "cases.json or io.json in the folder or below it")
    }
    var report = Report()
    for path in paths {
      for line in lines(of: path) {
        report.lines.append(line)
        progress(line)
      }
    }
    return report
  }

  private func lines(of path: String) -> [Report.Line] {
    let file: ReferenceFile
    do throws(FormatError) { file = try ReferenceFile(path: path) } catch {
      return [Self.line(path, .failed(error.description))]
    }
    guard let runner = registry.runner(for: file) else {
      let count = file.entries.count { isWanted(Self.name(of: $0, in: file)) }
      if count == 0 { return [] }
      return [Self.line(file.name, .unsupported("\(file.kind)"), count: count)]
    }
    let wanted = file.entries.filter { isWanted(Self.name(of: $0, in: file)) }
    if wanted.isEmpty { return [] }
    let prepared: any CaseRunner
    do { prepared = try runner.prepared(for: file) } catch {
      return [Self.line(file.name, .failed("\(error)"), count: wanted.count)]
    }
    return wanted.map { run($0, Self.name(of: $0, in: file), file, prepared) }
  }

  private func isWanted(_ name: String) -> Bool {
    guard let filter, !filter.isEmpty else { return true }
    return name.contains(filter)
  }

  private static func name(of entry: JSONValue, in file: ReferenceFile) -> String {
    entry["name"]?.string.map { "\(file.name)/\($0)" } ?? file.name
  }

  private func run(
    _ entry: JSONValue, _ name: String, _ file: ReferenceFile, _ runner: any CaseRunner
  ) -> Report.Line {
    do {
      let referenceCase =
        switch file.kind {
        case "training": try file.trainingCase()
        case "files": try file.filesCase()
        case "tokenizer": file.tokenizerCase(entry)
        case "chat_template": file.chatTemplateCase(entry)
        default: try file.referenceCase(entry)
        }
      let results = try runner.results(of: referenceCase, in: file)
      let values = try runner.values(of: referenceCase, in: file)
      return Self.compare(results, values, referenceCase, group: entry["group"]?.string)
    } catch let error as Unsupported {
      return Self.line(name, .unsupported(error.what))
    } catch {
      return Self.line(name, .failed("\(error)"))
    }
  }

  private static func compare(
    _ results: [String: Tensor], _ values: [String: JSONValue], _ referenceCase: ReferenceCase,
    group: String?
  ) -> Report.Line {
    var comparisons: [Comparison] = []
    var missing: [String] = []
    for (name, want) in referenceCase.outputs.sorted(by: { $0.key < $1.key }) {
      guard let got = results[name] else {
        missing.append(name)
        continue
      }
      comparisons.append(
        Comparison(name: name, got: got, want: want, tolerance: referenceCase.tolerance(of: name)))
    }
    for (name, want) in referenceCase.values.sorted(by: { $0.key < $1.key }) {
      guard let got = values[name] else {
        missing.append(name)
        continue
      }
      comparisons.append(Comparison(name: name, got: got, want: want))
    }
    var reasons = comparisons.filter { !$0.passes }.map { comparison in
      comparison.name + (comparison.mismatch.map { ": \($0)" } ?? " is outside its tolerance")
    }
    if !missing.isEmpty { reasons.append("not compared: \(missing.joined(separator: ", "))") }
    if comparisons.isEmpty { reasons.append("nothing to compare") }
    return Report.Line(
      name: referenceCase.name,
      outcome: reasons.isEmpty ? .passed : .failed(reasons.joined(separator: "; ")),
      comparisons: comparisons, missing: missing, tolerance: referenceCase.tolerance, count: 1,
      group: group)
  }

  private static func line(
    _ name: String, _ outcome: Report.Outcome, count: Int = 1
  ) -> Report.Line {
    Report.Line(
      name: name, outcome: outcome, comparisons: [], missing: [],
      tolerance: Tolerance(absolute: 0, relative: 0), count: count)
  }
}
