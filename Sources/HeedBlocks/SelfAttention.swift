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
    var slots = inputs.flatMap { path, outputs in
      linearSlots(path, layer: layer, outputs: outputs, inputs: width, hasBias: hasInputBias)
    }
    slots += linearSlots(
      "attention.output", layer: layer, outputs: width, inputs: queryWidth,
      hasBias: hasOutputBias, endsBranch: true)
    if let queryKeyNorm {
      slots += ["queryNorm", "keyNorm"].flatMap {
        queryKeyNorm.slots("attention.\($0)", layer: layer, width: headWidth)
      }
    }
    if hasSinks {
      slots.append(WeightSlot("attention.sinks", layer: layer, shape: [headCount]))
    }
    return slots
  }

  func operation(
    layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) -> any BranchOperation {
    SelfAttention(self, layer: layer, weights, packing: packing)
  }
}

/// Self-attention: projections, positions, cache, the fused attention, output projection.
struct SelfAttention: BranchOperation {
  let spec: SelfAttentionSpec
  /// One fused projection, or those of queries, keys and values.
  let inputs: [Linear]
  let output: Linear
  let queryNorm: Norm?
  let keyNorm: Norm?
  /// `[H]`.
  private let sinks: Tensor?
  /// `[H]`.
  private let slopes: Tensor?

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
      inputs = Self.separateInputs(hasBias: bias, layer: layer, weights, packing: packing)
    }
    output = Linear(
      "attention.output", layer: layer, hasBias: spec.hasOutputBias, weights, packing: packing)
    func norm(_ name: String) -> Norm? {
      spec.queryKeyNorm.map { Norm($0, path: "attention.\(name)", layer: layer, weights) }
    }
    queryNorm = norm("queryNorm")
    keyNorm = norm("keyNorm")
    sinks = spec.hasSinks ? weights("attention.sinks", layer) : nil
    slopes = spec.alibiSlopes.map { Tensor($0) }
  }

  /// The projections of queries, keys and values; for inference one packed matrix, so that there is
  /// one product instead of three, unless their weights are blocks of different kinds.
  private static func separateInputs(
    hasBias: Bool, layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) -> [Linear] {
    let names = ["query", "key", "value"].map { "attention.\($0)" }
    let matrices = names.map { weights.matrix($0 + ".weight", layer) }
    let biases = hasBias ? names.map { weights($0 + ".bias", layer) } : []
    if packing != nil, matrices.allSatisfy({ $0.isAlike(matrices[0]) }) {
      let bias = hasBias ? Tensor(concatenating: biases, alongAxis: 0) : nil
      return [Linear(joining: matrices, bias: bias, packing: packing)]
    }
    return matrices.indices.map {
      var linear = Linear(matrices[$0], bias: hasBias ? biases[$0] : nil, packing: packing)
      linear.watch = weights.watch(of: names[$0] + ".weight", layer)
      return linear
    }
  }

  var readsOtherTokens: Bool { true }

  func callAsFunction(
    _ x: Tensor, last: Int?, layer: Int, context: inout BlockContext
  ) -> Tensor {
    var (q, k, v) = projected(x, last: last, context)
    q = queryNorm?(q) ?? q
    k = keyNorm?(k) ?? k
    if let rotary = spec.rotary {
      q = context.turned(q, rotary, tokenCount: x.shape[1])
      k = context.turned(k, rotary)
    }
    let dropout = context.attentionDropout(layer: layer)
    let (precision, probe) = (context.precision, context.probe)
    let seen = context.attended(
      [q], keys: k, values: v, layer: layer, window: spec.window
    ) {
      attended($0[0], $1, $2, precision: precision, dropout: dropout, probe: probe)
    }  // [B, H, T, D]
    let merged = seen.transposed(permutation: [0, 2, 1, 3])
      .reshaped(to: [x.shape[0], q.shape[2], spec.queryWidth])  // [B, T, H * D]
    return output(merged, precision: precision)
  }

  /// The attention itself, `[B, H, T, D]`.
  func attended(
    _ q: Tensor, _ seen: SeenKeys, _ mask: Mask, precision: ProductPrecision,
    dropout: AttentionDropout? = nil, probe: AttentionProbe? = nil
  ) -> Tensor {
    if case .cached(let cache) = seen, cache.elementType == .int8 {
      return attention(
        q, cache, scale: spec.scale, mask: mask, alibi: slopes, softCap: spec.softCap,
        sinks: sinks, precision: precision, probe: probe)
    }
    let (k, v) = seen.tensors
    return attention(
      q, k, v, scale: spec.scale, mask: mask, alibi: slopes, softCap: spec.softCap,
      sinks: sinks, dropout: dropout, precision: precision, probe: probe)
  }

  func inputType(_ precision: ProductPrecision) -> ElementType {
    inputs.allSatisfy { $0.inputType(precision) == .bfloat16 } ? .bfloat16 : .float32
  }

  /// Queries `[B, H, T, D]`, or those of the `last` tokens, keys and values `[B, G, T, D]`.
  private func projected(
    _ x: Tensor, last: Int?, _ context: BlockContext
  ) -> (queries: Tensor, keys: Tensor, values: Tensor) {
    let precision = context.precision
    // Where nothing stands between the projection and the attention, only products read it.
    let isSeenAsItIs =
      spec.rotary == nil && queryNorm == nil && keyNorm == nil && !context.hasCaches
    let type: ElementType =
      isSeenAsItIs && precision == .bfloat16 ? .bfloat16 : .float32
    let (H, G, D) = (spec.headCount, spec.keyValueHeadCount, spec.headWidth)
    func heads(_ linear: Linear, of x: Tensor) -> Tensor {
      linear(x, precision: precision, resultType: type)
        .reshaped(to: [x.shape[0], x.shape[1], linear.shape[0] / D, D])
        .transposed(permutation: [0, 2, 1, 3])
    }
    let asking = x.latest(last, alongAxis: 1)
    if inputs.count == 3 {
      return (heads(inputs[0], of: asking), heads(inputs[1], of: x), heads(inputs[2], of: x))
    }
    // The head axis is cut, not the last one: a view of whole heads costs no copy.
    if asking.shape[1] < x.shape[1], let queries = inputs[0].outputs(0..<H * D),
      let others = inputs[0].outputs(H * D..<(H + 2 * G) * D)
    {
      let seen = heads(others, of: x)  // [B, 2G, T, D]
      return (
        heads(queries, of: asking), seen.sliced(axis: 1, range: 0..<G),
        seen.sliced(axis: 1, range: G..<2 * G)
      )
    }
    let all = heads(inputs[0], of: x)  // [B, H + 2G, T, D]
    return (
      all.sliced(axis: 1, range: 0..<H).latest(last, alongAxis: 2),
      all.sliced(axis: 1, range: H..<H + G), all.sliced(axis: 1, range: H + G..<H + 2 * G)
    )
  }
}
