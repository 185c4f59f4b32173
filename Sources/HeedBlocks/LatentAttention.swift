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
// plain grouped attention on the cache as it lies, and W_uv after it. Expanding costs S products,
// absorbing T products and wider scores: which is cheaper is a matter of T alone
// (`LatentAttentionSpec.expandedFrom`). Always expanding would make each step of decoding O(S)
// products; always absorbing makes long prompts several times as slow.

public import HeedAttention
public import HeedTensor

/// Multi-head latent attention with its weights: compressed keys and values, a rotary key of its own,
/// queries perhaps of low rank.
///
/// Letters besides the usual: C width of the latent, R of the rotary part, N of the part of a head
/// without positions, V of its values.
///
/// Source: DeepSeek-AI 2024, arXiv 2405.04434; weights named as in its published checkpoints.
public struct LatentAttention: BranchOperation {
  /// What it is.
  public let spec: LatentAttentionSpec
  /// Factor on the scores.
  public var scale: Float { spec.scale }
  /// The way to queries: one matrix, or two with a norm between.
  private let query: Linear
  private let queryDown: Linear?
  private let queryGain: Tensor?
  private let down: Linear
  private let gain: Tensor
  /// `[H (N + V), C]`.
  private let up: Linear
  /// The same weight as numbers, for the absorbed form.
  private let expansion: Tensor
  private let output: Linear
  /// Told what `up` makes heads of, and the queries that the absorbed form takes through it.
  private var latentWatch: (@Sendable (Tensor) -> Void)?
  private var queryWatches: [@Sendable (Tensor) -> Void] = []

