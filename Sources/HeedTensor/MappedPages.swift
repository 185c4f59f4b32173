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
  /// read again, in small pages: what is then wanted are single rows of an embedding, and huge pages
  /// would bring 2 MB for each. Does nothing for a tensor that lies in no file, nor for a view with gaps.
  package func releasePages() {
    guard storage.isReadOnly, count > 0, isDense || isDenseInSomeOrder else { return }
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let start = UInt(bitPattern: rawPointer)
    // Whole pages only: their neighbours may belong to other tensors.
    let first = (start + page - 1) / page * page
    let end = (start + UInt(count * elementType.byteCount)) / page * page
    guard end > first, let base = UnsafeMutableRawPointer(bitPattern: first) else { return }
    madvise(base, Int(end - first), MADV_DONTNEED)
    #if os(Linux)
      madvise(base, Int(end - first), Self.adviceSmallPages)
    #endif
  }

  /// MADV_NOHUGEPAGE, which the C library of Swift does not export.
  private static var adviceSmallPages: Int32 { 15 }

  /// Whether the elements fill one stretch of memory, as those of a transposed matrix do.
  private var isDenseInSomeOrder: Bool {
    let axes = (0..<rank).sorted { strides[$0] > strides[$1] }
    return transposed(permutation: axes).isDense
  }
}
