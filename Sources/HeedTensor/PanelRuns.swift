/// How the panels of a weight that is read once are shared out: each thread has a run of neighbours, in
/// parts that get smaller.
///
/// A part is a stream from memory that stops for a moment at its end, so that a thread should have few; and
/// the last ones should be short, so that no thread waits long for another.
package struct PanelRuns {
  /// Parts of a run are 9, 4, 2 and 1 sixteenths of it.
  private static let ends = (0, 9, 13, 15, 16)
  private static let partsPerRun = 4

  private let panelCount: Int
  private let runCount: Int

  /// - Parameter threads: who share them.
  package init(panelCount: Int, threads: Int) {
    self.panelCount = panelCount
    runCount = max(1, min(threads, panelCount))
  }

  /// Parts of all runs; some are empty where panels are few.
  package var partCount: Int { runCount * Self.partsPerRun }

  /// Whether a part is the last but one of its run.
  @inline(__always)
  func isLate(_ part: Int) -> Bool { part % Self.partsPerRun == Self.partsPerRun - 2 }

  /// The panels of a part.
  @inline(__always)
  package func panels(ofPart part: Int) -> Range<Int> {
    let (run, place) = part.quotientAndRemainder(dividingBy: Self.partsPerRun)
    let own = Self.panels(ofRun: run, of: runCount, panelCount)
    let ends = Self.ends
    let (first, end) =
      switch place {
      case 0: (ends.0, ends.1)
      case 1: (ends.1, ends.2)
      case 2: (ends.2, ends.3)
      default: (ends.3, ends.4)
      }
    return own.lowerBound + own.count * first / 16..<own.lowerBound + own.count * end / 16
  }

  /// The panels of one of `runCount` runs.
  static func panels(ofRun run: Int, of runCount: Int, _ panelCount: Int) -> Range<Int> {
    run * panelCount / runCount..<(run + 1) * panelCount / runCount
  }
}
