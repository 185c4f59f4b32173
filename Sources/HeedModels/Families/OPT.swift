import HeedBlocks
import HeedFormats

// OPT (Zhang et al. 2022, arXiv 2205.01068): learned positions whose table begins two rows late,
// biases everywhere, ReLU; norms before the branches, in one size after them.

extension ModelFamily {
  /// OPT.
  public static let opt = ModelFamily("opt", weights: optWeights) {
    reader throws(FormatError) in
    let frame = try reader.frame("OPT", norm: .layerNorm(epsilon: 1e-5), isHeadTied: true)
    guard try reader.count("word_embed_proj_dim", default: frame.width) == frame.width else {
      throw reader.unsupported("embeddings of another width than the blocks")
    }
    try reader.require("layer_norm_elementwise_affine", true)
    let heads = try reader.heads("num_attention_heads", in: frame)
    let hasBias = try reader.flag("enable_bias", default: true)
    let attention = SelfAttentionSpec(
      headCount: heads.count, headWidth: heads.width, hasInputBias: hasBias,
      hasOutputBias: hasBias)
    let relu = FeedForwardSpec(
      hiddenWidth: try reader.count("ffn_dim"),
      activation: try reader.activation("activation_function", default: "relu"),
      form: .plain, hasBias: hasBias)
    let isPreNorm = try reader.flag("do_layer_norm_before", default: true)
    var spec = frame.spec { _ in
      BlockSpec(
        [.selfAttention(attention), .feedForward(relu)].map { operation in
          isPreNorm
            ? BranchSpec(inputNorm: frame.norm, operation: operation)
            : BranchSpec(operation: operation, afterNorm: frame.norm)
        })
    }
    let isBare = try reader.flag("_remove_final_layer_norm", default: false)
    if isBare || !isPreNorm { spec.finalNorm = nil }
    spec.learnedPositionStart = 2
    spec.learnedPositionCount = frame.contextLength + spec.learnedPositionStart
    return spec
  }

  private static let optWeights = WeightMap(
    [
      .init("embedding.weight", "model.decoder.embed_tokens.weight"),
      .init("positions.weight", "model.decoder.embed_positions.weight"),
      .init("head.weight", "lm_head.weight"),
    ]
      // The same names, whether the norms stand before or after.
      + ["inputNorm", "afterNorm"].flatMap {
        WeightMap.norm("attention.\($0)", "model.decoder.layers.{}.self_attn_layer_norm")
          + WeightMap.norm("feedForward.\($0)", "model.decoder.layers.{}.final_layer_norm")
      }
      + WeightMap.projections("model.decoder.layers.{}.self_attn.", output: "out_proj")
      + WeightMap.linear("feedForward.up", "model.decoder.layers.{}.fc1")
      + WeightMap.linear("feedForward.down", "model.decoder.layers.{}.fc2")
      + WeightMap.norm("finalNorm", "model.decoder.final_layer_norm"),
    optionalPrefix: "model.")
}
