import Heed
import HeedBlocks
import HeedFormats
import HeedModels

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The model of a conversion as the writer of the text that it is calibrated with.
struct TextWriter {
  /// Models of more weights write for minutes, and are not asked unless somebody wants that.
  private static let mostWeights = 100_000_000

  private let path: String
  private let model: PublishedModel

  /// The model at `path`.
  ///
  /// - Parameter isAsked: whether somebody wants it to write, for as long as it takes.
  /// - Throws: when it is no decoder that Heed knows, or is too large.
  init(_ path: String, isAsked: Bool) throws {
    self.path = path
    model = try PublishedModel(path: path)
    let count = model.spec.slots.reduce(0) { $0 + $1.shape.reduce(1, *) }
    guard isAsked || count <= Self.mostWeights else {
      throw CommandError(
        "\(count / 1_000_000) million weights write for minutes (--calibrate self)")
    }
    let memory = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    guard count < memory / 4 else {
      throw CommandError(
        "\(billions(count)) billion weights as numbers do not fit into \(billions(memory)) GB of memory"
      )
    }
  }

  /// The text.
  ///
  /// - Parameter interrupt: asked after each token; ends the process.
  func text(_ interrupt: Interrupt) throws -> CalibrationText {
    let loaded = try LanguageModel(path: path)
    let known = 0..<model.spec.vocabularySize
    let beginning = model.config["bos_token_id"]?.integer.flatMap { known.contains($0) ? $0 : nil }
    var bar = ProgressBar("writing")
    defer { bar.end() }
    let count = CalibrationText.usualCount
    return try CalibrationText.written(by: loaded, beginningToken: beginning, tokenCount: count) {
      interrupt.obey()
      bar.show($0, of: count)
    }
  }
}

private func billions(_ count: Int) -> String { fixed(Double(count) / 1e9, 1) }
