#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Tensor {
  /// Tells the system that the mapped pages of this tensor are not needed for now: what was packed
  /// from a file need not stay in memory beside its copy. They come back from the file when they are
  /// read again. Does nothing for a tensor that lies in no file, nor for a view with gaps.
  package func releasePages() {
    guard storage.isReadOnly, isDense || isDenseInSomeOrder else { return }
    let pages = wholePages(from: rawPointer, byteCount: count * elementType.byteCount)
    madvise(pages.baseAddress, pages.count, MADV_DONTNEED)
  }

  /// Gives the memory of elements that nobody will read again back to the system, while the buffer waits
  /// to be used again. Does nothing where somebody else has them too, or pages that they are on.
  package mutating func discardElements() {
    guard isUnique(), !storage.isPiece else { return }
    let pages = wholePages(from: rawPointer, byteCount: count * elementType.byteCount)
    madvise(pages.baseAddress, pages.count, MADV_DONTNEED)
  }

  /// Whether the elements fill one stretch of memory, as those of a transposed matrix do.
  private var isDenseInSomeOrder: Bool {
    let axes = (0..<rank).sorted { strides[$0] > strides[$1] }
    return transposed(permutation: axes).isDense
  }
}

extension MappedFile {
  /// Tells the system that the pages read until now are not needed for now, as when the header of a file
  /// has been read.
  package func releasePages() {
    guard let storage else { return }
    let pages = wholePages(from: storage.base, byteCount: byteCount)
    madvise(pages.baseAddress, pages.count, MADV_DONTNEED)
  }
}

/// The pages that lie whole in a stretch of memory: the others may belong to neighbours too.
private func wholePages(
  from start: UnsafeMutableRawPointer, byteCount: Int
) -> UnsafeMutableRawBufferPointer {
  let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
  let address = UInt(bitPattern: start)
  let first = (address + page - 1) / page * page
  let end = (address + UInt(byteCount)) / page * page
  return UnsafeMutableRawBufferPointer(
    start: UnsafeMutableRawPointer(bitPattern: first), count: end > first ? Int(end - first) : 0)
}
