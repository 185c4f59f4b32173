#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The mapped pages of a file, which stay mapped as long as a tensor is there, and the open file itself.
///
/// Who goes through all of a weight once, as packing does, reads it: a copy into memory that is in the caches
/// takes half the time of mapping 16 pages at a time and of letting them go again.
package final class FilePages: Sendable {
  private let address: UInt
  private let byteCount: Int
  private let descriptor: Int32

  /// Takes over a mapping and the file that it is of.
  init(address: UInt, byteCount: Int, descriptor: Int32) {
    self.address = address
    self.byteCount = byteCount
    self.descriptor = descriptor
  }

  deinit {
    if let pointer = UnsafeMutableRawPointer(bitPattern: address) { munmap(pointer, byteCount) }
    close(descriptor)
  }

  /// Copies the bytes that are mapped at `source`; false where the file cannot be read.
  func read(
    _ source: UnsafeRawPointer, byteCount: Int, into target: UnsafeMutableRawPointer
  ) -> Bool {
    let offset = Int(UInt(bitPattern: source) - address)
    var done = 0
    while done < byteCount {
      let count = pread(descriptor, target + done, byteCount - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}

extension Tensor {
  /// Whether `read(rows:into:)` can be used: a dense matrix in a file.
  var isReadable: Bool { rank == 2 && isDense && storage.pages != nil }

  /// Copies rows of a dense matrix from its file; false, with nothing to be used, where it lies in none or
  /// cannot be read.
  func read(rows: Range<Int>, into target: UnsafeMutableRawPointer) -> Bool {
    guard isReadable, let pages = storage.pages else { return false }
    let rowBytes = shape[1] * elementType.byteCount
    return pages.read(
      rawPointer + rows.lowerBound * rowBytes, byteCount: rows.count * rowBytes, into: target)
  }

  /// Rows of a matrix by number: read from the file where that is possible, `gathered(atIndices:)` elsewhere.
  ///
  /// - Precondition: the numbers are those of rows.
  package func gatheredFromFile(atIndices indices: [Int]) -> Tensor {
    guard isReadable, let pages = storage.pages else { return gathered(atIndices: indices) }
    let result = Tensor(uninitialized: [indices.count, shape[1]], elementType)
    let rowBytes = shape[1] * elementType.byteCount
    for (place, row) in indices.enumerated() {
      precondition(
        (0..<shape[0]).contains(row), "gatheredFromFile(atIndices:): \(row) of \(shape[0]) rows")
      let isRead = pages.read(
        rawPointer + row * rowBytes, byteCount: rowBytes,
        into: result.rawPointer + place * rowBytes)
      guard isRead else { return gathered(atIndices: indices) }
    }
    return result
  }

  /// A copy in memory of what lies in a file and is small, as norms and biases are; everything else as it is.
  /// To look at one of them in the file would map 2 MB where the system keeps it in large pages.
  package func smallFromFile() -> Tensor {
    let byteCount = count * elementType.byteCount
    guard byteCount <= 256 << 10, isDense, trace == nil, let pages = storage.pages else {
      return self
    }
    let result = Tensor(uninitialized: shape, elementType)
    let isRead = pages.read(rawPointer, byteCount: byteCount, into: result.rawPointer)
    return isRead ? result : self
  }

  /// Rows of a matrix: read from the file where that is possible, a view elsewhere.
  func rowsFromFile(_ rows: Range<Int>) -> Tensor {
    if isReadable {
      let result = Tensor(uninitialized: [rows.count, shape[1]], elementType)
      if read(rows: rows, into: result.rawPointer) { return result }
    }
    return sliced(axis: 0, range: rows)
  }
}
