import CHeedKernels
import HeedTensor

/// Keys and values that are not stored as the tiles read them.
struct StoredKeyValues: Sendable {
  let keys: StoredRows
  let values: StoredRows
}

/// int8 rows `[B, G, S, D]` and the scale of each, `[B, G, S, 1]`.
struct QuantizedRows: Sendable {
  let rows: Tensor
  let scales: Tensor

  /// D.
  var width: Int { rows.shape[3] }

  /// Rows `first ..< first + count` of head `index` (of B * G) as floats, `step` floats apart.
  func copy(
    _ index: Int, _ first: Int, _ count: Int, to target: UnsafeMutablePointer<Float>, step: Int
  ) {
    let (batch, group) = index.quotientAndRemainder(dividingBy: rows.shape[1])
    func place(_ tensor: Tensor) -> Int {
      batch * tensor.strides[0] + group * tensor.strides[1] + first * tensor.strides[2]
    }
    let source = rows.pointer(to: Int8.self) + place(rows)
    let factors = scales.pointer(to: Float.self) + place(scales)
    for i in 0..<count {
      Kernels.table.dequantize_row_i8(
        width, source + i * rows.strides[2], factors[i * scales.strides[2]], target + i * step)
    }
  }
}

/// Rows in another form than floats one after the other: they become floats when a tile reads them.
enum StoredRows: Sendable {
  /// int8 rows, of one or more parts that lie side by side.
  case quantized([QuantizedRows])
  /// Pages `[pages, G, page size, D]` of float32 or bfloat16, and whose they are.
  case paged(Tensor, [PagedSequence])

  /// A tensor of the shape `[B, G, S, D]` of these rows, without memory of its own.
  var shape: Tensor {
    switch self {
    case .quantized(let parts):
      let shape = Array(parts[0].rows.shape.dropLast()) + [parts.reduce(0) { $0 + $1.width }]
      return Tensor(zeros: [1, 1, 1, 1]).broadcast(to: shape)
    case .paged(let pages, let sequences):
      let keyCount = sequences.map(\.count).max() ?? 0
      return Tensor(zeros: [1, 1, 1, 1])
        .broadcast(to: [sequences.count, pages.shape[1], keyCount, pages.shape[3]])
    }
  }

  /// Rows `first ..< first + count` of key/value head `index` (of B * G) as floats, `[count, D]`.
  func copy(_ index: Int, _ first: Int, _ count: Int, to target: UnsafeMutablePointer<Float>) {
    switch self {
    case .quantized(let parts):
      let width = parts.reduce(0) { $0 + $1.width }
      var place = target
      for part in parts {
        part.copy(index, first, count, to: place, step: width)
        place += part.width
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
