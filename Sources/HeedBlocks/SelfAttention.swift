import HeedAttention
import HeedTensor

extension SelfAttentionSpec {
  var queryWidth: Int { headCount * headWidth }
  var keyWidth: Int { keyValueHeadCount * headWidth }

  func slots(layer: Int, width: Int) -> [WeightSlot] {
    let inputs: [(String, Int)] =
      isFused
      ? [("attention.input", queryWidth + 2 * keyWidth)]
      : [
        ("attention.query", queryWidth), ("attention.key", keyWidth), ("attention.value", keyWidth),
      ]
    return inputs.flatMap { path, outputs in
      linearSlots(path, layer: layer, outputs: outputs, inputs: width, hasBias: hasInputBias)
    }
      + linearSlots(
        "attention.output", layer: layer, outputs: width, inputs: queryWidth,
        hasBias: hasOutputBias)
  }
}

/// Self-attention: projections, positions, cache, the fused attention, output projection.
struct SelfAttention: Sendable {
  let spec: SelfAttentionSpec
  /// One fused projection, or those of queries, keys and values.
  private let inputs: [Linear]
  private let output: Linear

  init(
    _ spec: SelfAttentionSpec, layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) {
    self.spec = spec
    let bias = spec.hasInputBias
    if spec.isFused {
      inputs = [
        Linear("attention.input", layer: layer, hasBias: bias, weights, packing: packing)
      ]
    } else {
      let parts = ["query", "key", "value"].map {
        Linear("attention.\($0)", layer: layer, hasBias: bias, weights, packing: nil)
      }
      // For inference one packed matrix: one product instead of three.
      inputs =
        packing == nil
        ? parts
        : [
          Linear(
            weight: parts[0].weight.concatenated(with: parts[1].weight, alongAxis: 0)
              .concatenated(with: parts[2].weight, alongAxis: 0),
            bias: bias ? Self.joined(parts.compactMap(\.bias)) : nil, packing: packing)
        ]
    }
    output = Linear(
      "attention.output", layer: layer, hasBias: spec.hasOutputBias, weights, packing: packing)
  }

  private static func joined(_ parts: [Tensor]) -> Tensor {
    parts.dropFirst().reduce(parts[0]) { $0.concatenated(with: $1, alongAxis: 0) }
  }

  /// `[B, T, E]` to `[B, T, E]`.
  func callAsFunction(_ x: Tensor, layer: Int, context: inout BlockContext) -> Tensor {
    let (B, T) = (x.shape[0], x.shape[1])
    var (q, k, v) = projected(x, context.precision)
    if let rotary = spec.rotary {
      q = context.turned(q, rotary)
      k = context.turned(k, rotary)
    }
    if layer < context.caches.count {
      context.caches[layer].append(keys: k, values: v)
      k = context.caches[layer].keys ?? k
      v = context.caches[layer].values ?? v
    }
    var mask = context.mask
    if let window = spec.window { mask = mask & .window(left: window - 1, right: nil) }
    let dropout = context.dropout.flatMap { settings in
      settings.attentionRate > 0
        ? AttentionDropout(
          rate: settings.attentionRate,
          seed: settings.seed ^ settings.counter(layer: layer, branch: 1000)) : nil
    }
    let seen = attention(
      q, k, v, scale: spec.scale, mask: mask, dropout: dropout, precision: context.precision,
      probe: context.probe)  // [B, H, T, D]
    let merged = seen.transposed(permutation: [0, 2, 1, 3])
      .reshaped(to: [B, T, spec.queryWidth])  // [B, T, H * D]
    return output(merged, precision: context.precision)
  }

  /// Queries `[B, H, T, D]`, keys and values `[B, G, T, D]`.
  private func projected(
    _ x: Tensor, _ precision: ProductPrecision
  ) -> (queries: Tensor, keys: Tensor, values: Tensor) {
    let (B, T) = (x.shape[0], x.shape[1])
    let (H, G, D) = (spec.headCount, spec.keyValueHeadCount, spec.headWidth)
    func heads(_ part: Tensor, _ count: Int) -> Tensor {
      part.reshaped(to: [B, T, count, D]).transposed(permutation: [0, 2, 1, 3])
    }
    if inputs.count == 3 {
      return (
        heads(inputs[0](x, precision: precision), H), heads(inputs[1](x, precision: precision), G),
        heads(inputs[2](x, precision: precision), G)
      )
    }
    // The head axis is cut, not the last one: a view of whole heads costs no copy.
    let all = inputs[0](x, precision: precision)
      .reshaped(to: [B, T, H + 2 * G, D])
      .transposed(permutation: [0, 2, 1, 3])  // [B, H + 2G, T, D]
    return (
      all.sliced(axis: 1, range: 0..<H), all.sliced(axis: 1, range: H..<H + G),
      all.sliced(axis: 1, range: H + G..<H + 2 * G)
    )
  }
}
