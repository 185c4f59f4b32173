import HeedTensor

/// Which blocks of keys a dense bias hides from its rows by -inf alone, so that tiles without
/// anything else are skipped like those of a mask.
///
/// One look at the bias for each call: where a block has something to see, that is mostly its first
/// element.
struct BiasCoverage: Sendable {
  /// One for each row of the bias and block of keys.
  private let isHidden: [Bool]
  private let blockCount: Int
  private let keyCount: Int

  /// Rows of a part of the work.
  private static let rowsAtOnce = 64

  /// Nil where no block is hidden.
  ///
  /// - Parameter bias: dense float32, keys on the last axis.
  init?(_ bias: Tensor) {
    let (keyCount, size) = (bias.shape.last ?? 0, AttentionPlan.blockKeys)
    let (rowCount, blockCount) = (bias.count / max(keyCount, 1), (keyCount + size - 1) / size)
    let source = bias.pointer(to: Float.self)
    isHidden = [Bool](unsafeUninitializedCapacity: rowCount * blockCount) { buffer, initialized in
      if let base = buffer.baseAddress {
        nonisolated(unsafe) let target = base
        let parts = (rowCount + Self.rowsAtOnce - 1) / Self.rowsAtOnce
        ThreadPool.shared.parallel(parts, work: rowCount * blockCount) { part in
          let first = part * Self.rowsAtOnce
          for row in first..<min(first + Self.rowsAtOnce, rowCount) {
            for block in 0..<blockCount {
              let keys = block * size..<min((block + 1) * size, keyCount)
              let cells = source + row * keyCount
              (target + row * blockCount + block)
                .initialize(to: keys.allSatisfy { cells[$0] == -.infinity })
            }
          }
        }
      }
      initialized = rowCount * blockCount
    }
    self.blockCount = blockCount
    self.keyCount = keyCount
    guard isHidden.contains(true) else { return nil }
  }

  /// Whether the row that begins at element `start` of the bias hides the block of `key`.
  func hides(_ key: Int, inRowAt start: Int) -> Bool {
    isHidden[start / keyCount * blockCount + key / AttentionPlan.blockKeys]
  }
}
