import Synchronization

/// Memory of small tensors that are read together, one after the other in pieces of large pages.
///
/// A model has many weights and caches of a megabyte or less, each of which alone would lie in pages of
/// 4 KB: every one of them is a fault when it is written first, and a miss of the address cache whenever a
/// token is generated. In a piece they share pages of 2 MB. A piece is given back when the last of its
/// tensors is.
package final class TensorPieces: Sendable {
  /// Of packed weights.
  static let weights = TensorPieces(pieceBytes: 32 << 20)
  /// Of keys and values: smaller, as texts come and go, and a piece is kept by any of its tensors.
  package static let caches = TensorPieces(pieceBytes: 4 << 20)

  private let pieceBytes: Int
  /// The piece that is being filled.
  private let current = Mutex(Piece())

  private struct Piece {
    weak var storage: Storage?
    var usedBytes = 0
  }

  /// - Parameter pieceBytes: bytes of a piece; larger tensors than half of it have memory of their own.
  package init(pieceBytes: Int) {
    self.pieceBytes = pieceBytes
  }

  /// A dense tensor that nobody has written yet.
  package func tensor(_ shape: [Int], _ elementType: ElementType) -> Tensor {
    let byteCount = shape.reduce(1, *) * elementType.byteCount
    // Larger ones have large pages of their own.
    guard byteCount <= pieceBytes / 2 else {
      return Tensor(uninitialized: shape, elementType)
    }
    let part = current.withLock { piece in
      let start = (piece.usedBytes + 63) & ~63
      if let storage = piece.storage, start + byteCount <= storage.byteCount {
        piece.usedBytes = start + byteCount
        return Storage(storage, bytes: start..<start + byteCount)
      }
      let storage = Storage(byteCount: pieceBytes)
      piece = Piece(storage: storage, usedBytes: byteCount)
      return Storage(storage, bytes: 0..<byteCount)
    }
    return Tensor(
      storage: part, shape: shape, strides: Tensor.denseStrides(shape), offset: 0,
      elementType: elementType)
  }
}
