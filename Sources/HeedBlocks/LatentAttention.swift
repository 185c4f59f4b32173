// Latent attention: keys and values of all heads come from one short vector for each token, and that
// vector, with one rotary key for all heads, is all that a cache keeps (DeepSeek-V2, arXiv 2405.04434,
// section 2.1).
//
//   latent = norm(W_dkv x)                     rotary key = turned(W_kr x)
//   key of head h = [W_uk latent | rotary key]   value of head h = W_uv latent
//
// The same numbers in two orders. Expanded: keys and values of each head are made, for many queries
// at once. Absorbed: (q . W_uk latent) is (W_uk^T q) . latent, so a query goes to the latent space
// instead, where one head of keys [latent | rotary key] and values [latent] serves all query heads:
// plain grouped attention on the cache as it lies, and W_uv after it. Expanding costs O(S) products for
// each step of decoding, absorbing none.

public import HeedAttention
public import HeedTensor

/// What latent attention keeps of each token, one row for all heads.
public struct LatentCache: Sendable {
  /// `[latent | rotary key]` as keys; no values of their own, they are a part of the keys.
  private var rows: KeyValueCache

  /// An empty cache.
  ///
  /// - Parameter elementType: float32 or bfloat16.
  public init(elementType: ElementType = .float32) {
    precondition(
      elementType != .int8, "LatentCache: latents and rotary keys differ too much for one scale")
    rows = KeyValueCache(elementType: elementType)
  }

  /// Tokens in the cache: the position of the next one.
  public var count: Int { rows.count }

  /// Adds `[B, n, C + R]` and gives all rows, `[B, 1, count, C + R]`.
  fileprivate mutating func append(_ tokens: Tensor) -> Tensor {
    let keys = tokens.expanded(axis: 1)  // [B, 1, n, C + R]
    rows.append(keys: keys, values: Tensor(zeros: keys.shape.dropLast() + [0], keys.elementType))
    return rows.keys ?? keys
  }
}

/// Multi-head latent attention with its weights: compressed keys and values, a rotary key of its own,
/// queries perhaps of low rank.
///
/// Letters besides the usual: C width of the latent, R of the rotary part, N of the part of a head
/// without positions, V of its values.
///
/// Source: DeepSeek-AI 2024, arXiv 2405.04434; weights named as in its published checkpoints.
public struct LatentAttention: Sendable {
  /// H.
  public let headCount: Int
  /// C.
  public let latentWidth: Int
  /// N.
  public let plainWidth: Int
  /// V.
  public let valueWidth: Int
  /// Positions of the last R channels of a head.
  public let rotary: Rotary
  /// Factor on the scores.
  public let scale: Float
  /// Of the norms of latents.
  public let epsilon: Double
  /// The way to queries: one matrix, or two with a norm between.
  private let query: Linear
  private let queryDown: Linear?
  private let queryGain: Tensor?
  private let down: Linear
  private let gain: Tensor
  /// `[H (N + V), C]`.
  private let up: Tensor
  private let output: Linear

  /// The layer of the parameters that `parameter` gives: `q_proj.weight`, or `q_a_proj.weight`,
  /// `q_a_layernorm.weight` and `q_b_proj.weight`; `kv_a_proj_with_mqa.weight` `[C + R, E]`,
  /// `kv_a_layernorm.weight` `[C]`, `kv_b_proj.weight` `[H (N + V), C]`, `o_proj.weight` `[E, H V]`;
  /// biases of the projections from and to E.
  ///
  /// - Parameters:
  ///   - rotary: of width R.
  ///   - scale: `1/sqrt(N + R)` when nil, times what YaRN asks for.
  /// - Precondition: the weights are there and fit.
  public init(
    headCount: Int, plainWidth: Int, valueWidth: Int, rotary: Rotary, scale: Double? = nil,
    epsilon: Double = 1e-6, parameter: (_ name: String) -> Tensor?
  ) {
    func required(_ name: String) -> Tensor {
      guard let tensor = parameter(name) else {
        preconditionFailure("LatentAttention: there is no parameter \(name)")
      }
      return tensor
    }
    func projection(_ name: String) -> Linear {
      Linear(weight: required("\(name).weight"), bias: parameter("\(name).bias"))
    }
    let isLowRank = parameter("q_a_proj.weight") != nil
    query = projection(isLowRank ? "q_b_proj" : "q_proj")
    queryDown = isLowRank ? projection("q_a_proj") : nil
    queryGain = isLowRank ? required("q_a_layernorm.weight") : nil
    down = projection("kv_a_proj_with_mqa")
    gain = required("kv_a_layernorm.weight")
    up = required("kv_b_proj.weight")
    output = projection("o_proj")
    latentWidth = up.shape[1]
    precondition(
      up.shape[0] == headCount * (plainWidth + valueWidth)
        && down.weight.shape[0] == latentWidth + rotary.width
        && query.weight.shape[0] == headCount * (plainWidth + rotary.width)
        && output.weight.shape[1] == headCount * valueWidth,
      "LatentAttention: \(headCount) heads of \(plainWidth) + \(rotary.width) and \(valueWidth) do "
        + "not fit weights \(query.weight.shape), \(down.weight.shape), \(up.shape) and "
        + "\(output.weight.shape)")
    self.headCount = headCount
    self.plainWidth = plainWidth
    self.valueWidth = valueWidth
    self.rotary = rotary
    self.epsilon = epsilon
    let plain = 1 / Double(plainWidth + rotary.width).squareRoot()
    self.scale = Float(scale ?? plain * LatentAttention.stretch(rotary.scaling))
  }

