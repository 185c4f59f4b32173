// A run as JSON lines, one a step, appended while it goes on. A run that is resumed continues the
// file at the step of its checkpoint: what a lost process wrote after it is cut off.

public import HeedFormats
import HeedTensor

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The log of a training run: a file of JSON lines.
public struct TrainingLog: Sendable {
  /// One step.
  public struct Entry: Sendable, Hashable {
    /// Finished steps.
    public var step: Int
    /// Training loss of the step; nil for a validation before the first step.
    public var loss: Double?
    /// The learning rate.
    public var learningRate: Double?
    /// Length of the gradient before it was limited.
    public var gradientNorm: Double?
    /// Tokens learnt from in a second.
    public var tokensPerSecond: Double?
    /// Seconds of all processors together that the run has taken until then.
    public var processorSeconds: Double?
    /// Loss over the whole validation part, at some steps.
    public var validationLoss: Double?

    /// An entry with its parts.
    public init(
      step: Int, loss: Double? = nil, learningRate: Double? = nil, gradientNorm: Double? = nil,
      tokensPerSecond: Double? = nil, processorSeconds: Double? = nil,
      validationLoss: Double? = nil
    ) {
      self.step = step
      self.loss = loss
      self.learningRate = learningRate
      self.gradientNorm = gradientNorm
      self.tokensPerSecond = tokensPerSecond
      self.processorSeconds = processorSeconds
      self.validationLoss = validationLoss
    }

    /// As it stands in the file.
    public var json: JSONValue {
      var object = JSONObject()
      object["step"] = .integer(step)
      object["loss"] = loss.map { .number($0) }
      object["learning_rate"] = learningRate.map { .number($0) }
      object["gradient_norm"] = gradientNorm.map { .number($0) }
      object["tokens_per_second"] = tokensPerSecond.map { .number($0.rounded()) }
      object["processor_seconds"] = processorSeconds.map { .number(($0 * 100).rounded() / 100) }
      object["validation_loss"] = validationLoss.map { .number($0) }
      return .object(object)
    }

    init?(_ value: JSONValue) {
      guard let step = value["step"]?.integer else { return nil }
      self.init(
        step: step, loss: value["loss"]?.number, learningRate: value["learning_rate"]?.number,
        gradientNorm: value["gradient_norm"]?.number,
        tokensPerSecond: value["tokens_per_second"]?.number,
        processorSeconds: value["processor_seconds"]?.number,
        validationLoss: value["validation_loss"]?.number)
    }
  }

  /// The file.
  public let path: String
  /// What it holds.
  public private(set) var entries: [Entry]

  /// A log at `path` that keeps earlier entries up to and with `step`; 0 begins anew.
  ///
  /// - Throws: `FormatError` when the file cannot be read or written.
  public init(path: String, continuingAfter step: Int = 0) throws(FormatError) {
    self.path = path
    entries = []
    if step > 0, FileManager.default.fileExists(atPath: path) {
      entries = try Self.read(path).filter { $0.step <= step }
    }
    let lines = entries.map { $0.json.text() + "\n" }
    do throws(FileError) {
      try AtomicFile.write(to: path) { (file) throws(FileError) in
        for line in lines { try file.append(Array(line.utf8)) }
      }
    } catch { throw FormatError(error) }
  }

  /// Appends an entry to the file.
  ///
  /// - Throws: `FormatError` for a full disk and its like.
  public mutating func append(_ entry: Entry) throws(FormatError) {
    entries.append(entry)
    do throws(FileError) {
      try GrowingFile.append(Array((entry.json.text() + "\n").utf8), to: path)
    } catch { throw FormatError(error) }
  }

  /// The entries of a file. A last line that a lost process left unfinished does not count.
  public static func read(_ path: String) throws(FormatError) -> [Entry] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw FormatError(FileError(operation: "read", path: path, reason: "it cannot be opened"))
    }
    var lines = data.split(separator: UInt8(ascii: "\n")).map { Array($0) }
    if data.last != UInt8(ascii: "\n"), !lines.isEmpty { lines.removeLast() }
    var entries: [Entry] = []
    for (number, line) in lines.enumerated() {
      let place = "\(path):\(number + 1)"
      guard let entry = Entry(try JSONValue(parsing: line, place: place)) else {
        throw FormatError(.malformed, what: "a line without a step", place: place)
      }
      entries.append(entry)
    }
    return entries
  }
}
