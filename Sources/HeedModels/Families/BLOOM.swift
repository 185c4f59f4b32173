import HeedAttention
import HeedBlocks
import HeedFormats
import HeedTensor

// BLOOM (Le Scao et al. 2022, arXiv 2211.05100): ALiBi, a norm on the embedding, and queries, keys and
// values of one head after the other in one matrix.

extension ModelFamily {
  /// BLOOM.
  public static let bloom = ModelFamily(
    modelTypes: ["bloom"],
    spec: { config, place throws(FormatError) in
      try bloomSpec(ConfigReader(config, place: place))
    },
    weights: { spec in
      let block = "transformer.h.{}."
      return WeightMap(
        [
          .init("embedding.weight", "transformer.word_embeddings.weight"),
          .init("head.weight", "lm_head.weight"),
        ]
          + WeightMap.norm("embeddingNorm", "transformer.word_embeddings_layernorm")
          + WeightMap.norm("attention.inputNorm", block + "input_layernorm")
          + WeightMap.linear(
            "attention.input", block + "self_attention.query_key_value",
            .headByHead(width: spec.fusedHeadWidth))
          + WeightMap.linear("attention.output", block + "self_attention.dense")
          + WeightMap.norm("feedForward.inputNorm", block + "post_attention_layernorm")
          + WeightMap.linear("feedForward.up", block + "mlp.dense_h_to_4h")
          + WeightMap.linear("feedForward.down", block + "mlp.dense_4h_to_h")
          + WeightMap.norm("finalNorm", "transformer.ln_f"), optionalPrefix: "transformer.")
    })

  private static func bloomSpec(_ reader: ConfigReader) throws(FormatError) -> ModelSpec {
    try reader.require("apply_residual_connection_post_layernorm", false)
    let width = try reader.count("n_embed", "hidden_size")
    let heads = try reader.count("n_head", "num_attention_heads")
    let norm = NormSpec.layerNorm(epsilon: try reader.number("layer_norm_epsilon", default: 1e-5))
    let attention = SelfAttentionSpec(
      headCount: heads, headWidth: try reader.headWidth(width: width, heads: heads),
      alibiSlopes: HeedAttention.alibiSlopes(headCount: heads), hasInputBias: true,
      hasOutputBias: true, isFused: true)
    let gelu = FeedForwardSpec(
      hiddenWidth: 4 * width, activation: .geluTanh, form: .plain, hasBias: true)
    let block = BlockSpec([
      BranchSpec(inputNorm: norm, operation: .selfAttention(attention)),
      BranchSpec(inputNorm: norm, operation: .feedForward(gelu)),
    ])
    let layers = try reader.layerCount("n_layer", "num_hidden_layers")
    var spec = ModelSpec(
      family: "BLOOM", vocabularySize: try reader.count("vocab_size"), width: width,
      contextLength: try reader.count("seq_length", default: 2048),
      blocks: Array(repeating: block, count: layers), finalNorm: norm,
      isHeadTied: try reader.flag("tie_word_embeddings", default: true),
      endTokens: try reader.tokens("eos_token_id"))
    spec.embeddingNorm = norm
    return spec
  }
}
