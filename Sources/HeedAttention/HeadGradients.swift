import CHeedKernels
import HeedTensor

/// Memory for the gradients of queries, keys and values, laid out as these are.
///
/// Where the three are slices of one projection, neighbours in its memory, their gradients are
/// neighbours too: together they are the gradient of the projection, which nobody has to put together
/// again. They are of the type of what they belong to, rounded as they are written.
struct HeadGradients: Sendable {
  /// `[B, H, T, D]`
  let queries: Tensor
  /// `[B, G, S, D]`
  let keys: Tensor
  /// `[B, G, S, Dv]`
  let values: Tensor

  init(queries: Tensor, keys: Tensor, values: Tensor) {
    if let (q, k, v) = Self.neighbours(queries, keys, values) {
      (self.queries, self.keys, self.values) = (q, k, v)
    } else {
      (self.queries, self.keys, self.values) = (
        Self.memory(like: queries), Self.memory(like: keys), Self.memory(like: values)
      )
    }
  }

  /// Zeros, where there is nothing to compute.
  func clear() {
    for tensor in [queries, keys, values] where tensor.count > 0 {
      Tensor(zeros: [], tensor.elementType).broadcast(to: tensor.shape)
        .copyElements(to: tensor, axis: 0, start: 0)
    }
  }

  private static func neighbours(
    _ q: Tensor, _ k: Tensor, _ v: Tensor
  ) -> (Tensor, Tensor, Tensor)? {
    let (H, G, step) = (q.shape[1], k.shape[1], q.strides[1])
    guard q.storage === k.storage, k.storage === v.storage, q.strides == k.strides,
      k.strides == v.strides, q.elementType == k.elementType, k.elementType == v.elementType,
      q.shape[2...] == k.shape[2...], k.shape == v.shape, k.offset == q.offset + H * step,
      v.offset == k.offset + G * step
    else { return nil }
    let shape = [q.shape[0], H + 2 * G, q.shape[2], q.shape[3]]
    let whole = memory(shape, q)
    return (
      whole.sliced(axis: 1, range: 0..<H), whole.sliced(axis: 1, range: H..<H + G),
      whole.sliced(axis: 1, range: H + G..<H + 2 * G)
    )
  }

  private static func memory(like tensor: Tensor) -> Tensor { memory(tensor.shape, tensor) }

  /// Rows in the order of those of `tensor`; bfloat16 where it is, else float32.
  private static func memory(_ shape: [Int], _ tensor: Tensor) -> Tensor {
    Tensor.rows(shape, tensor.elementType == .bfloat16 ? .bfloat16 : .float32, like: tensor)
  }
}

extension Tensor {
  /// Memory for `[B, H, T, D]` whose heads and tokens lie in the order of those of `other`, the elements
  /// of a row together.
  static func rows(_ shape: [Int], _ elementType: ElementType, like other: Tensor) -> Tensor {
    let result = Tensor(uninitialized: shape, elementType, inOrderOf: other.strides)
    return result.strides[3] == 1 ? result : Tensor(uninitialized: shape, elementType)
  }

  /// Writes `count` rows of floats, one after the other, to the rows of a key/value head from `row` on:
  /// rows of the heads of its group, one head after the other, rounded where this tensor is bfloat16.
  func storeRows(
    _ source: UnsafePointer<Float>, index: Int, groupSize: Int, from row: Int, _ count: Int
  ) {
    let (groups, width) = (shape[1] / groupSize, shape[3])
    let first = index / groups * strides[0] + index % groups * groupSize * strides[1]
    for i in 0..<count {
      let (head, token) = (row + i).quotientAndRemainder(dividingBy: shape[2])
      let place = first + head * strides[1] + token * strides[2]
      if elementType == .bfloat16 {
        Kernels.table.bf16_from_f32(width, source + i * width, halves + place)
      } else {
        (mutablePointer(to: Float.self) + place).update(from: source + i * width, count: width)
      }
    }
  }
}
