import CHeedKernels
import HeedTensor

/// The matrix tiles of one precision, over 32-bit words: floats, or pairs of bf16.
final class TileProducts: Sendable {
  let kernels = Kernels.table
  let isPaired: Bool
  /// How left operands lie that are packed by `packLeft`.
  let left: LeftLayout

  init(_ precision: ProductPrecision) {
    isPaired = precision == .bfloat16
    left = LeftLayout(precision)
  }

  /// Words for `count` values along the summed axis.
  func words(_ count: Int) -> Int { isPaired ? (count + 1) / 2 : count }

  /// c[m][n] (+)= A b, A as `left` says.
  @inline(__always)
  func multiply(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeMutablePointer<Float>, _ aStride: Int,
    _ b: UnsafeMutablePointer<Float>, _ bStride: Int, _ c: UnsafeMutablePointer<Float>,
    _ cStride: Int, accumulate: Bool
  ) {
    if isPaired {
      kernels.tile_bf16(
        m, n, k, UnsafeRawPointer(a).assumingMemoryBound(to: UInt32.self), aStride,
        UnsafeRawPointer(b).assumingMemoryBound(to: UInt32.self), bStride, c, cStride,
        accumulate ? 1 : 0)
    } else {
      kernels.tile_f32(m, n, k, a, aStride, b, bStride, c, cStride, accumulate ? 1 : 0)
    }
  }

  /// c[m][n] (+)= A b, A by the rows of a score tile.
  @inline(__always)
  func multiplyRows(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeMutablePointer<Float>,
    _ b: UnsafeMutablePointer<Float>, _ bStride: Int, _ c: UnsafeMutablePointer<Float>,
    _ cStride: Int, accumulate: Bool
  ) {
    if isPaired {
      kernels.tile_rows_bf16(
        m, n, k, UnsafeRawPointer(a).assumingMemoryBound(to: UInt32.self),
        UnsafeRawPointer(b).assumingMemoryBound(to: UInt32.self), bStride, c, cStride,
        accumulate ? 1 : 0)
    } else {
      kernels.tile_rows_f32(m, n, k, a, b, bStride, c, cStride, accumulate ? 1 : 0)
    }
  }

  /// c[m][n] = A b, b in panels of 32 columns one after the other; A as `left` says.
  @inline(__always)
  func multiplyPanels(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeMutablePointer<Float>, _ aStride: Int,
    _ b: UnsafeMutablePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ cStride: Int
  ) {
    left.multiplyPanels(
      m, n, k, a, aStride, b, panelStride: k * Int(HEED_PANEL), c, stride: cStride,
      accumulate: false)
  }

  /// Rows that are few: stored keys and values are then read as they lie, rather than packed.
  static let fewRows = 8

  /// c[m][n] = A K^T for few rows, n keys of k words as they lie, `keyStride` words apart; A as `left`
  /// says.
  @inline(__always)
  func score(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeMutablePointer<Float>, _ aStride: Int,
    keys: UnsafeRawPointer, _ keyStride: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int
  ) {
    if isPaired {
      kernels.score_keys_bf16(
        m, n, k, UnsafeRawPointer(a).assumingMemoryBound(to: UInt32.self), aStride,
        keys.assumingMemoryBound(to: UInt32.self), keyStride, c, cStride)
    } else {
      kernels.score_keys_f32(
        m, n, k, a, aStride, keys.assumingMemoryBound(to: Float.self), keyStride, c, cStride)
    }
  }

  /// Rows of floats as a left operand.
  @inline(__always)
  func packLeft(
    _ rows: Int, _ k: Int, _ source: UnsafePointer<Float>, _ rowStride: Int,
    _ target: UnsafeMutablePointer<Float>
  ) {
    left.pack(
      rows: rows, depth: k, source, rowStride: rowStride, columnStride: 1,
      to: UnsafeMutableRawPointer(target))
  }

  /// Rows of floats, transposed to words: dst[word][width].
  @inline(__always)
  func packTransposed(
    _ rows: Int, _ k: Int, _ source: UnsafePointer<Float>, _ rowStride: Int,
    _ target: UnsafeMutablePointer<Float>, _ width: Int
  ) {
    if isPaired {
      kernels.pack_transposed_bf16(
        rows, k, source, rowStride,
        UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self), width, 1)
    } else {
      kernels.pack_transposed_f32(rows, k, source, rowStride, target, width, 1)
    }
  }

  /// Rows of floats as the second operand, summed along the rows: dst[word][width].
  ///
  /// In float32 rows are used as they are: nothing to do.
  @inline(__always)
  func packPairs(
    _ rows: Int, _ n: Int, _ source: UnsafePointer<Float>, _ rowStride: Int,
    _ target: UnsafeMutablePointer<Float>, _ width: Int
  ) {
    kernels.pack_pairs_bf16(
      rows, n, source, rowStride,
      UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self), width, 1)
  }
}
