import HeedBlocks
import HeedFormats

// OPT (Zhang et al. 2022, arXiv 2205.01068): learned positions whose table begins two rows late,
// biases everywhere, ReLU; norms before the branches, in one size after them.

extension ModelFamily {
  /// OPT.
  public static let opt = ModelFamily(
    "opt",
    weights: WeightMap(
      [
        .init("embedding.weight", "model.decoder.embed_tokens.weight"),
        .init("positions.weight", "model.decoder.embed_positions.weight"),
        .init("head.weight", "lm_head.weight"),
      ]
        // The same norms, whether they stand before or after.
        + ["inputNorm", "afterNorm"].flatMap {
          WeightMap.norm("attention.\($0)", "model.decoder.layers.{}.self_attn_layer_norm")
            + WeightMap.norm("feedForward.\($0)", "model.decoder.layers.{}.final_layer_norm")
        }
        + [("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), ("output", "out_proj")]
        .flatMap {
          WeightMap.linear("attention.\($0)", "model.decoder.layers.{}.self_attn.\($1)")
        }
        + WeightMap.linear("feedForward.up", "model.decoder.layers.{}.fc1")
        + WeightMap.linear("feedForward.down", "model.decoder.layers.{}.fc2")
        + WeightMap.norm("finalNorm", "model.decoder.final_layer_norm"),
      optionalPrefix: "model.")
  ) { reader throws(FormatError) in
    let width = try reader.count("hidden_size")
    guard try reader.count("word_embed_proj_dim", default: width) == width else {
      throw reader.unsupported("embeddings of another width than the blocks")
    }
    try reader.require("layer_norm_elementwise_affine", true)
    let heads = try reader.count("num_attention_heads")
    let hasBias = try reader.flag("enable_bias", default: true)
    let attention = OperationSpec.selfAttention(
      SelfAttentionSpec(
        headCount: heads, headWidth: try reader.headWidth(width: width, heads: heads),
        hasInputBias: hasBias, hasOutputBias: hasBias))
    let relu = OperationSpec.feedForward(
      FeedForwardSpec(
        hiddenWidth: try reader.count("ffn_dim"),
        activation: try reader.activation("activation_function", default: "relu"),
        form: .plain, hasBias: hasBias))
    let isPreNorm = try reader.flag("do_layer_norm_before", default: true)
    let norm = NormSpec.layerNorm(epsilon: 1e-5)
    let block = BlockSpec(
      [attention, relu].map {
        BranchSpec(
          inputNorm: isPreNorm ? norm : nil, operation: $0, afterNorm: isPreNorm ? nil : norm)
      })
    let isWithoutFinalNorm = try reader.flag("_remove_final_layer_norm", default: false)
    let positions = try reader.count("max_position_embeddings", default: 2048)
    var spec = ModelSpec(
      family: "OPT", vocabularySize: try reader.count("vocab_size"), width: width,
      contextLength: positions, learnedPositionCount: positions + 2,
      blocks: Array(repeating: block, count: try reader.layerCount("num_hidden_layers")),
      finalNorm: isPreNorm && !isWithoutFinalNorm ? norm : nil,
      isHeadTied: try reader.flag("tie_word_embeddings", default: true),
      endTokens: try reader.tokens("eos_token_id"))
    spec.learnedPositionStart = 2
    return spec
  }
}
