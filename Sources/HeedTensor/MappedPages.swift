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
  /// read again. Does nothing for a tensor that lies in no file.
  package func releasePages() {
    guard storage.isReadOnly, isDense, count > 0 else { return }
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let start = UInt(bitPattern: rawPointer)
    // Whole pages only: their neighbours may belong to other tensors.
    let first = (start + page - 1) / page * page
    let end = (start + UInt(count * elementType.byteCount)) / page * page
    guard end > first, let base = UnsafeMutableRawPointer(bitPattern: first) else { return }
    madvise(base, Int(end - first), MADV_DONTNEED)
  }
}
