import HeedBlocks
import HeedFormats

// Qwen1.5-MoE and Qwen2-MoE (Yang et al. 2024, arXiv 2407.10671): Qwen2 with experts in some layers,
// beside them a shared one that each token scales by a sigmoid.

extension ModelFamily {
  /// Qwen2 with experts.
  public static let qwen2MoE = ModelFamily(
    "qwen2_moe",
    weights: .llamaLike(
      WeightMap.linear("experts.sharedGate", "model.layers.{}.mlp.shared_expert_gate")
        + ["gate", "up", "down"].flatMap {
          WeightMap.linear(
            "experts.shared.\($0)", "model.layers.{}.mlp.shared_expert.\($0)_proj")
        })
  ) { reader throws(FormatError) in
    let frame = try reader.llamaFrame("Qwen2-MoE", contextLength: 32_768)
    let attention = try reader.llamaAttention(in: frame)
      .withBiases(input: reader.flag("qkv_bias", default: true), output: false)
    let windows = try reader.qwenWindows(layerCount: frame.layerCount)
    let experts = ExpertsSpec(
      expertCount: try reader.expertCount("num_experts"),
      expert: try reader.gatedFeedForward(widthKey: "moe_intermediate_size"),
      router: RouterSpec(
        score: .softmax, chosenCount: try reader.count("num_experts_per_tok", default: 4),
        sumsToOne: try reader.flag("norm_topk_prob", default: false)),
      shared: SharedExpertSpec(
        try reader.gatedFeedForward(widthKey: "shared_expert_intermediate_size"), isGated: true))
    try reader.check(experts)
    let dense = try reader.gatedFeedForward()
    let denseLayers = try Set(reader.indices("mlp_only_layers"))
    let step = try reader.count("decoder_sparse_step", default: 1)
    return frame.spec { layer in
      let hasExperts = !denseLayers.contains(layer) && (layer + 1) % step == 0
      return frame.block(
        .selfAttention(attention.through(windows[layer])),
        hasExperts ? .experts(experts) : .feedForward(dense))
    }
  }
}
