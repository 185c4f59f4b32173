// Files that are either whole or absent: written beside their place under another name, forced to
// the disk, then renamed. Whoever reads the place sees the old file or the new one.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file while it is being written.
package struct AtomicFile: ~Copyable {
  private let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  /// Makes the file `path` of what `body` writes; leaves no trace when `body` throws. A symbolic link
  /// stays, what it leads to is replaced.
  package static func write(
    to path: String, _ body: (borrowing AtomicFile) throws(FileError) -> Void
  ) throws(FileError) {
    try refuseDevice(path)
    var file = try AtomicFile(path: target(of: path))
    try body(file)
    try file.commit()
  }

  /// Where a path leads when it is a symbolic link; a link to nothing leads to the name that it has.
  package static func target(of path: String) -> String {
    var path = path
    // As many as the system itself follows.
    for _ in 0..<40 {
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let length = readlink(path, &buffer, buffer.count)
      guard length > 0 else { break }
      let name = String(
        decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
      path = name.hasPrefix("/") ? name : folder + name
    }
    return path
  }

  /// A new file would take the place of a device or a pipe, and whoever uses it would lose it.
  private static func refuseDevice(_ path: String) throws(FileError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      // Links that lead in a circle lead to no place.
      if errno == ELOOP { throw FileError("write", path) }
      return
    }
    guard status.st_mode & S_IFMT != S_IFREG else { return }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    throw FileError(
      operation: "write", path: path,
      reason: isFolder ? "it is a folder" : "it is not a regular file")
  }

  private init(path: String) throws(FileError) {
    self.path = path
    var generator = SystemRandomNumberGenerator()
    let mark = String(UInt64.random(in: .min ... .max, using: &generator), radix: 36)
    self.temporaryPath = "\(path).\(mark).partial"
    self.descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError("write", path) }
  }

  deinit {
    if descriptor >= 0, !isCommitted {
      close(descriptor)
      unlink(temporaryPath)
    }
  }

  /// Appends bytes.
  package func append(_ bytes: [UInt8]) throws(FileError) {
    try bytes.withUnsafeBytes { buffer in
      Result { () throws(FileError) in try appendAll(buffer) }
    }.get()
  }

  /// Appends the elements of a tensor in row-major order, as they are stored.
  package func append(_ tensor: Tensor) throws(FileError) {
    let source = tensor.dense()
    let buffer = UnsafeRawBufferPointer(
      start: source.rawPointer, count: source.count * source.elementType.byteCount)
    try appendAll(buffer)
    withExtendedLifetime(source) {}
  }

  private func appendAll(_ buffer: UnsafeRawBufferPointer) throws(FileError) {
    guard let base = buffer.baseAddress else { return }
    // The system takes at most 2 GB at once.
    let largest = 1 << 30
    var written = 0
    while written < buffer.count {
      let count = PlatformWrite.write(
        descriptor, base + written, min(largest, buffer.count - written))
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError("write", path)
      }
      written += count
    }
  }

  private mutating func commit() throws(FileError) {
    guard fsync(descriptor) == 0 else { throw FileError("write", path) }
    guard rename(temporaryPath, path) == 0 else { throw FileError("write", path) }
    isCommitted = true
    close(descriptor)
    syncFolder()
  }

  /// Makes the new name last through a power cut. Some file systems refuse; the file is whole then
  /// too, so that is no error.
  private func syncFolder() {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }
}

/// The system's `write`, under a name that `AtomicFile.write` does not hide.
private enum PlatformWrite {
  static func write(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes, count)
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes, count)
    #else
      Darwin.write(descriptor, bytes, count)
    #endif
  }
}
