import CHeedKernels
import HeedTensor

/// Keys and values of one sequence where a cache keeps them.
package struct CachedRows: Sendable, BitwiseCopyable {
  let keys: CachedHeads
  let values: CachedHeads
  /// Keys of each head.
  package let count: Int

  /// Asks for the first keys and values of a head.
  @inline(__always)
  func ask(_ head: Int) {
    keys.ask(head, count: count)
    values.ask(head, count: count)
  }

  /// Writes the last key and value of a head, which `KeyValueCache.claimRow` made room for.
  ///
  /// - Parameters:
  ///   - keys: `[G][D]`, those of all heads; so are values.
  package func writeLast(
    _ head: Int, keys newKeys: UnsafePointer<Float>, values newValues: UnsafePointer<Float>
  ) {
    keys.write(newKeys, head, count - 1)
    values.write(newValues, head, count - 1)
  }
}

/// Rows of the heads of one sequence, `[G][capacity][D]` of float32 or bfloat16.
struct CachedHeads: @unchecked Sendable, BitwiseCopyable {
  let isHalf: Bool
  private var base: UnsafeMutableRawPointer
  private let width: Int
  private let rowBytes: Int
  private let headBytes: Int

  /// The first sequence of a buffer.
  ///
  /// - Parameter buffer: `[B, G, capacity, D]`, dense.
  init(_ buffer: Tensor) {
    isHalf = buffer.elementType == .bfloat16
    width = buffer.shape[3]
    rowBytes = width * buffer.elementType.byteCount
    headBytes = buffer.shape[2] * rowBytes
    base = UnsafeMutableRawPointer(mutating: buffer.rawPointer)
  }

  /// The same heads of another of its sequences, of `groups` heads each.
  ///
  /// - Parameter first: the row that is number 0.
  func rows(ofSequence sequence: Int, groups: Int, from first: Int) -> CachedHeads {
    var rows = self
    rows.base += sequence * groups * headBytes + first * rowBytes
    return rows
  }

  /// Whether this is where the elements of `buffer` begin.
  @inline(__always)
  func begins(_ buffer: Tensor) -> Bool { UnsafeRawPointer(base) == buffer.rawPointer }

  /// The first element of a row; those behind it follow.
  @inline(__always)
  func row(_ head: Int, _ row: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(base) + head * headBytes + row * rowBytes
  }

  /// Overwrites a row with that of the same head among `[G][D]` rows.
  fileprivate func write(_ rows: UnsafePointer<Float>, _ head: Int, _ row: Int) {
    let (source, target) = (rows + head * width, base + head * headBytes + row * rowBytes)
    if isHalf {
      Kernels.table.bf16_from_f32(width, source, target.assumingMemoryBound(to: UInt16.self))
    } else {
      target.assumingMemoryBound(to: Float.self).update(from: source, count: width)
    }
  }

  /// Asks for the first rows of a head: short caches are over before the processor has foreseen anything.
  @inline(__always)
  func ask(_ head: Int, count: Int) { heed_ask(row(head, 0), min(16 << 10, count * rowBytes)) }
}