  /// What an `InputWatch` hears the queries of a head under, `[.., N]`, which the absorbed form multiplies by
  /// the head's keys in the expansion.
  package static func queryPath(head: Int) -> String { "attention.expansion.queries.\(head)" }

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
    up = projection("kv_b_proj")
    expansion = required("kv_b_proj.weight")
    output = projection("o_proj")
    spec = LatentAttentionSpec(
      headCount: headCount, latentWidth: up.shape[1],
      queryLatentWidth: queryDown?.shape[0], plainWidth: plainWidth,
      valueWidth: valueWidth, rotary: rotary, scale: scale, epsilon: epsilon,
      hasBias: down.bias != nil)
    precondition(
      up.shape[0] == headCount * (plainWidth + valueWidth)
        && down.shape[0] == spec.rowWidth
        && query.shape[0] == headCount * spec.queryWidth
        && output.shape[1] == headCount * valueWidth,
      "LatentAttention: \(headCount) heads of \(plainWidth) + \(rotary.width) and \(valueWidth) do "
        + "not fit weights \(query.shape), \(down.shape), \(up.shape) and "
        + "\(output.shape)")
  }

  /// The layer of `spec` with the weights of block `layer`.
  init(
    _ spec: LatentAttentionSpec, layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) {
    func linear(_ name: String, hasBias: Bool = false) -> Linear {
      Linear("attention.\(name)", layer: layer, hasBias: hasBias, weights, packing: packing)
    }
    self.spec = spec
    let isLowRank = spec.queryLatentWidth != nil
    query = linear(isLowRank ? "queryUp" : "query")
    queryDown = isLowRank ? linear("queryDown", hasBias: spec.hasBias) : nil
    queryGain = isLowRank ? weights("attention.queryNorm.gain", layer) : nil
    down = linear("latent", hasBias: spec.hasBias)
    gain = weights("attention.latentNorm.gain", layer)
    var up = linear("expansion")
    // Told here, in either form.
    (latentWatch, up.watch) = (up.watch, nil)
    self.up = up
    queryWatches = (0..<spec.headCount).compactMap {
      weights.watch(of: Self.queryPath(head: $0), layer)
    }
    expansion = weights("attention.expansion.weight", layer)
    output = linear("output", hasBias: spec.hasBias)
  }

  /// What a cache would keep of `x`, `[B, T, E]`: the latents `[B, T, C]` and the rotary keys
  /// `[B, T, R]`, turned to their positions.
  public func latents(_ x: Tensor, positions: [Int]) -> (latent: Tensor, rotaryKey: Tensor) {
    latents(x, .float32) { spec.rotary.apply(to: $0, positions: positions) }
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
    let positions = positions ?? Array(0..<x.shape[1])
    let turn: (Tensor) -> Tensor = { spec.rotary.apply(to: $0, positions: positions) }
    let (latent, rotaryKey) = latents(x, .float32, turn)
    let look = Look(mask: mask, probe: probe)
    return expanded(
      queries(x, .float32, turn), rows: LatentRows(latent, rotaryKey).tensor, look)
  }

  /// Attends from `x` to everything in `cache` in the absorbed form, for decoding; adds `x` to it.
  ///
  /// - Parameters:
  ///   - x: the next tokens, `[B, T, E]`.
  ///   - cache: what came before; the positions of `x` follow its count.
  /// - Returns: `[B, T, E]`; the same numbers as the expanded form up to rounding, that of an 8-bit cache
  ///   included.
  public func callAsFunction(
    _ x: Tensor, cache: inout LatentCache, mask: Mask = .causal, probe: AttentionProbe? = nil
  ) -> Tensor {
    let positions = Array(cache.count..<cache.count + x.shape[1])
    let turn: (Tensor) -> Tensor = { spec.rotary.apply(to: $0, positions: positions) }
    let (latent, rotaryKey) = latents(x, .float32, turn)
    let rows = cache.append(latent, rotaryKey)
    return absorbed(queries(x, .float32, turn), rows: rows, Look(mask: mask, probe: probe))
  }

  var readsOtherTokens: Bool { true }

  func callAsFunction(
    _ x: Tensor, last: Int?, layer: Int, context: inout BlockContext
  ) -> Tensor {
    let precision = context.precision
    let (latent, rotaryKey) = latents(x, precision) { context.turned($0, spec.rotary) }
    let q = queries(x, precision) { context.turned($0, spec.rotary) }
    latentWatch?(latent)
    for (head, watch) in queryWatches.enumerated() { watch(q.plain.entry(head, axis: 1)) }
    let added = LatentRows.kept(latent, rotaryKey, as: context.cacheType(layer: layer))
    let isExpanded = !context.keepsBitsInPieces && x.shape[1] >= spec.expandedFrom
    let dropout = context.attentionDropout(layer: layer)
    let probe = context.probe
    return context.attended(
      [q.plain, q.turned].map { $0.latest(last, alongAxis: 2) }, keys: added.keys,
      values: added.values, layer: layer
    ) { q, seen, mask in
      let rows = LatentRows(seen)
      let look = Look(mask: mask, probe: probe, dropout: dropout, precision: precision)
      return isExpanded
        ? expanded((q[0], q[1]), rows: rows.tensor, look) : absorbed((q[0], q[1]), rows: rows, look)
    }
  }

  /// How an attention looks.
  private struct Look {
    var mask: Mask
    var probe: AttentionProbe?
    var dropout: AttentionDropout?
    var precision = ProductPrecision.float32
  }

  private func latents(
    _ x: Tensor, _ precision: ProductPrecision, _ turn: (Tensor) -> Tensor
  ) -> (latent: Tensor, rotaryKey: Tensor) {
    let parts = down(x, precision: precision)
      .split(sizes: [spec.latentWidth, spec.rotary.width], alongAxis: 2)
    let key = turn(parts[1].expanded(axis: 1))  // [B, 1, T, R]
    return (parts[0].rmsNorm(gain: gain, epsilon: spec.epsilon), key.squeezed(axis: 1))
  }

  /// The two parts of the queries, `[B, H, T, N]` and `[B, H, T, R]`.
  private func queries(
    _ x: Tensor, _ precision: ProductPrecision, _ turn: (Tensor) -> Tensor
  ) -> (plain: Tensor, turned: Tensor) {
    var input = x
    if let queryDown {
      input = queryDown(x, precision: precision).rmsNorm(gain: queryGain, epsilon: spec.epsilon)
    }
    let parts = split(query(input, precision: precision), spec.queryWidth)
      .split(sizes: [spec.plainWidth, spec.rotary.width], alongAxis: 3)
    return (parts[0], turn(parts[1]))
  }

  /// Keys and values of every head made from `rows` `[B, 1, S, C + R]`.
  private func expanded(
    _ q: (plain: Tensor, turned: Tensor), rows: Tensor, _ look: Look
  ) -> Tensor {
    let rows = rows.converted(to: q.plain.elementType)
    let (B, S) = (rows.shape[0], rows.shape[2])
    let parts = rows.squeezed(axis: 1)
      .split(sizes: [spec.latentWidth, spec.rotary.width], alongAxis: 2)
    let heads = split(up(parts[0], precision: look.precision), spec.plainWidth + spec.valueWidth)
      .split(sizes: [spec.plainWidth, spec.valueWidth], alongAxis: 3)  // [B, H, S, N], [.., V]
    let shared = parts[1].expanded(axis: 1)
      .broadcast(to: [B, spec.headCount, S, spec.rotary.width])
    return merged(
      attention(
        q.plain.concatenated(with: q.turned, alongAxis: 3),
        heads[0].concatenated(with: shared, alongAxis: 3), heads[1], scale: scale,
        mask: look.mask, dropout: look.dropout, precision: look.precision, probe: look.probe),
      look.precision)
  }

  /// Queries taken to the space of `rows`.
  private func absorbed(
    _ q: (plain: Tensor, turned: Tensor), rows: LatentRows, _ look: Look
  ) -> Tensor {
    let parts =
      expansion
      .reshaped(to: [spec.headCount, spec.plainWidth + spec.valueWidth, spec.latentWidth])
      .split(sizes: [spec.plainWidth, spec.valueWidth], alongAxis: 1)  // [H, N, C], [H, V, C]
    let absorbed = q.plain.matrixProduct(parts[0], precision: look.precision)  // [B, H, T, C]
      .concatenated(with: q.turned, alongAxis: 3)  // [B, H, T, C + R]
    let context: Tensor
    switch rows {
    case .joined(let rows):
      let values = rows.sliced(axis: 3, range: 0..<spec.latentWidth)  // a view of the same bytes
      context = attention(
        absorbed, rows, values, scale: scale, mask: look.mask, dropout: look.dropout,
        precision: look.precision, probe: look.probe)
    case .apart(let cache):
      context = attention(
        absorbed, latents: cache, scale: scale, mask: look.mask, precision: look.precision,
        probe: look.probe)
    }
    return merged(
      context.matrixProduct(parts[1].transposed(), precision: look.precision), look.precision)
  }

  /// `[B, T, H D]` to `[B, H, T, D]`.
  private func split(_ x: Tensor, _ width: Int) -> Tensor {
    x.reshaped(to: [x.shape[0], x.shape[1], spec.headCount, width])
      .transposed(permutation: [0, 2, 1, 3])
  }

  /// `[B, H, T, V]` through the output projection.
  private func merged(_ context: Tensor, _ precision: ProductPrecision) -> Tensor {
    let (B, T) = (context.shape[0], context.shape[2])
    let flat = context.transposed(permutation: [0, 2, 1, 3])
      .reshaped(to: [B, T, spec.headCount * spec.valueWidth])
    return output(flat, precision: precision)  // [B, T, E]
  }
}
