import HeedAttention
import HeedBlocks
import HeedFormats
import HeedTensor

/// `nn.MultiheadAttention` (`ops_mha/multihead_attention`). True in a mask means hidden there.
struct MultiHeadRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "d_output")
    let heads = referenceCase.integer("num_heads") ?? 1
    let isBatchFirst = referenceCase.flag("batch_first")
    func batchFirst(_ x: Tensor) -> Tensor {
      isBatchFirst ? x : x.transposed(permutation: [1, 0, 2])
    }
    let layer = MultiHeadAttention(
      headCount: heads, addsZeroKey: referenceCase.flag("add_zero_attn")
    ) { step.optional("w." + $0) }
    let query = batchFirst(try step.input("query"))
    let key = step.optional("key").map(batchFirst) ?? query
    let value = step.optional("value").map(batchFirst) ?? key
    let (B, T, S) = (query.shape[0], query.shape[1], key.shape[1])
    var (mask, bias): (Mask, Tensor?) = (.none, nil)
    if let given = step.optional("attn_mask") {
      // [T, S], or [B * H, T, S].
      let shaped =
        given.rank == 2
        ? given.reshaped(to: [1, 1, T, S]) : given.reshaped(to: [B, heads, T, S])
      if given.elementType == .bool { mask = mask & .hiding(shaped) } else { bias = shaped }
    }
    if let padding = step.optional("key_padding_mask") {
      mask = mask & .hiding(padding.reshaped(to: [B, 1, 1, S]))
    }
    let needsWeights = referenceCase.flag("need_weights")
    let probe = AttentionProbe()
    let output = batchFirst(
      layer(
        query, key, value, mask: mask, bias: bias,
        emptyRows: needsWeights ? .notANumber : .zeros, probe: probe))
    var values = ["output": output]
    if needsWeights, let record = probe.records.first {
      let keys = record.shape[3]
      var weights = Tensor(zeros: [B, heads, T, keys])
      weights = (0..<B * heads).reduce(weights) { all, index in
        let (b, h) = index.quotientAndRemainder(dividingBy: heads)
        return all.replacingRows(
          at: index, with: record.weights(batch: b, head: h), in: [B * heads, T, keys])
      }
      let lse: [Float] = record.logSumExp.elements()
      let empty = lse.map { $0 == -.infinity || $0.isNaN ? Float.nan : 1 }
      weights =
        weights.reshaped(to: [B, heads, T, keys])
        * Tensor(empty, shape: [B, heads, T, 1])
      values["weights"] =
        referenceCase.flag("average_attn_weights") ? weights.mean(alongAxes: [1]) : weights
    }
    return step.results(values, differentiated: "output")
  }
}

/// Encoder and decoder layers, stacks and the whole Transformer of PyTorch
/// (`ops_mha/transformer_layers`).
struct TransformerLayersRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "d_output")
    let settings = referenceCase.attributes["ctor"]
    let options = TransformerLayer.Options(
      headCount: settings?["nhead"]?.integer ?? 1,
      isPreNorm: settings?["norm_first"]?.bool ?? false,
      activation: settings?["activation"]?.string.flatMap(Activation.init(configName:)) ?? .relu,
      epsilon: settings?["layer_norm_eps"]?.number ?? 1e-5)
    func layer(_ prefix: String) -> TransformerLayer {
      TransformerLayer(options) { step.optional("w." + prefix + $0) }
    }
    func stack(_ prefix: String) -> [TransformerLayer] {
      (0...).lazy.map { prefix + "layers.\($0)." }
        .prefix { step.optional("w.\($0)linear1.weight") != nil }.map(layer)
    }
    func norm(_ x: Tensor, _ prefix: String) -> Tensor {
      guard let gain = step.optional("w.\(prefix)norm.weight") else { return x }
      return x.layerNorm(gain: gain, bias: step.optional("w.\(prefix)norm.bias"))
    }
    let source = try step.input("src")
    let (sourceMask, sourceBias) = masks(step, "src_mask", "src_key_padding_mask")
    let (targetMask, targetBias) = masks(step, "tgt_mask", "tgt_key_padding_mask")
    let memoryMask = masks(step, "memory_mask", "memory_key_padding_mask").0
    func encode(_ layers: [TransformerLayer]) -> Tensor {
      layers.reduce(source) { $1($0, mask: sourceMask, bias: sourceBias) }
    }
    func decode(_ layers: [TransformerLayer], _ memory: Tensor) throws -> Tensor {
      layers.reduce(try step.input("tgt")) {
        $1($0, mask: targetMask, bias: targetBias, memory: memory, memoryMask: memoryMask)
      }
    }
    let output: Tensor
    switch referenceCase.text("module") {
    case "TransformerEncoderLayer": output = encode([layer("")])
    case "TransformerDecoderLayer": output = try decode([layer("")], source)
    case "TransformerEncoder": output = norm(encode(stack("")), "")
    case "Transformer":
      let memory = norm(encode(stack("encoder.")), "encoder.")
      output = norm(try decode(stack("decoder."), memory), "decoder.")
    case let module: throw Unsupported("the module \(module ?? "without a name")")
    }
    return step.results(["output": output], differentiated: "output")
  }

  /// A mask and a padding mask as visibility, and a float mask as a bias.
  private func masks(_ step: DifferentiatedStep, _ name: String, _ padding: String) -> (
    Mask, Tensor?
  ) {
    var (mask, bias): (Mask, Tensor?) = (.none, nil)
    if let given = step.optional(name) {
      if given.elementType == .bool {
        mask = .hiding(given.reshaped(to: [1, 1] + given.shape))
      } else {
        bias = given
      }
    }
    if let given = step.optional(padding) {
      mask = mask & .hiding(given.reshaped(to: [given.shape[0], 1, 1, given.shape[1]]))
    }
    return (mask, bias)
  }
}

extension Mask {
  /// A mask of PyTorch's modules, where true means hidden.
  fileprivate static func hiding(_ tensor: Tensor) -> Mask {
    let hidden: [Bool] = tensor.elements()
    return .dense(Tensor(hidden.map { !$0 }, shape: tensor.shape))
  }
}

extension Tensor {
  /// This tensor seen as `shape`, with one entry of its first axis replaced.
  fileprivate func replacingRows(at index: Int, with rows: Tensor, in shape: [Int]) -> Tensor {
    var elements: [Float] = self.elements()
    let new: [Float] = rows.elements()
    let size = shape.dropFirst().reduce(1, *)
    elements.replaceSubrange(index * size..<(index + 1) * size, with: new)
    return Tensor(elements, shape: shape)
  }
}
