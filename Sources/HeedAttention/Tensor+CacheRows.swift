import CHeedKernels
import HeedTensor

extension Tensor {
  /// Overwrites rows `place...` of axis 2 of a dense `[B, G, capacity, D]`, in place when nobody
  /// shares it.
  mutating func replaceRows(at place: Int, with rows: Tensor) {
    precondition(
      rows.elementType == elementType && rows.shape[3] == shape[3]
        && place + rows.shape[2] <= shape[2],
      "replaceRows: \(rows.shape) at \(place) does not fit \(shape)")
    makeUnique()
    let source = rows.dense()
    let size = elementType.byteCount
    let bytes = rows.shape[2] * rows.shape[3] * size
    for head in 0..<shape[0] * shape[1] {
      let target = rawPointer + (head * shape[2] + place) * shape[3] * size
      target.copyMemory(from: source.rawPointer + head * bytes, byteCount: bytes)
    }
  }

  /// Each row of the last axis as int8 and a scale; scales have a last axis of 1.
  func quantizedRows() -> (rows: Tensor, scales: Tensor) {
    let source = dense()
    let width = shape[rank - 1]
    let count = self.count / (width > 0 ? width : 1)
    let rows = Tensor(uninitialized: shape, .int8)
    let scales = Tensor(uninitialized: shape.dropLast() + [1], .float32)
    let target = rows.mutablePointer(to: Int8.self)
    let factors = scales.mutablePointer(to: Float.self)
    for row in 0..<count {
      factors[row] = Kernels.table.quantize_row_i8(
        width, source.pointer(to: Float.self) + row * width, target + row * width)
    }
    return (rows, scales)
  }

  /// int8 rows times their scales.
  func dequantized(scales: Tensor) -> Tensor {
    let (source, factors) = (dense(), scales.dense())
    let width = shape[rank - 1]
    let result = Tensor(uninitialized: shape, .float32)
    let target = result.mutablePointer(to: Float.self)
    ThreadPool.shared.parallel(shape[0] * shape[1]) { head in
      for row in head * shape[2]..<(head + 1) * shape[2] {
        Kernels.table.dequantize_row_i8(
          width, source.pointer(to: Int8.self) + row * width,
          factors.pointer(to: Float.self)[row], target + row * width)
      }
    }
    return result
  }
}
