// Attention that reads keys and values where a cache keeps them. There is one attention: these
// functions only say where its tiles find their rows. An 8-bit or a paged cache is never written out
// as floats; each tile turns the block that it reads into floats in the first cache, so the results
// have the bits of the attention over the same numbers as a tensor.

public import HeedTensor

/// Attention over everything that a cache holds; for inference, without gradients.
///
///     cache.append(keys: k, values: v)
///     let out = attention(q, cache)
///
/// - Parameters:
///   - queries: `[B, H, T, D]`; the last one stands at the last key.
///   - cache: of G key/value heads, H a multiple of G, and at least one key.
///   - mask: which keys a query may see.
/// - Other parameters, the result and its order of operations are those of
///   `attention(_:_:_:scale:mask:bias:alibi:softCap:sinks:dropout:rule:precision:probe:)`.
/// - Complexity: memory O(B·H·T) besides the cache, also where the cache has 8 bits.
public func attention(
  _ queries: Tensor, _ cache: KeyValueCache, scale: Float? = nil, mask: Mask = .causal,
  bias: Tensor? = nil, alibi: Tensor? = nil, softCap: Float? = nil, sinks: Tensor? = nil,
  rule: ScoreRule? = nil, precision: ProductPrecision = .float32, probe: AttentionProbe? = nil
) -> Tensor {
  if let stored = cache.stored {
    return attention(
      queries, stored, scale: scale, mask: mask, bias: bias, alibi: alibi, softCap: softCap,
      sinks: sinks, rule: rule, precision: precision, probe: probe)
  }
  guard let keys = cache.keys, let values = cache.values else {
    preconditionFailure("attention: queries \(queries.shape) for an empty cache")
  }
  return attention(
    queries.detached(), keys, values, scale: scale, mask: mask, bias: bias?.detached(),
    alibi: alibi?.detached(), softCap: softCap, sinks: sinks?.detached(), rule: rule?.detached(),
    precision: precision, probe: probe)
}

/// Attention in the space of latents over an 8-bit cache of them; for inference, without gradients.
///
/// - Parameters:
///   - queries: `[B, H, T, C + R]`.
///   - cache: of 8 bits; its keys are latents `[B, 1, S, C]`, its values rotary keys `[B, 1, S, R]`.
/// - Returns: `[B, H, T, C]`, the sum of latents, whose weights come from both side by side as keys.
package func attention(
  _ queries: Tensor, latents cache: KeyValueCache, scale: Float, mask: Mask,
  precision: ProductPrecision, probe: AttentionProbe?
) -> Tensor {
  guard let stored = cache.storedLatents else {
    preconditionFailure(
      "attention: queries \(queries.shape) for latents of \(cache.elementType), \(cache.count) keys"
    )
  }
  return attention(
    queries, stored, scale: scale, mask: mask, bias: nil, alibi: nil, softCap: nil, sinks: nil,
    rule: nil, precision: precision, probe: probe)
}

/// Attention of several sequences over their pages; for inference, without gradients.
///
/// - Parameters:
///   - queries: `[B, H, T, D]`, of one sequence each; the last one of a sequence stands at its last
///     key.
///   - cache: the pages of all sequences.
///   - sequences: which pages, for each of the B sequences.
///   - mask: which keys a query may see; when nil, those up to its own place. Key s is the s-th of
///     its own sequence. Masks that count from the end of the keys (`.causal`, `.window`) count from
///     the end of the longest sequence: where lengths differ, take `.causal(.lengths(counts))`.
/// - Other parameters, the result and its order of operations are those of
///   `attention(_:_:_:scale:mask:bias:alibi:softCap:sinks:dropout:rule:precision:probe:)`, with the
///   keys of the longest sequence for S.
/// - Source: Kwon et al. 2023, arXiv 2309.06180.
public func attention(
  _ queries: Tensor, _ cache: PagedKeyValueCache, _ sequences: [PagedSequence],
  scale: Float? = nil, mask: Mask? = nil, bias: Tensor? = nil, alibi: Tensor? = nil,
  softCap: Float? = nil, sinks: Tensor? = nil, rule: ScoreRule? = nil,
  precision: ProductPrecision = .float32, probe: AttentionProbe? = nil
) -> Tensor {
  cache.check(sequences)
  let stored = StoredKeyValues(
    keys: .paged(cache.keys, sequences), values: .paged(cache.values, sequences))
  let counts = sequences.map(\.count)
  return attention(
    queries, stored, scale: scale, mask: (mask ?? .causal(.lengths(counts))) & .keyLengths(counts),
    bias: bias, alibi: alibi, softCap: softCap, sinks: sinks, rule: rule,
    precision: cache.keys.elementType == .bfloat16 ? .bfloat16 : precision, probe: probe)
}

private func attention(
  _ queries: Tensor, _ stored: StoredKeyValues, scale: Float?, mask: Mask, bias: Tensor?,
  alibi: Tensor?, softCap: Float?, sinks: Tensor?, rule: ScoreRule?, precision: ProductPrecision,
  probe: AttentionProbe?
) -> Tensor {
  let parts = AttentionParts(
    bias: bias?.detached(), slopes: alibi?.floats, softCap: softCap, sinks: sinks?.floats,
    change: rule?.detached())
  let q = queries.detached()
  let (keys, values) = (stored.keys.shape, stored.values.shape)
  let plan = AttentionPlan(
    queries: q, keys: keys, values: values, scale: scale, mask: mask, parts: parts,
    precision: q.elementType == .bfloat16 ? .bfloat16 : precision)
  let forward = FusedForward(plan, queries: q, keys: keys, values: values, stored: stored)
  forward.run()
  if let probe {
    // A copy: the probe may look after the cache has gone on.
    probe.record(forward, queries: q, keys: stored.keys.tensor())
  }
  return forward.result(queries.elementType)
}
