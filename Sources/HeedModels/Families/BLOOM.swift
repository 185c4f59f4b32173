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
    read: { reader throws(FormatError) in try bloomSpec(reader) },
    weights: { spec in
      let block = "transformer.h.{}."
      return WeightMap(
        [
          .init("embedding.weight", "transformer.word_embeddings.weight"),
          .init("head.weight", "lm_head.weight"),
        ]
          + WeightMap.norm("embeddingNorm", "transformer.word_embeddings_layernorm")
          + WeightMap.headByHead(spec, block + "self_attention.", block)
          + WeightMap.norm("finalNorm", "transformer.ln_f"), optionalPrefix: "transformer.")
    })

  private static func bloomSpec(_ reader: ConfigReader) throws(FormatError) -> ModelSpec {
    try reader.require("apply_residual_connection_post_layernorm", false)
    let frame = try reader.frame(
      "BLOOM", width: ["n_embed", "hidden_size"], layers: ["n_layer", "num_hidden_layers"],
      context: "seq_length", norm: reader.layerNorm("layer_norm_epsilon"), isHeadTied: true)
    let heads = try reader.heads("n_head", "num_attention_heads", in: frame)
    let attention = SelfAttentionSpec(
      headCount: heads.count, headWidth: heads.width,
      alibiSlopes: alibiSlopes(headCount: heads.count), hasInputBias: true, hasOutputBias: true,
      isFused: true)
    let gelu = FeedForwardSpec(
      hiddenWidth: 4 * frame.width, activation: .geluTanh, form: .plain, hasBias: true)
    var spec = frame.spec { _ in frame.block(.selfAttention(attention), .feedForward(gelu)) }
    spec.embeddingNorm = frame.norm
    return spec
  }
}
