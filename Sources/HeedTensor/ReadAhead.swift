import CHeedKernels

/// Weights that the next operation will read, of which a thread that waits may ask for what will be its own:
/// memory then does not rest while one thread does what lies between two products.
///
/// It holds addresses only: to ask for memory that is gone does no harm.
package struct ReadAhead: Sendable, BitwiseCopyable {
  /// Two weights where they are read side by side, by `PanelRuns`.
  private let first: Weight
  private let second: Weight?
  /// What is read before them: gain and bias of a norm.
  private var vectors: (Lines, Lines) = (Lines(), Lines())

  /// Bytes that lie together.
  private struct Lines: Sendable, BitwiseCopyable {
    var address: UInt = 0
    var byteCount = 0

    func ask() { heed_ask(UnsafeRawPointer(bitPattern: address), byteCount) }
  }

  struct Weight: Sendable, BitwiseCopyable {
    let address: UInt
    let panelCount: Int
    let panelBytes: Int

    init(panels: UnsafeRawPointer, panelCount: Int, panelBytes: Int) {
      address = UInt(bitPattern: panels)
      self.panelCount = panelCount
      self.panelBytes = panelBytes
    }
  }

  init(_ first: Weight, _ second: Weight? = nil) {
    self.first = first
    self.second = second
  }

  /// The same behind a norm.
  ///
  /// - Parameter width: numbers of each.
  package func behind(
    gain: UnsafePointer<Float>, bias: UnsafePointer<Float>?, width: Int
  ) -> ReadAhead {
    func lines(_ vector: UnsafePointer<Float>) -> Lines {
      Lines(address: UInt(bitPattern: vector), byteCount: min(4 * width, Self.mostVectorBytes))
    }
    var result = self
    result.vectors = (lines(gain), bias.map(lines) ?? Lines())
    return result
  }

  /// More than that is worth more to others.
  private static let mostVectorBytes = 16 << 10

  /// Asks for what is read before the weights: for the thread that does it, a little before.
  func askForVectors() {
    vectors.0.ask()
    vectors.1.ask()
  }

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
      ask(ahead.first)
      if let second = ahead.second { ask(second) }
      done += Self.step
      return true
    }

    @inline(__always)
    private func ask(_ weight: Weight) {
      let own = PanelRuns.panels(ofRun: run, of: runCount, weight.panelCount)
      guard done < own.count * weight.panelBytes else { return }
      heed_ask(
        UnsafeRawPointer(
          bitPattern: weight.address + UInt(own.lowerBound * weight.panelBytes + done)), Self.step)
    }
  }
}
