import CHeedKernels
import HeedTensor

extension KeyValueCache {
  /// One more key and value for each of G heads of each of `batch` sequences, where they lie: as
  /// `append(keys:values:)` does it, without tensors where there is room.
  ///
  /// - Parameters:
  ///   - keys: `[batch][G * D]`, `stride` floats from one sequence to the next.
  ///   - values: `[batch][G * Dv]`, likewise.
  package mutating func append(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, stride: (keys: Int, values: Int),
    batch: Int, groups: Int, width: Int, valueWidth: Int
  ) {
    guard !appendInPlace(keys, values, stride, [batch, groups]) else { return }
    func tensor(_ rows: UnsafePointer<Float>, _ stride: Int, _ width: Int) -> Tensor {
      let result = Tensor(uninitialized: [batch, groups, 1, width])
      let target = result.mutablePointer(to: Float.self)
      for row in 0..<batch {
        (target + row * groups * width).update(from: rows + row * stride, count: groups * width)
      }
      return result
    }
    append(
      keys: tensor(keys, stride.keys, width), values: tensor(values, stride.values, valueWidth))
  }
}

extension Tensor {
  /// Overwrites row `place` of each head of a dense `[B, G, capacity, D]` of float32 or bfloat16, in
  /// place when nobody shares it.
  ///
  /// - Parameter rows: `[B][G * D]`, `stride` floats from one sequence to the next.
  mutating func replaceRow(at place: Int, with rows: UnsafePointer<Float>, stride: Int) {
    makeUnique()
    let (groups, capacity, width) = (shape[1], shape[2], shape[3])
    for head in 0..<shape[0] * groups {
      let source = rows + head / groups * stride + head % groups * width
      let target = (head * capacity + place) * width
      if elementType == .float32 {
        (mutablePointer(to: Float.self) + target).update(from: source, count: width)
      } else {
        Kernels.table.bf16_from_f32(width, source, halves + target)
      }
    }
  }
}
