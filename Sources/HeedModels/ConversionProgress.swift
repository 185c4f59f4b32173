import HeedFormats
import Synchronization

/// How far a conversion is.
public struct ConversionProgress: Sendable, Hashable {
  /// Tensors that are written, or made for a tuning; those are written at once when it is done.
  public internal(set) var written = 0
  /// Tensors of the output.
  public let count: Int
  /// The share of a calibration's text that has gone through the block whose tensors come next; 0 when
  /// none is on its way.
  public internal(set) var readShare = 0.0
  /// How much of a tuning is done; 0 before it.
  public internal(set) var tunedShare = 0.0

  init(written: Int = 0, count: Int) {
    self.written = written
    self.count = count
  }
}

/// Tells how far a conversion is from wherever its time goes, so that it can be ended there.
final class ConversionSteps: Sendable {
  private let progress: Mutex<ConversionProgress>
  private let report: @Sendable (ConversionProgress) throws(FormatError) -> Void

  init(
    count: Int, _ report: @escaping @Sendable (ConversionProgress) throws(FormatError) -> Void
  ) {
    progress = Mutex(ConversionProgress(count: count))
    self.report = report
  }

  /// So many tensors are written.
  func wrote(_ count: Int) throws(FormatError) {
    try change {
      $0.written = max($0.written, count)
      $0.readShare = 0
    }
  }

  /// So much of the text has gone through a block.
  func read(_ share: Double) throws(FormatError) { try change { $0.readShare = share } }

  /// So much of a tuning is done.
  func tuned(_ share: Double) throws(FormatError) { try change { $0.tunedShare = share } }

  /// A piece of work within a tensor begins.
  func goOn() throws(FormatError) { try change { _ in } }

  private func change(_ body: (inout ConversionProgress) -> Void) throws(FormatError) {
    let now = progress.withLock { progress in
      body(&progress)
      return progress
    }
    try report(now)
  }
}
