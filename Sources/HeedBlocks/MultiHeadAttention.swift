public import HeedAttention
public import HeedTensor

/// The multi-head attention layer of Vaswani et al. 2017 (arXiv 1706.03762, section 3.2.2) with the
/// parameters and options of PyTorch's `nn.MultiheadAttention`: self or cross attention, keys and
/// values of other widths, learned extra keys, a key of zeros.
public struct MultiHeadAttention: Sendable {
  /// What a query gets that may see no key.
  public enum EmptyRows: Sendable, Hashable {
    /// Zeros before the output projection, as everywhere in Heed.
    case zeros
    /// Not a number, forward and backward, as PyTorch when weights are asked for.
    case notANumber
  }

  /// H.
  public let headCount: Int
  /// Whether a key and a value of zeros stand behind the others.
  public let addsZeroKey: Bool
  private let query: Linear
  private let key: Linear
  private let value: Linear
  private let output: Linear
  /// `[1, 1, E]`.
  private let extraKey: Tensor?
  private let extraValue: Tensor?

  /// The layer of the parameters that `parameter` gives by their names in PyTorch: `in_proj_weight`
  /// `[3E, E]` or `q_proj_weight`, `k_proj_weight`, `v_proj_weight`; `in_proj_bias`, `bias_k`,
  /// `bias_v`, `out_proj.weight`, `out_proj.bias`.
  ///
  /// - Precondition: the weights are there, and their width is a multiple of `headCount`.
  public init(
    headCount: Int, addsZeroKey: Bool = false, parameter: (_ name: String) -> Tensor?
  ) {
    func required(_ name: String) -> Tensor {
      guard let tensor = parameter(name) else {
        preconditionFailure("MultiHeadAttention: there is no parameter \(name)")
      }
      return tensor
    }
    let outputWeight = required("out_proj.weight")
    let width = outputWeight.shape[0]
    precondition(
      width % headCount == 0, "MultiHeadAttention: \(headCount) heads do not divide \(width)")
    let fused = parameter("in_proj_weight")
    let bias = parameter("in_proj_bias")
    func input(_ index: Int, _ name: String) -> Linear {
      let range = index * width..<(index + 1) * width
      return Linear(
        weight: fused?.sliced(axis: 0, range: range) ?? required(name),
        bias: bias?.sliced(axis: 0, range: range))
    }
    self.headCount = headCount
    self.addsZeroKey = addsZeroKey
    query = input(0, "q_proj_weight")
    key = input(1, "k_proj_weight")
    value = input(2, "v_proj_weight")
    output = Linear(weight: outputWeight, bias: parameter("out_proj.bias"))
    extraKey = parameter("bias_k")
    extraValue = parameter("bias_v")
  }

  /// Attends from `queries` to `keys` and `values`.
  ///
  /// - Parameters:
  ///   - queries: `[B, T, E]`.
  ///   - keys: `[B, S, Ek]`.
  ///   - values: `[B, S, Ev]`.
  ///   - mask: true where visible; over the S given keys. Extra keys are always visible.
  ///   - bias: added to the scores; broadcastable to `[B, H, T, S]`.
  ///   - emptyRows: what a query gets that may see no key.
  ///   - probe: told about the attention, extra keys included.
  /// - Returns: `[B, T, E]`.
  public func callAsFunction(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, mask: Mask = .none, bias: Tensor? = nil,
    emptyRows: EmptyRows = .zeros, probe: AttentionProbe? = nil
  ) -> Tensor {
    let (B, T) = (queries.shape[0], queries.shape[1])
    var k = key(keys)
    var v = value(values)
    if let extraKey, let extraValue {
      k = k.concatenated(with: extraKey.broadcast(to: [B, 1, k.shape[2]]), alongAxis: 1)
      v = v.concatenated(with: extraValue.broadcast(to: [B, 1, v.shape[2]]), alongAxis: 1)
    }
    if addsZeroKey {
      let zeros = Tensor(zeros: [B, 1, k.shape[2]], k.elementType)
      k = k.concatenated(with: zeros, alongAxis: 1)
      v = v.concatenated(with: zeros, alongAxis: 1)
    }
    let extra = k.shape[1] - keys.shape[1]
    var (q, heads) = (split(query(queries)), split(k))  // [B, H, T, D], [B, H, S, D]
    var seen = split(v)
    var padded = bias
    if extra > 0, let bias {
      padded = bias.concatenated(
        with: Tensor(zeros: bias.shape.dropLast() + [extra], bias.elementType),
        alongAxis: bias.rank - 1)
    }
    let visible = extra > 0 ? mask.extended(by: extra, B, headCount, T, keys.shape[1]) : mask
    var factors: (rows: Tensor, keys: Tensor)?
    if emptyRows == .notANumber {
      let found = visible.emptyRowFactors(B, headCount, T, k.shape[1])
      (q, heads, seen) = (q * found.rows, heads * found.keys, seen * found.keys)
      factors = found
    }
    var context = attention(q, heads, seen, mask: visible, bias: padded, probe: probe)
    if let factors { context = context * factors.rows }
    let merged = context.transposed(permutation: [0, 2, 1, 3])
      .reshaped(to: [B, T, output.shape[1]])  // [B, T, E]
    return output(merged)
  }

  /// `[B, T, E]` to `[B, H, T, D]`.
  private func split(_ x: Tensor) -> Tensor {
    x.reshaped(to: [x.shape[0], x.shape[1], headCount, x.shape[2] / headCount])
      .transposed(permutation: [0, 2, 1, 3])
  }
}

extension Mask {
  /// The mask over `extra` more keys, which everybody sees.
  fileprivate func extended(by extra: Int, _ B: Int, _ H: Int, _ T: Int, _ S: Int) -> Mask {
    if case .none = self { return self }
    let visible = visibleCells(batch: B, heads: H, queryCount: T, keyCount: S)
    return .dense(
      visible.concatenated(
        with: Tensor(repeating: true, shape: [B, H, T, extra]), alongAxis: 3))
  }

  /// NaN for rows that see no key and for sequences whose rows all see none, otherwise 1:
  /// `[B, H, T, 1]` and `[B, 1, 1, 1]`.
  fileprivate func emptyRowFactors(
    _ B: Int, _ H: Int, _ T: Int, _ S: Int
  ) -> (rows: Tensor, keys: Tensor) {
    let cells: [Bool] = visibleCells(batch: B, heads: H, queryCount: T, keyCount: S).elements()
    let isEmpty = (0..<B * H * T).map { row in !cells[row * S..<(row + 1) * S].contains(true) }
    let rows = isEmpty.map { $0 ? Float.nan : 1 }
    let keys = (0..<B).map { b in
      isEmpty[b * H * T..<(b + 1) * H * T].allSatisfy { $0 } ? Float.nan : 1
    }
    return (Tensor(rows, shape: [B, H, T, 1]), Tensor(keys, shape: [B, 1, 1, 1]))
  }
}
