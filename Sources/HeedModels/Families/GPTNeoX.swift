import HeedBlocks
import HeedFormats

// GPT-NeoX and Pythia (Black et al. 2022, arXiv 2204.06745): two branches side by side, each behind a
// norm of its own, rotary positions on a quarter of each head, and queries, keys and values of one
// head after the other in one matrix.

extension ModelFamily {
  /// GPT-NeoX.
  public static let gptNeoX = ModelFamily(
    modelTypes: ["gpt_neox"],
    spec: { config, place throws(FormatError) in
      try gptNeoXSpec(ConfigReader(config, place: place))
    },
    weights: { spec in
      let layer = "gpt_neox.layers.{}."
      return WeightMap(
        [
          .init("embedding.weight", "gpt_neox.embed_in.weight"),
          .init("head.weight", "embed_out.weight"),
        ]
          + WeightMap.norm("attention.inputNorm", layer + "input_layernorm")
          + WeightMap.linear(
            "attention.input", layer + "attention.query_key_value",
            .headByHead(width: spec.fusedHeadWidth))
          + WeightMap.linear("attention.output", layer + "attention.dense")
          + WeightMap.norm("feedForward.inputNorm", layer + "post_attention_layernorm")
          + WeightMap.linear("feedForward.up", layer + "mlp.dense_h_to_4h")
          + WeightMap.linear("feedForward.down", layer + "mlp.dense_4h_to_h")
          + WeightMap.norm("finalNorm", "gpt_neox.final_layer_norm"),
        optionalPrefix: "gpt_neox.",
        ignoredSuffixes: [".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"])
    })

  private static func gptNeoXSpec(_ reader: ConfigReader) throws(FormatError) -> ModelSpec {
    let width = try reader.count("hidden_size")
    let heads = try reader.count("num_attention_heads")
    let headWidth = try reader.headWidth(width: width, heads: heads)
    let context = try reader.count("max_position_embeddings", default: 2048)
    let layerNorm = NormSpec.layerNorm(epsilon: try reader.number("layer_norm_eps", default: 1e-5))
    let hasBias = try reader.flag("attention_bias", default: true)
    let quarter = try reader.rotaryWidth(headWidth: headWidth, share: 0.25)
    let attention = SelfAttentionSpec(
      headCount: heads, headWidth: headWidth,
      rotary: try reader.rotary(width: quarter, contextLength: context),
      hasInputBias: hasBias, hasOutputBias: hasBias, isFused: true)
    let mlp = FeedForwardSpec(
      hiddenWidth: try reader.count("intermediate_size"),
      activation: try reader.activation("hidden_act", default: "gelu"), form: .plain,
      hasBias: true)
    let isParallel = try reader.flag("use_parallel_residual", default: true)
    let block = BlockSpec(
      [.selfAttention(attention), .feedForward(mlp)].map {
        BranchSpec(inputNorm: layerNorm, operation: $0)
      }, arrangement: isParallel ? .parallel() : .sequential)
    return ModelSpec(
      family: "GPT-NeoX", vocabularySize: try reader.count("vocab_size"), width: width,
      contextLength: context,
      blocks: Array(repeating: block, count: try reader.layerCount("num_hidden_layers")),
      finalNorm: layerNorm, isHeadTied: try reader.flag("tie_word_embeddings", default: false),
      endTokens: try reader.tokens("eos_token_id"))
  }
}
