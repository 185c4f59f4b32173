// The two looks of differential attention as one attention of all heads: head h of the second half
// is subtracted from head h of the first, and both read values of twice the width, those of the
// pair side by side. One call of the fused attention, one record of a probe.

public import HeedAttention
public import HeedTensor

/// The attention of DiffLlama as data.
public struct DifferentialAttentionSpec: Sendable, Hashable {
  /// H, even.
  public var headCount: Int
  /// G.
  public var keyValueHeadCount: Int
  /// D.
  public var headWidth: Int
  /// Positions of queries and keys.
  public var rotary: Rotary
  /// Of the norm of each pair of heads.
  public var epsilon: Double
  /// Whether the projections have biases.
  public var hasBias: Bool

  /// Differential attention over `headCount / 2` pairs of heads.
  public init(
    headCount: Int, keyValueHeadCount: Int, headWidth: Int, rotary: Rotary,
    epsilon: Double = 1e-5, hasBias: Bool = false
  ) {
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headWidth = headWidth
    self.rotary = rotary
    self.epsilon = epsilon
    self.hasBias = hasBias
  }

  func slots(layer: Int, width: Int) -> [WeightSlot] {
    let widths = [("query", headCount), ("key", keyValueHeadCount), ("value", keyValueHeadCount)]
    return widths.flatMap { name, heads in
      linearSlots(
        "attention.\(name)", layer: layer, outputs: heads * headWidth, inputs: width,
        hasBias: hasBias)
    }
      + linearSlots(
        "attention.output", layer: layer, outputs: width, inputs: headCount * headWidth,
        hasBias: hasBias, endsBranch: true)
      + ["query1", "key1", "query2", "key2"].map {
        WeightSlot("attention.lambda.\($0)", layer: layer, shape: [headWidth])
      }
  }

  func operation(
    layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) -> any BranchOperation {
    DifferentialSelfAttention(self, layer: layer, weights, packing: packing)
  }
}

/// The self-attention layer of DiffLlama: heads in two halves, of which head h of the second half is
/// subtracted from head h of the first; both share values of twice the width.
///
/// Source: Ye et al. 2024, arXiv 2410.05258, with the pairing of heads of the published layer.
public struct DifferentialSelfAttention: BranchOperation {
  /// What it is.
  public let spec: DifferentialAttentionSpec
  private let query: Linear
  private let key: Linear
  private let value: Linear
  private let output: Linear
  private let factor: DifferentialFactor

  /// The layer of the parameters that `parameter` gives: `q_proj.weight`, `k_proj.weight`,
  /// `v_proj.weight`, `o_proj.weight`, their biases, and `lambda_q1`, `lambda_k1`, `lambda_q2`,
  /// `lambda_k2`.
  ///
  /// - Parameter layer: counted from 0.
  /// - Precondition: `headCount` is even and the weights are there.
  public init(
    headCount: Int, keyValueHeadCount: Int, layer: Int, rotary: Rotary, epsilon: Double = 1e-5,
    parameter: (_ name: String) -> Tensor?
  ) {
    precondition(
      headCount % 2 == 0 && headCount % keyValueHeadCount == 0,
      "DifferentialSelfAttention: \(headCount) heads on \(keyValueHeadCount) have no two halves")
    func required(_ name: String) -> Tensor {
      guard let tensor = parameter(name) else {
        preconditionFailure("DifferentialSelfAttention: there is no parameter \(name)")
      }
      return tensor
    }
    func projection(_ name: String) -> Linear {
      Linear(weight: required("\(name).weight"), bias: parameter("\(name).bias"))
    }
    (query, key) = (projection("q_proj"), projection("k_proj"))
    (value, output) = (projection("v_proj"), projection("o_proj"))
    spec = DifferentialAttentionSpec(
      headCount: headCount, keyValueHeadCount: keyValueHeadCount,
      headWidth: query.shape[0] / headCount, rotary: rotary, epsilon: epsilon,
      hasBias: query.bias != nil)
    factor = DifferentialFactor(
      query1: required("lambda_q1"), key1: required("lambda_k1"), query2: required("lambda_q2"),
      key2: required("lambda_k2"), layer: layer)
  }

