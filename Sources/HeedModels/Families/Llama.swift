import HeedBlocks
import HeedFormats

// Llama 1 to 3 (Touvron et al. 2023, arXiv 2302.13971): rotary positions, RMS norms, grouped keys
// and values, gated feed-forward, no biases unless the config asks for them.

extension ModelFamily {
  /// Llama.
  public static let llama = ModelFamily(
    modelTypes: ["llama"],
    spec: { config, place throws(FormatError) in try llamaSpec(config, place) },
    weights: { _ in llamaWeights })

  private static func llamaSpec(
    _ config: JSONValue, _ place: String
  ) throws(FormatError) -> ModelSpec {
    let reader = ConfigReader(config, place: place)
    let width = try reader.count("hidden_size")
    let heads = try reader.count("num_attention_heads")
    let groups = try reader.count("num_key_value_heads", default: heads)
    let headWidth = try reader.count("head_dim", default: max(width / heads, 1))
    guard heads % groups == 0, headWidth % 2 == 0 else {
      throw FormatError(
        .inconsistent,
        what: "\(heads) heads of \(headWidth) channels cannot share \(groups) key/value heads",
        place: place)
    }
    let context = try reader.count("max_position_embeddings", default: 2048)
    let norm = NormSpec.rms(epsilon: try reader.number("rms_norm_eps", default: 1e-6))
    let hasBias = try reader.flag("attention_bias", default: false)
    let attention = SelfAttentionSpec(
      headCount: heads, keyValueHeadCount: groups, headWidth: headWidth,
      rotary: try reader.rotary(width: headWidth, contextLength: context), hasInputBias: hasBias,
      hasOutputBias: hasBias)
    let feedForward = FeedForwardSpec(
      hiddenWidth: try reader.count("intermediate_size"),
      activation: try reader.activation("hidden_act", default: "silu"), isGated: true,
      hasBias: try reader.flag("mlp_bias", default: false))
    let block = BlockSpec([
      BranchSpec(inputNorm: norm, operation: .selfAttention(attention)),
      BranchSpec(inputNorm: norm, operation: .feedForward(feedForward)),
    ])
    let layers = try reader.count("num_hidden_layers")
    return ModelSpec(
      family: "Llama", vocabularySize: try reader.count("vocab_size"), width: width,
      contextLength: context, blocks: Array(repeating: block, count: layers), finalNorm: norm,
      isHeadTied: try reader.flag("tie_word_embeddings", default: false),
      endTokens: try reader.tokens("eos_token_id"))
  }

  private static let llamaWeights = WeightMap(
    [
      .init("embedding.weight", "model.embed_tokens.weight"),
      .init("head.weight", "lm_head.weight"),
    ]
      + WeightMap.norm("attention.inputNorm", "model.layers.{}.input_layernorm")
      + WeightMap.linear("attention.query", "model.layers.{}.self_attn.q_proj")
      + WeightMap.linear("attention.key", "model.layers.{}.self_attn.k_proj")
      + WeightMap.linear("attention.value", "model.layers.{}.self_attn.v_proj")
      + WeightMap.linear("attention.output", "model.layers.{}.self_attn.o_proj")
      + WeightMap.norm("feedForward.inputNorm", "model.layers.{}.post_attention_layernorm")
      + WeightMap.linear("feedForward.gate", "model.layers.{}.mlp.gate_proj")
      + WeightMap.linear("feedForward.up", "model.layers.{}.mlp.up_proj")
      + WeightMap.linear("feedForward.down", "model.layers.{}.mlp.down_proj")
      + WeightMap.norm("finalNorm", "model.norm"),
    optionalPrefix: "model.", ignoredSuffixes: [".rotary_emb.inv_freq"])
}
