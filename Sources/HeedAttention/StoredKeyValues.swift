import CHeedKernels
import HeedTensor

/// Keys and values that are not stored as the tiles read them.
struct StoredKeyValues: Sendable {
  let keys: StoredRows
  let values: StoredRows
}

/// Rows in another form than floats one after the other: they become floats when a tile reads them.
enum StoredRows: Sendable {
  /// int8 `[B, G, S, D]` and the scale of each row, `[B, G, S, 1]`.
  case quantized(Tensor, scales: Tensor)
  /// Pages `[pages, G, page size, D]` of float32 or bfloat16, and whose they are.
  case paged(Tensor, [PagedSequence])

  /// A tensor of the shape `[B, G, S, D]` of these rows, without memory of its own.
  var shape: Tensor {
    switch self {
    case .quantized(let rows, _): return rows
    case .paged(let pages, let sequences):
      let keyCount = sequences.map(\.count).max() ?? 0
      return Tensor(zeros: [1, 1, 1, 1])
        .broadcast(to: [sequences.count, pages.shape[1], keyCount, pages.shape[3]])
    }
  }

  /// Rows `first ..< first + count` of key/value head `index` (of B * G) as floats, `[count, D]`.
  func copy(_ index: Int, _ first: Int, _ count: Int, to target: UnsafeMutablePointer<Float>) {
    switch self {
    case .quantized(let rows, let scales):
      let groups = rows.shape[1]
      let (batch, group) = (index / groups, index % groups)
      let (width, step) = (rows.shape[3], rows.strides[2])
      let source =
        rows.pointer(to: Int8.self) + batch * rows.strides[0] + group * rows.strides[1]
        + first * step
      let factors =
        scales.pointer(to: Float.self) + batch * scales.strides[0] + group * scales.strides[1]
        + first * scales.strides[2]
      for i in 0..<count {
        Kernels.table.dequantize_row_i8(
          width, source + i * step, factors[i * scales.strides[2]], target + i * width)
      }
    case .paged(let pages, let sequences):
      let (groups, pageSize, width) = (pages.shape[1], pages.shape[2], pages.shape[3])
      let sequence = sequences[index / groups]
      // Behind the end of a sequence lies what others left: zeros, whatever the mask.
      let held = max(0, min(count, sequence.count - first))
      let (isWide, base) = (pages.elementType == .float32, UnsafeRawPointer(pages.rawPointer))
      let kernels = Kernels.table
      sequence.pages.withUnsafeBufferPointer { numbers in
        var i = 0
        while i < held {
          let (page, slot) = (first + i).quotientAndRemainder(dividingBy: pageSize)
          let run = min(pageSize - slot, held - i)
          let start = ((numbers[page] * groups + index % groups) * pageSize + slot) * width
          if isWide {
            let source = base.assumingMemoryBound(to: Float.self) + start
            (target + i * width).update(from: source, count: run * width)
          } else {
            let source = base.assumingMemoryBound(to: UInt16.self) + start
            kernels.f32_from_bf16(run * width, source, target + i * width)
          }
          i += run
        }
      }
      (target + held * width).update(repeating: 0, count: (count - held) * width)
    }
  }

  /// All rows as float32, `[B, G, S, D]`.
  func tensor() -> Tensor {
    let shape = shape.shape
    let result = Tensor(uninitialized: shape)
    let target = result.mutablePointer(to: Float.self)
    ThreadPool.shared.parallel(shape[0] * shape[1]) { index in
      copy(index, 0, shape[2], to: target + index * shape[2] * shape[3])
    }
    return result
  }
}
