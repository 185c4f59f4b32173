import CHeedKernels
import HeedTensor

/// Keys and values of one sequence where a cache keeps them.
package struct CachedRows {
  let keys: CachedHeads
  let values: CachedHeads
  /// Keys of each head.
  package let count: Int
}

/// Rows of the heads of one sequence, `[G][capacity][D]` of float32 or bfloat16.
struct CachedHeads {
  let isHalf: Bool
  private let base: UnsafeRawPointer
  private let rowBytes: Int
  private let headBytes: Int

  /// - Parameters:
  ///   - buffer: `[B, G, capacity, D]`, dense.
  ///   - first: the row that is number 0.
  init(_ buffer: Tensor, sequence: Int, first: Int) {
    isHalf = buffer.elementType == .bfloat16
    rowBytes = buffer.shape[3] * buffer.elementType.byteCount
    headBytes = buffer.shape[2] * rowBytes
    base =
      UnsafeRawPointer(buffer.rawPointer) + sequence * buffer.shape[1] * headBytes
      + first * rowBytes
  }

  /// The first element of a row; those behind it follow.
  @inline(__always)
  func row(_ head: Int, _ row: Int) -> UnsafeRawPointer { base + head * headBytes + row * rowBytes }

  /// Asks for the first rows of a head: short caches are over before the processor has foreseen anything.
  @inline(__always)
  func ask(_ head: Int, count: Int) { heed_ask(row(head, 0), min(16 << 10, count * rowBytes)) }
}
