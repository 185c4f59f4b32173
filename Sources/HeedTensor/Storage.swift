#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Bytes that tensors share: 64-byte aligned memory of ours, a part of it, or a part of a mapped file.
///
/// The one `@unchecked Sendable` of the module that owns memory (`RowProduct` and `ThreadTeam.Member` hold
/// addresses of what others keep). Proof: `base` and `byteCount` never change, and
/// the bytes are written only (a) by the function that allocated them, before the tensor that owns
/// them is returned, or (b) through `Tensor.mutableStorage`, which first makes sure that the
/// tensor is the only owner. So no two threads can hold the bytes while one of them writes, except
/// inside one `ThreadPool.parallel`, whose callers write disjoint parts. The counters of the thread pool,
/// which no tensor sees, are atomic.
package final class Storage: @unchecked Sendable {
  package let base: UnsafeMutableRawPointer
  package let byteCount: Int
  private let owner: Owner

  private enum Owner {
    case pool(capacity: Int)
    case file(FilePages)
    case piece(Storage)
  }

  /// Uninitialised bytes.
  package init(byteCount: Int) {
    let capacity = BufferPool.capacity(for: byteCount)
    self.base = BufferPool.shared.take(capacity: capacity)
    self.byteCount = byteCount
    self.owner = .pool(capacity: capacity)
  }

  /// Bytes of a mapped file, never written.
  package init(readOnly base: UnsafeRawPointer, byteCount: Int, pages: FilePages) {
    self.base = UnsafeMutableRawPointer(mutating: base)
    self.byteCount = byteCount
    self.owner = .file(pages)
  }

  /// Some bytes of `piece`, which it is kept for and nobody else writes.
  init(_ piece: Storage, bytes: Range<Int>) {
    self.base = piece.base + bytes.lowerBound
    self.byteCount = bytes.count
    self.owner = .piece(piece)
  }

  /// Whether other tensors have their bytes beside these.
  var isPiece: Bool {
    if case .piece = owner { true } else { false }
  }

  /// True when the bytes belong to a file and must not be written.
  package var isReadOnly: Bool { pages != nil }

  /// The file that the bytes belong to.
  package var pages: FilePages? {
    if case .file(let pages) = owner { pages } else { nil }
  }

  deinit {
    if case .pool(let capacity) = owner { BufferPool.shared.give(base, capacity: capacity) }
  }
}