  /// YaRN sharpens the softmax of longer contexts; here by a factor on the scores, squared because
  /// it stands for one on queries and one on keys.
  private static func stretch(_ scaling: RotaryScaling) -> Double {
    guard case .yarn(let yarn) = scaling, let scale = yarn.mscaleAllDimensions, scale != 0 else {
      return 1
    }
    let factor = RotaryScaling.YaRN.scale(yarn.factor, scale)
    return factor * factor
  }

  /// What a cache would keep of `x`, `[B, T, E]`: the latents `[B, T, C]` and the rotary keys
  /// `[B, T, R]`, turned to their positions.
  public func latents(_ x: Tensor, positions: [Int]) -> (latent: Tensor, rotaryKey: Tensor) {
    let parts = down(x).split(sizes: [latentWidth, rotary.width], alongAxis: 2)
    let key = rotary.apply(to: parts[1].expanded(axis: 1), positions: positions)  // [B, 1, T, R]
    return (parts[0].rmsNorm(gain: gain, epsilon: epsilon), key.squeezed(axis: 1))
  }

  /// Attends within `x` in the expanded form, for training and whole prompts without a cache.
  ///
  /// - Parameters:
  ///   - x: `[B, T, E]`.
  ///   - positions: of the tokens, `[T]` or `[B * T]`; 0, 1, ... when nil.
  /// - Returns: `[B, T, E]`.
  public func callAsFunction(
    _ x: Tensor, positions: [Int]? = nil, mask: Mask = .causal, probe: AttentionProbe? = nil
  ) -> Tensor {
    let (B, T) = (x.shape[0], x.shape[1])
    let positions = positions ?? Array(0..<T)
    let (latent, rotaryKey) = latents(x, positions: positions)
    let expanded = split(linear(latent, weight: up), plainWidth + valueWidth)
      .split(sizes: [plainWidth, valueWidth], alongAxis: 3)  // [B, H, T, N], [B, H, T, V]
    let shared = rotaryKey.expanded(axis: 1).broadcast(to: [B, headCount, T, rotary.width])
    let keys = expanded[0].concatenated(with: shared, alongAxis: 3)  // [B, H, T, N + R]
    let q = queries(x, positions)
    let context = attention(
      q.plain.concatenated(with: q.turned, alongAxis: 3), keys, expanded[1], scale: scale,
      mask: mask, probe: probe)  // [B, H, T, V]
    return merged(context)
  }

  /// Attends from `x` to everything in `cache` in the absorbed form, for decoding; adds `x` to it.
  ///
  /// - Parameters:
  ///   - x: the next tokens, `[B, T, E]`.
  ///   - cache: what came before; the positions of `x` follow its count.
  /// - Returns: `[B, T, E]`; the same numbers as the expanded form up to rounding.
  public func callAsFunction(
    _ x: Tensor, cache: inout LatentCache, mask: Mask = .causal, probe: AttentionProbe? = nil
  ) -> Tensor {
    let positions = Array(cache.count..<cache.count + x.shape[1])
    let (latent, rotaryKey) = latents(x, positions: positions)
    let keys = cache.append(latent.concatenated(with: rotaryKey, alongAxis: 2))
    let values = keys.sliced(axis: 3, range: 0..<latentWidth)  // a view of the same bytes
    let parts = up.reshaped(to: [headCount, plainWidth + valueWidth, latentWidth])
      .split(sizes: [plainWidth, valueWidth], alongAxis: 1)  // [H, N, C], [H, V, C]
    let q = queries(x, positions)
    let absorbed = q.plain.matrixProduct(parts[0])  // [B, H, T, C]
      .concatenated(with: q.turned, alongAxis: 3)  // [B, H, T, C + R]
    let context = attention(absorbed, keys, values, scale: scale, mask: mask, probe: probe)
    return merged(context.matrixProduct(parts[1].transposed()))  // [B, H, T, V]
  }

  /// The two parts of the queries, `[B, H, T, N]` and `[B, H, T, R]`.
  private func queries(_ x: Tensor, _ positions: [Int]) -> (plain: Tensor, turned: Tensor) {
    var input = x
    if let queryDown { input = queryDown(x).rmsNorm(gain: queryGain, epsilon: epsilon) }
    let parts = split(query(input), plainWidth + rotary.width)
      .split(sizes: [plainWidth, rotary.width], alongAxis: 3)
    return (parts[0], rotary.apply(to: parts[1], positions: positions))
  }

  /// `[B, T, H D]` to `[B, H, T, D]`.
  private func split(_ x: Tensor, _ width: Int) -> Tensor {
    x.reshaped(to: [x.shape[0], x.shape[1], headCount, width]).transposed(permutation: [0, 2, 1, 3])
  }

  /// `[B, H, T, V]` through the output projection.
  private func merged(_ context: Tensor) -> Tensor {
    let (B, T) = (context.shape[0], context.shape[2])
    return output(
      context.transposed(permutation: [0, 2, 1, 3])
        .reshaped(to: [B, T, headCount * valueWidth]))  // [B, T, E]
  }
}
