import CHeedKernels

/// Weights that the next operation will read, of which a thread that waits may ask for what will be its own:
/// memory then does not rest while one thread does what lies between two products.
package struct ReadAhead: Sendable {
  /// Weights that are read side by side, by `PanelRuns`.
  fileprivate let weights: [Weight]

  struct Weight: Sendable {
    let panels: Tensor
    let panelCount: Int
    let panelBytes: Int
  }

  init(_ weights: [Weight]) { self.weights = weights }

  /// Where one thread is with it.
  struct Reader {
    private let ahead: ReadAhead
    private let run: Int
    private let runCount: Int
    private var done = 0

    /// Half of a second cache.
    private static let mostBytes = 512 << 10
    /// What is asked for between two looks at whether there is work.
    private static let step = 512

    /// - Parameters:
    ///   - run: the thread's place among those that work together.
    ///   - runCount: how many do.
    init(_ ahead: ReadAhead, run: Int, of runCount: Int) {
      self.ahead = ahead
      self.run = run
      self.runCount = runCount
    }

    /// Asks for the next lines; false where it was enough.
    @inline(__always)
    mutating func ask() -> Bool {
      guard done < Self.mostBytes else { return false }
      for weight in ahead.weights {
        let own = PanelRuns.panels(ofRun: run, of: runCount, weight.panelCount)
        guard done < own.count * weight.panelBytes else { continue }
        heed_ask(
          weight.panels.rawPointer + own.lowerBound * weight.panelBytes + done, Self.step)
      }
      done += Self.step
      return true
    }
  }
}