  /// The layer of `spec` with the weights of block `layer`.
  init(
    _ spec: DifferentialAttentionSpec, layer: Int, _ weights: WeightLookup,
    packing: ProductPrecision?
  ) {
    func linear(_ name: String) -> Linear {
      Linear("attention.\(name)", layer: layer, hasBias: spec.hasBias, weights, packing: packing)
    }
    func vector(_ name: String) -> Tensor { weights("attention.lambda.\(name)", layer) }
    self.spec = spec
    (query, key, value, output) = (
      linear("query"), linear("key"), linear("value"), linear("output")
    )
    factor = DifferentialFactor(
      query1: vector("query1"), key1: vector("key1"), query2: vector("query2"),
      key2: vector("key2"), layer: layer)
  }

  /// Attends within `x`, `[B, T, E]` to `[B, T, E]`.
  ///
  /// - Parameters:
  ///   - positions: of the tokens, `[T]`; 0, 1, ... when nil.
  ///   - probe: is told of one call with the weights of all heads, before the difference.
  public func callAsFunction(
    _ x: Tensor, positions: [Int]? = nil, mask: Mask = .causal, probe: AttentionProbe? = nil
  ) -> Tensor {
    var context = BlockContext(
      mask: mask, positions: positions ?? Array(0..<x.shape[1]), probe: probe)
    return self(x, last: nil, layer: 0, context: &context)
  }

  var readsOtherTokens: Bool { true }

  func callAsFunction(
    _ x: Tensor, last: Int?, layer: Int, context: inout BlockContext
  ) -> Tensor {
    let (H, G, precision) = (spec.headCount, spec.keyValueHeadCount, context.precision)
    let q = context.turned(split(query(x, precision: precision), H), spec.rotary)
      .latest(last, alongAxis: 2)  // [B, H, T, D]
    let turned = context.turned(split(key(x, precision: precision), G), spec.rotary)
    // A query head reads the keys of its own group, but the values of the pair it belongs to.
    let dropout = context.attentionDropout(layer: layer)
    let probe = context.probe
    let looks = context.attended(
      [q], keys: isPaired ? turned : turned.repeatedHeads(H / G),
      values: paired(split(value(x, precision: precision), G)), layer: layer
    ) { q, seen, mask in
      let (k, v) = seen.tensors
      return attention(
        q[0], k, v, mask: mask, dropout: dropout, precision: precision, probe: probe)
    }.split(count: 2, alongAxis: 1)  // [B, H / 2, T, 2D] each
    let difference = factor.difference(looks[0], looks[1], gain: nil, epsilon: spec.epsilon)
    let merged = difference.transposed(permutation: [0, 2, 1, 3])  // [B, T, H / 2, 2D]
      .reshaped(to: [x.shape[0], q.shape[2], H * spec.headWidth])
    return output(merged, precision: precision)
  }

  /// Whether the groups of keys fall into two halves too; otherwise each head gets its own.
  private var isPaired: Bool { spec.keyValueHeadCount % 2 == 0 }

  /// Value head g beside g + G / 2, twice: `[B, G, T, D]` to `[B, G, T, 2D]`.
  private func paired(_ x: Tensor) -> Tensor {
    let heads = isPaired ? x : x.repeatedHeads(spec.headCount / spec.keyValueHeadCount)
    let halves = heads.split(count: 2, alongAxis: 1)
    let pairs = halves[0].concatenated(with: halves[1], alongAxis: 3)
    return pairs.concatenated(with: pairs, alongAxis: 1)
  }

  /// `[B, T, H D]` to `[B, H, T, D]`.
  private func split(_ x: Tensor, _ heads: Int) -> Tensor {
    x.reshaped(to: [x.shape[0], x.shape[1], heads, spec.headWidth])
      .transposed(permutation: [0, 2, 1, 3])
  }
}
