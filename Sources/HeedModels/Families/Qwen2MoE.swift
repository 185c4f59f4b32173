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
        + WeightMap.expert("shared", "model.layers.{}.mlp.shared_expert."))
  ) { reader throws(FormatError) in
    let frame = try reader.llamaFrame("Qwen2-MoE", contextLength: 32_768)
    var attention = try reader.llamaAttention(in: frame)
    attention.hasInputBias = try reader.flag("qkv_bias", default: true)
    let windows = try reader.qwenWindows(layerCount: frame.layerCount)
    let router = try reader.softmaxRouter(
      choosing: 4, sumsToOne: reader.flag("norm_topk_prob", default: false))
    let shared = try reader.gatedFeedForward(widthKey: "shared_expert_intermediate_size")
    let experts = try reader.experts(
      "num_experts", each: reader.gatedFeedForward(widthKey: "moe_intermediate_size"),
      router: router, shared: SharedExpertSpec(shared, isGated: true))
    let dense = try reader.gatedFeedForward()
    let denseLayers = try Set(reader.indices("mlp_only_layers"))
    let step = try reader.count("decoder_sparse_step", default: 1)
    return frame.spec(attention, through: windows) { layer in
      let hasExperts = !denseLayers.contains(layer) && (layer + 1) % step == 0
      return hasExperts ? .experts(experts) : .feedForward(dense)
    }
  }
}
