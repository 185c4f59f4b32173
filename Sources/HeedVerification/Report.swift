public import HeedFormats

/// What came out of running reference cases.
public struct Report: Sendable {
  /// How one case went.
  public enum Outcome: Sendable, Hashable {
    case passed
    /// Why, in words.
    case failed(String)
    /// What is missing, in words.
    case unsupported(String)
  }

  /// One line of the report.
  public struct Line: Sendable {
    /// "family/case/name".
    public let name: String
    /// How it went.
    public let outcome: Outcome
    /// Each result beside its expected value.
    public let comparisons: [Comparison]
    /// Expected results that nobody computed.
    public let missing: [String]
    /// What a result was allowed to differ.
    public let tolerance: Tolerance
    /// How many checks the line stands for.
    public let count: Int
    /// Small checks of one kind: those that passed are shown together.
    public var group: String?
  }

  /// All lines in the order of running.
  public var lines: [Line] = []

  /// An empty report.
  public init() {}

  /// The number of cases that passed.
  public var passedCount: Int { lines.filter { $0.outcome == .passed }.count }

  /// The lines of cases that failed.
  public var failures: [Line] {
    lines.filter { if case .failed = $0.outcome { true } else { false } }
  }

  /// The lines of cases that are not supported yet.
  public var unsupported: [Line] {
    lines.filter { if case .unsupported = $0.outcome { true } else { false } }
  }

  /// One line for each case, then what is not supported, then the sum.
  public var text: String {
    var lines = ReportLines()
    return (self.lines.flatMap { lines.add($0) } + lines.end() + [summary]).joined(separator: "\n")
  }

  /// What is not supported, then the sum.
  public var summary: String {
    var parts: [String] = []
    if !unsupported.isEmpty {
      parts.append("\nNot supported yet:")
      parts += unsupported.map { "  \($0.text)" }
    }
    let counts = unsupported.reduce(0) { $0 + $1.count }
    parts.append(
      "\n\(passedCount) passed, \(failures.count) failed, \(counts) not supported yet")
    return parts.joined(separator: "\n")
  }

  /// The report as one document.
  public var json: JSONValue {
    [
      "passed": .integer(passedCount), "failed": .integer(failures.count),
      "unsupported": .integer(unsupported.reduce(0) { $0 + $1.count }),
      "cases": .array(lines.map(\.json)),
    ]
  }
}

extension Report.Line {
  /// The largest distance of all results.
  public var largestError: Double { comparisons.map(\.largestError).max() ?? 0 }

  /// The largest share of the tolerance that was used.
  public var largestShare: Double { comparisons.map(\.largestShare).max() ?? 0 }

  /// The line for people.
  public var text: String {
    switch outcome {
    case .unsupported(let what): return "\(name) (\(count)): \(what)"
    case .passed: return "pass  \(name)  \(numbers)"
    case .failed(let why):
      return "FAIL  \(name)  \(comparisons.isEmpty ? "" : numbers + "; ")\(why)"
    }
  }

  private var numbers: String {
    if comparisons.allSatisfy(\.isExact) { return "exact" }
    let percent = largestShare.isFinite ? "\(Int((largestShare * 100).rounded(.up))) %" : "all"
    return "largest error \(Self.short(largestError)), \(percent) of atol "
      + "\(Self.short(tolerance.absolute)) + rtol \(Self.short(tolerance.relative))"
  }

  /// Two digits in the scientific form.
  static func short(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
    var exponent = 0
    var mantissa = abs(value)
    while mantissa >= 9.95 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while mantissa < 0.995 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    let digits = Int((mantissa * 10).rounded())
    let sign = value < 0 ? "-" : ""
    return "\(sign)\(digits / 10).\(digits % 10)e\(exponent)"
  }

  var json: JSONValue {
    var result: JSONObject = JSONObject()
    result["name"] = .string(name)
    switch outcome {
    case .passed: result["outcome"] = "passed"
    case .failed(let why):
      result["outcome"] = "failed"
      result["reason"] = .string(why)
    case .unsupported(let what):
      result["outcome"] = "unsupported"
      result["reason"] = .string(what)
      result["count"] = .integer(count)
    }
    if !comparisons.isEmpty {
      result["largest_error"] = .number(largestError)
      result["share_of_tolerance"] = .number(largestShare)
      result["atol"] = .number(tolerance.absolute)
      result["rtol"] = .number(tolerance.relative)
      result["results"] = .array(comparisons.map { .string($0.name) })
    }
    return .object(result)
  }
}
