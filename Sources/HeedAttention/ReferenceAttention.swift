package import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The slow twin of the fused attention: its specification, in whole matrices and tape operations.
///
/// Runs in float64 (or float32), and its gradients are those of the operations that it is made of,
/// each checked against finite differences. Tests compare the fused kernels with it.
///
/// - Returns: the context, and the weights before dropout.
package func referenceAttention(
  _ queries: Tensor, _ keys: Tensor, _ values: Tensor, scale: Float? = nil, mask: Mask = .none,
  bias: Tensor? = nil, alibi: Tensor? = nil, softCap: Float? = nil, sinks: Tensor? = nil,
  dropout: AttentionDropout? = nil
) -> (output: Tensor, weights: Tensor) {
  let (B, H, T, D) = (queries.shape[0], queries.shape[1], queries.shape[2], queries.shape[3])
  let S = keys.shape[2]
  let group = H / keys.shape[1]
  let type = queries.elementType
  let k = group == 1 ? keys : keys.repeatedHeads(group)  // [B, H, S, D]
  let v = group == 1 ? values : values.repeatedHeads(group)  // [B, H, S, Dv]
  var scores = queries.matrixProduct(k.transposed())  // [B, H, T, S]
  scores = scores * Double(scale ?? 1 / Float(D).squareRoot())
  if let softCap { scores = (scores / Double(softCap)).tanh() * Double(softCap) }
  if let bias { scores = scores + bias.converted(to: type) }
  if let alibi {
    var distance = [Double](repeating: 0, count: T * S)
    for t in 0..<T { for s in 0..<S { distance[t * S + s] = -Double(abs(t + S - T - s)) } }
    let slopes = alibi.converted(to: type).reshaped(to: [1, H, 1, 1])
    scores = scores + slopes * Tensor(distance, shape: [1, 1, T, S]).converted(to: type)
  }
  let visible: [Bool] = mask.visibleCells(batch: B, heads: H, queryCount: T, keyCount: S).elements()
  let hidden = Tensor(visible.map { !$0 }, shape: [B, H, T, S])
  scores = scores.replacing(with: -Double.infinity, where: hidden)
  if let sinks {
    let column = sinks.converted(to: type).reshaped(to: [1, H, 1, 1]).broadcast(to: [B, H, T, 1])
    scores = scores.concatenated(with: column, alongAxis: 3)  // [B, H, T, S + 1]
  }
  // Rows without keys: softmax gives zeros for a row of -inf.
  let weights = scores.softmax(alongAxis: -1).sliced(axis: 3, range: 0..<S)  // [B, H, T, S]
  guard let dropout else { return (weights.matrixProduct(v), weights) }
  let factors = dropout.factors(batch: B, heads: H, queryCount: T, keyCount: S).converted(to: type)
  return ((weights * factors).matrixProduct(v), weights)
}

extension Mask {
  /// True where a query may see a key; `[B, H, T, S]`. Memory O(B·H·T·S): for tests and layers that
  /// change the keys, not for the fused attention.
  package func visibleCells(batch B: Int, heads H: Int, queryCount T: Int, keyCount S: Int)
    -> Tensor
  {
    let prepared = prepared(batch: B, heads: H, queryCount: T, keyCount: S)
    var cells = [UInt8](repeating: 0, count: B * H * T * S)
    cells.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, S > 0 else { return }
      for row in 0..<B * H * T {
        prepared.fill(
          base + row * S, batch: row / T / H, head: row / T % H, query: row % T, firstKey: 0,
          count: S, queryCount: T, keyCount: S)
      }
    }
    return Tensor(cells.map { $0 != 0 }, shape: [B, H, T, S])
  }
}

extension AttentionDropout {
  /// What each weight is multiplied by; `[B, H, T, S]`.
  package func factors(batch B: Int, heads H: Int, queryCount T: Int, keyCount S: Int) -> Tensor {
    let factors = (0..<B * H * T).flatMap { place in
      let row = row(batch: place / T / H, head: place / T % H, place: place % T + S - T)
      return (0..<S).map { row.factor(key: $0) }
    }
    return Tensor(factors, shape: [B, H, T, S])
  }
}

extension Tensor {
  /// Each head of axis 1 `count` times, one after the other: `[B, G, ...]` to `[B, G * count, ...]`.
  package func repeatedHeads(_ count: Int) -> Tensor {
    let (B, G) = (shape[0], shape[1])
    let rest = Array(shape.dropFirst(2))
    return reshaped(to: [B, G, 1] + rest).broadcast(to: [B, G, count] + rest)
      .reshaped(to: [B, G * count] + rest)
  }
}
