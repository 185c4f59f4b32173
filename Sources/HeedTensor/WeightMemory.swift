import Synchronization

/// Memory of packed weights, one after the other in large pieces.
///
/// A model has many weights of a megabyte or less, each of which alone would lie in pages of 4 KB: every
/// one of them is a fault when the model is loaded, and a miss of the address cache whenever it
/// generates a token. In a piece they share pages of 2 MB. A piece is given back when the last of its
/// weights is.
enum WeightMemory {
  private static let pieceBytes = 32 << 20

  /// Bytes of a packed weight that is used at once: what the second caches of a few cores hold, and one large page.
  static let passingBytes = 2 << 20

  private struct Piece {
    weak var storage: Storage?
    var usedBytes = 0
  }

  /// The piece that is being filled.
  private static let current = Mutex(Piece())

  /// How many panels of `byteCount` bytes are packed before the pages of the file that they came from
  /// are given back: few, as both are in memory until then, and enough for all threads.
  static func panelsAtOnce(of byteCount: Int) -> Int {
    max(4 * ThreadPool.threadCount, (4 << 20) / max(byteCount, 1))
  }

  /// A dense tensor that nobody has written yet.
  ///
  /// - Parameter isKept: false for one that is used at once: its memory is that of the one before.
  static func tensor(_ shape: [Int], _ elementType: ElementType, isKept: Bool) -> Tensor {
    let byteCount = shape.reduce(1, *) * elementType.byteCount
    guard isKept else {
      // All of one size, so that the pool has one buffer for them and not one for each shape of weight.
      return Tensor(
        storage: Storage(byteCount: max(byteCount, passingBytes)), shape: shape,
        strides: Tensor.denseStrides(shape), offset: 0, elementType: elementType)
    }
    // Larger ones have large pages of their own.
    guard byteCount <= pieceBytes / 2 else { return Tensor(uninitialized: shape, elementType) }
    let (storage, start) = current.withLock { piece in
      let start = (piece.usedBytes + 63) & ~63
      if let storage = piece.storage, start + byteCount <= storage.byteCount {
        piece.usedBytes = start + byteCount
        return (storage, start)
      }
      let storage = Storage(byteCount: pieceBytes)
      piece = Piece(storage: storage, usedBytes: byteCount)
      return (storage, 0)
    }
    return Tensor(
      storage: storage, shape: shape, strides: Tensor.denseStrides(shape),
      offset: start / elementType.byteCount, elementType: elementType)
  }
}
