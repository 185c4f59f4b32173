// Files that are either whole or absent: written beside their place, forced to the disk, then renamed.
// Whoever reads the place sees the old file or the new one. Until it is whole a file has no name where the
// system can do that (Linux, most file systems), so that a process that is killed leaves nothing; elsewhere
// it has another name.

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
  private let isNamed: Bool
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
    let unnamed = UnnamedFile.make(in: Self.folder(of: path))
    self.isNamed = unnamed == nil
    self.descriptor =
      unnamed ?? open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError("write", path) }
  }

  deinit {
    if descriptor >= 0, !isCommitted {
      close(descriptor)
      unlink(temporaryPath)
    }
  }

  private static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
  }

  /// Refuses a path where no file can be written, before the work for it is done.
  package static func check(_ path: String) throws(FileError) {
    if path.isEmpty { throw FileError("write", path, errno: ENOENT) }
    try refuseDevice(path)
    guard access(folder(of: target(of: path)), W_OK | X_OK) == 0 else {
      throw FileError("write", path)
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
    guard fsync(descriptor) == 0, isNamed || UnnamedFile.name(descriptor, temporaryPath) else {
      throw FileError("write", path)
    }
    guard rename(temporaryPath, path) == 0 else { throw FileError("write", path) }
    isCommitted = true
    close(descriptor)
    syncFolder()
  }

  /// Makes the new name last through a power cut. Some file systems refuse; the file is whole then
  /// too, so that is no error.
  private func syncFolder() {
    let descriptor = open(Self.folder(of: path), O_RDONLY | O_CLOEXEC)
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

/// Files that have no name until they are given one.
private enum UnnamedFile {
  /// A new file for writing; nil where there can be none.
  static func make(in folder: String) -> Int32? {
    #if os(Linux)
      // O_TMPFILE, which is no plain number in C.
      let descriptor = open(
        folder, O_WRONLY | O_CLOEXEC | O_DIRECTORY | 0o20_000_000, 0o644)
      guard descriptor >= 0 else { return nil }
      if access(place(of: descriptor), F_OK) == 0 { return descriptor }
      close(descriptor)
    #endif
    return nil
  }

  /// Gives a file the name `path`, which nothing has; false where that fails.
  static func name(_ descriptor: Int32, _ path: String) -> Bool {
    #if os(Linux)
      linkat(AT_FDCWD, place(of: descriptor), AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0
    #else
      false
    #endif
  }

  /// Where the system shows an open file.
  private static func place(of descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }
}
