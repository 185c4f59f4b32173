// Files as memory. A model file is mapped, not read: opening one of many gigabytes costs nothing,
// its pages come from the disk when an operation first touches them, and several processes that
// run one model share them. Tensors point into the map and keep it alive.
//
// A file that another program shortens while it is mapped ends the process when a lost page is
// touched; that is the price of the map everywhere, and why writers should replace files instead
// of changing them, as `AtomicFile` does.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that could not be opened, read or written.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was tried, as a verb: "open", "map", "write".
  public let operation: String
  /// The file.
  public let path: String
  /// What the system said.
  public let reason: String

  /// An error with its three parts.
  public init(operation: String, path: String, reason: String) {
    self.operation = operation
    self.path = path
    self.reason = reason
  }

  package init(_ operation: String, _ path: String, errno code: Int32 = errno) {
    self.init(operation: operation, path: path, reason: String(cString: strerror(code)))
  }

  /// The text for people.
  public var description: String { "cannot \(operation) \(path): \(reason)" }
}

/// A file mapped into memory for reading.
package final class MappedFile: Sendable {
  package let path: String
  package let byteCount: Int
  /// Nil for an empty file, which cannot be mapped.
  let storage: Storage?

  package init(path: String) throws(FileError) {
    // Without O_NONBLOCK a named pipe would be waited for before it can be refused.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileError("open", path) }
    var isKept = false
    defer { if !isKept { close(descriptor) } }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileError("open", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(operation: "open", path: path, reason: "it is not a regular file")
    }
    self.path = path
    self.byteCount = Int(status.st_size)
    if byteCount == 0 {
      self.storage = nil
      return
    }
    guard let base = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
      base != MAP_FAILED
    else { throw FileError("map", path) }
    isKept = true
    self.storage = Storage(
      readOnly: base, byteCount: byteCount,
      pages: FilePages(
        address: UInt(bitPattern: base), byteCount: byteCount, descriptor: descriptor))
  }

  /// A copy of some bytes.
  ///
  /// - Precondition: the range lies in the file.
  package func bytes(in range: Range<Int>) -> [UInt8] {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= byteCount,
      "MappedFile.bytes(in:): \(range) of \(byteCount) bytes")
    guard let storage, !range.isEmpty else { return [] }
    return Array(UnsafeRawBufferPointer(start: storage.base + range.lowerBound, count: range.count))
  }

  /// `integer(at:)` of 8 bytes, without the cost of a generic call from another module: for the lengths of
  /// a hundred thousand strings.
  ///
  /// - Precondition: the bytes lie in the file.
  package func length(at byteOffset: Int) -> UInt64 { integer(at: byteOffset) }

  /// The whole number whose bytes, least first, start at `byteOffset`.
  ///
  /// - Precondition: its bytes lie in the file.
  package func integer<I: FixedWidthInteger>(at byteOffset: Int) -> I {
    precondition(
      byteOffset >= 0 && byteOffset <= byteCount - I.bitWidth / 8,
      "MappedFile.integer(at:): \(I.self) at \(byteOffset) of \(byteCount) bytes")
    guard let storage else { return 0 }
    return I(littleEndian: (storage.base + byteOffset).loadUnaligned(as: I.self))
  }

  /// The tensor whose elements start at `byteOffset`: the mapped bytes themselves where the
  /// element type may lie there, a copy where the address is odd.
  ///
  /// - Precondition: the elements lie in the file.
  package func tensor(at byteOffset: Int, shape: [Int], _ elementType: ElementType) -> Tensor {
    let size = shape.reduce(1, *) * elementType.byteCount
    precondition(
      byteOffset >= 0 && byteOffset <= byteCount && size <= byteCount - byteOffset,
      "MappedFile.tensor(at:): \(shape) \(elementType) at \(byteOffset) of \(byteCount) bytes")
    guard let storage, let pages = storage.pages, size > 0 else {
      return Tensor(zeros: shape, elementType)
    }
    let address = storage.base + byteOffset
    if UInt(bitPattern: address) % UInt(elementType.byteCount) != 0 {
      let result = Tensor(uninitialized: shape, elementType)
      result.rawPointer.copyMemory(from: address, byteCount: size)
      return result
    }
    return Tensor(
      storage: Storage(readOnly: address, byteCount: size, pages: pages), shape: shape,
      strides: Tensor.denseStrides(shape), offset: 0, elementType: elementType)
  }

  /// True when every byte of the range is 0 or 1, as those of a tensor of truths have to be.
  package func holdsOnlyTruths(in range: Range<Int>) -> Bool {
    guard let storage else { return true }
    let bytes = UnsafeRawBufferPointer(start: storage.base + range.lowerBound, count: range.count)
    return bytes.allSatisfy { $0 <= 1 }
  }
}
