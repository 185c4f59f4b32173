public import HeedTensor

/// Weighted sum of `values`, weights from how well each query matches each key.
///
/// For every query t: `out[t] = sum over s of softmax_s(scale * q[t].k[s] + bias[t, s]) v[s]`,
/// computed tile by tile without ever holding the weights. Order: scale, soft cap, bias and ALiBi,
/// rule, mask, softmax; softmax statistics in float32.
///
///     let out = attention(q, k, v, mask: .causal)
///
/// Heads that a projection wrote side by side in each token (transposed views) are read where they lie,
/// and contexts and gradients are laid out like them.
///
/// Gradients flow to queries, keys, values, `bias`, `alibi`, `sinks` and the tables of `rule`, through
/// the soft cap and the rule. Results have the same bits for every number of threads, for any other sequences of
/// the batch, and for queries asked together or one by one.
///
/// - Parameters:
///   - queries: `[B, H, T, D]`, float32, bfloat16 or float16; in float64 the slow twin computes, in
///     whole matrices and without a rule.
///   - keys: `[B, G, S, D]`, H a multiple of G.
///   - values: `[B, G, S, Dv]`.
///   - scale: factor on the dot products; `1/sqrt(D)` when nil.
///   - mask: which keys a query may see.
///   - bias: added to the scores; broadcastable to `[B, H, T, S]`.
///   - alibi: slopes `[H]`; adds `-slope * |t + S - T - s|` (Press et al. 2021, arXiv 2108.12409).
///   - softCap: scores become `cap * tanh(score / cap)` (Gemma 2, arXiv 2408.00118).
///   - sinks: one more logit for each head `[H]`, whose mass goes nowhere (gpt-oss).
///   - dropout: weights that become zero, in training.
///   - rule: the user's own change of the scores.
///   - precision: of the factors; bfloat16 inputs always use bfloat16 products.
///   - probe: is told log-sum-exps and what is needed to compute weights, in float32; never changes
///     the result.
/// - Returns: `[B, H, T, Dv]`, of the element type of `queries`. A query that may see no key gives
///   zeros.
/// - Precondition: the shapes fit as above; the message names them.
/// - Complexity: O(B·H·T·S·D) time, O(B·G·S·D + B·H·T) extra memory.
/// - Source: Vaswani et al. 2017, arXiv 1706.03762; online softmax: Milakov & Gimelshein 2018,
///   arXiv 1805.02867; Dao 2023, arXiv 2307.08691.
public func attention(
  _ queries: Tensor, _ keys: Tensor, _ values: Tensor, scale: Float? = nil, mask: Mask = .none,
  bias: Tensor? = nil, alibi: Tensor? = nil, softCap: Float? = nil, sinks: Tensor? = nil,
  dropout: AttentionDropout? = nil, rule: ScoreRule? = nil,
  precision: ProductPrecision = .float32, probe: AttentionProbe? = nil
) -> Tensor {
  if queries.elementType == .float64 {
    precondition(rule == nil, "attention: in float64 there is no rule")
    if let probe {
      // Only to be looked at: float64 keeps no log-sum-exps.
      func single(_ tensor: Tensor) -> Tensor { tensor.detached().converted(to: .float32) }
      _ = attention(
        single(queries), single(keys), single(values), scale: scale, mask: mask,
        bias: bias.map(single), alibi: alibi.map(single), softCap: softCap,
        sinks: sinks.map(single), probe: probe)
    }
    return referenceAttention(
      queries, keys, values, scale: scale, mask: mask, bias: bias, alibi: alibi,
      softCap: softCap, sinks: sinks, dropout: dropout
    ).output
  }
  let isHalf = [queries, keys, values].contains { $0.elementType == .bfloat16 }
  let parts = AttentionParts(
    bias: bias?.detached(), slopes: alibi?.floats, softCap: softCap, sinks: sinks?.floats,
    change: rule?.detached(), dropout: dropout)
  let (q, k, v) = (queries.detached(), keys.detached(), values.detached())
  let plan = AttentionPlan(
    queries: q, keys: k, values: v, scale: scale, mask: mask, parts: parts,
    precision: isHalf ? .bfloat16 : precision)
  let forward = FusedForward(plan, queries: q, keys: k, values: v)
  forward.run()
  probe?.record(forward, queries: q, keys: k)
  let output = forward.result(queries.elementType)
  let inputs =
    [queries, keys, values] + [bias, alibi, sinks].compactMap { $0 } + (rule?.tables ?? [])
  guard let tape = inputs.lazy.compactMap({ $0.trace?.tape }).first else { return output }
  let wantsBias = bias?.trace != nil
  return tape.record(output, from: inputs) {
    [
      forward = forward.kept, wantsBias, hasBias = bias != nil, hasSlopes = alibi != nil,
      types = inputs.map(\.elementType), shapes = inputs.map(\.shape)
    ] gradient in
    let backward = FusedBackward(
      plan, queries: q, keys: k, values: v, forward: forward, gradient: gradient,
      wantsBias: wantsBias)
    backward.run()
    var gradients: [Tensor?] = [
      backward.finishedQueryGradient(), backward.gradients.keys, backward.gradients.values,
    ]
    if hasBias { gradients.append(backward.biasGradient) }
    if hasSlopes { gradients.append(backward.slopeGradient()) }
    if let sinks = plan.parts.sinks { gradients.append(backward.sinkGradient(sinks)) }
    gradients += backward.tableSums?.gradients() ?? []
    return gradients.enumerated().map { i, part in
      part?.sum(to: shapes[i]).converted(to: types[i])
    }
  }
}

extension Tensor {
  /// The elements of a small parameter as floats.
  var floats: [Float] { detached().converted(to: .float32).elements() }
}
