import HeedBlocks
import HeedFormats

// Mixtral (Jiang et al. 2024, arXiv 2401.04088): Mistral with experts; the weights of the chosen
// ones are their shares of the softmax, made to sum to one.

extension ModelFamily {
  /// Mixtral.
  public static let mixtral = ModelFamily(
    "mixtral",
    weights: .llamaLike(
      WeightMap.linear("experts.router", "model.layers.{}.block_sparse_moe.gate")
        + [("gate", "w1"), ("down", "w2"), ("up", "w3")].flatMap { part, name in
          WeightMap.linear(
            "experts.#.\(part)", "model.layers.{}.block_sparse_moe.experts.#.\(name)")
        })
  ) { reader throws(FormatError) in
    let frame = try reader.llamaFrame("Mixtral", contextLength: 131_072, epsilon: 1e-5)
    let attention = try reader.llamaAttention(in: frame, base: 1_000_000)
    let experts = ExpertsSpec(
      expertCount: try reader.expertCount("num_local_experts"),
      expert: try reader.gatedFeedForward(),
      router: RouterSpec(
        score: .softmax, chosenCount: try reader.count("num_experts_per_tok", default: 2),
        sumsToOne: true))
    try reader.check(experts)
    let windows = try reader.windows(layerCount: frame.layerCount) { _ in true }
    return frame.spec { layer in
      frame.block(.selfAttention(attention.through(windows[layer])), .experts(experts))
    }
  }
}
