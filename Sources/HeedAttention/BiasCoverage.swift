import HeedTensor

/// What a dense bias hides: blocks of keys by -inf, so that tiles without anything else are skipped
/// like those of a mask; and whole rows that lie near the smallest float (`AbsorbedRows`).
///
/// One look at the bias for each call: where there is something to see, that is mostly the first
/// element.
struct BiasCoverage: Sendable {
  /// One for each row of the bias and block of keys.
  private let isHidden: [Bool]
  /// One for each row of the bias.
  private let isSwallowing: [Bool]
  private let blockCount: Int
  private let keyCount: Int

  /// Rows with no bias above this one leave the range of powers of two, whatever the scores.
  private static let swallowing: Float = -2.4e38

  /// Rows of a part of the work.
  private static let rowsAtOnce = 64

  /// Nil where no block is hidden.
  ///
  /// - Parameter bias: dense float32, keys on the last axis.
  init?(_ bias: Tensor) {
    let (keyCount, size) = (bias.shape.last ?? 0, AttentionPlan.blockKeys)
    let (rowCount, blockCount) = (bias.count / max(keyCount, 1), (keyCount + size - 1) / size)
    let source = bias.pointer(to: Float.self)
    var hidden = [Bool](repeating: false, count: rowCount * blockCount)
    var swallowing = [Bool](repeating: false, count: rowCount)
    hidden.withUnsafeMutableBufferPointer { hidden in
      swallowing.withUnsafeMutableBufferPointer { swallowing in
        nonisolated(unsafe) let (hidden, swallowing) = (hidden, swallowing)
        let parts = (rowCount + Self.rowsAtOnce - 1) / Self.rowsAtOnce
        ThreadPool.shared.parallel(parts, work: rowCount * blockCount) { part in
          let first = part * Self.rowsAtOnce
          for row in first..<min(first + Self.rowsAtOnce, rowCount) {
            let cells = source + row * keyCount
            for block in 0..<blockCount {
              let keys = block * size..<min((block + 1) * size, keyCount)
              hidden[row * blockCount + block] = keys.allSatisfy { cells[$0] == -.infinity }
            }
            swallowing[row] = (0..<keyCount).allSatisfy { cells[$0] <= Self.swallowing }
          }
        }
      }
    }
    guard hidden.contains(true) || swallowing.contains(true) else { return nil }
    isHidden = hidden
    isSwallowing = swallowing
    self.blockCount = blockCount
    self.keyCount = keyCount
  }

  /// Whether the row that begins at element `start` of the bias hides the block of `key`.
  func hides(_ key: Int, inRowAt start: Int) -> Bool {
    isHidden[start / keyCount * blockCount + key / AttentionPlan.blockKeys]
  }

  /// Whether the row that begins at element `start` of the bias swallows all scores.
  func swallows(rowAt start: Int) -> Bool { isSwallowing[start / keyCount] }
}
