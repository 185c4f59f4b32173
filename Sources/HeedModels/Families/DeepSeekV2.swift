import HeedAttention
import HeedBlocks
import HeedFormats

// DeepSeek-V2 (arXiv 2405.04434): latent attention; after some dense layers many small experts,
// chosen by a softmax, perhaps from a few groups, beside shared ones that are one wide layer.

extension ModelFamily {
  /// DeepSeek-V2.
  public static let deepSeekV2 = ModelFamily("deepseek_v2", weights: .deepSeek()) {
    reader throws(FormatError) in
    let frame = try reader.llamaFrame("DeepSeek-V2")
    let method = try reader.word(
      "topk_method", of: ["greedy", "group_limited_greedy"], default: "greedy")
    // Weights that sum to one are then scaled, as in V3, llama.cpp and vLLM; V2's first code left the scale
    // out, and its port in transformers leaves out the sum. No published folder has both.
    let router = RouterSpec(
      score: .softmax, chosenCount: try reader.count("num_experts_per_tok"),
      groups: method == "greedy" ? nil : try reader.deepSeekGroups(bestCount: 1),
      sumsToOne: try reader.flag("norm_topk_prob", default: false),
      scale: try reader.number("routed_scaling_factor", default: 1))
    let attention = try reader.latentAttention(in: frame, pairing: .neighbours)
    return try reader.deepSeekSpec(frame, attention, router, denseCount: 0)
  }
}

extension ConfigReader {
  /// The attention of DeepSeek-V2 and V3.
  func latentAttention(
    in frame: DecoderFrame, pairing: Rotary.Pairing
  ) throws(FormatError) -> LatentAttentionSpec {
    guard case .rms(let epsilon, _) = frame.norm else { throw inconsistent("no RMS norms") }
    let plain = try count("qk_nope_head_dim")
    return LatentAttentionSpec(
      headCount: try count("num_attention_heads"), latentWidth: try count("kv_lora_rank"),
      queryLatentWidth: try optionalCount("q_lora_rank"), plainWidth: plain,
      valueWidth: try count("v_head_dim"),
      rotary: try rotary(
        width: count("qk_rope_head_dim"), contextLength: frame.contextLength, pairing: pairing),
      epsilon: epsilon, hasBias: try flag("attention_bias", default: false))
  }

  /// The groups that a token chooses its experts from.
  func deepSeekGroups(bestCount: Int) throws(FormatError) -> RouterSpec.Groups {
    RouterSpec.Groups(
      count: try count("n_group"), chosenCount: try count("topk_group"), bestCount: bestCount)
  }

  /// Dense layers, then layers of experts.
  ///
  /// - Parameter denseCount: of dense layers, when the config does not say.
  func deepSeekSpec(
    _ frame: DecoderFrame, _ attention: LatentAttentionSpec, _ router: RouterSpec, denseCount: Int
  ) throws(FormatError) -> ModelSpec {
    let expert = try gatedFeedForward(widthKey: "moe_intermediate_size")
    var shared = expert
    shared.hiddenWidth *= try count("n_shared_experts", default: 1)
    let experts = try experts(
      "n_routed_experts", each: expert, router: router,
      shared: member("n_shared_experts") == nil ? nil : SharedExpertSpec(shared, isGated: false))
    let dense = OperationSpec.feedForward(
      try gatedFeedForward(hasBias: flag("mlp_bias", default: false)))
    guard try count("moe_layer_freq", default: 1) == 1 else {
      throw unsupported("\"moe_layer_freq\" is not 1")
    }
    let denseCount = try index("first_k_dense_replace", default: denseCount)
    return frame.spec { layer in
      frame.block(.latentAttention(attention), layer < denseCount ? dense : .experts(experts))
    }
  }
}

extension WeightMap {
  /// The names of DeepSeek-V2 and V3.
  ///
  /// - Parameter ignoredPrefixes: of layers that only training uses.
  static func deepSeek(ignoredPrefixes: [String] = []) -> WeightMap {
    let layer = "model.layers.{}."
    var rows = [
      Row("experts.router.correction", layer + "mlp.gate.e_score_correction_bias"),
      Row("attention.queryNorm.gain", layer + "self_attn.q_a_layernorm.weight"),
      Row("attention.latentNorm.gain", layer + "self_attn.kv_a_layernorm.weight"),
      Row("attention.expansion.weight", layer + "self_attn.kv_b_proj.weight"),
    ]
    rows += linear("attention.queryDown", layer + "self_attn.q_a_proj")
    rows += linear("attention.queryUp", layer + "self_attn.q_b_proj")
    rows += linear("attention.latent", layer + "self_attn.kv_a_proj_with_mqa")
    rows += expert("shared", layer + "mlp.shared_experts.")
    return .llamaLike(rows, ignoredPrefixes: ignoredPrefixes)
  }
}
