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
        + WeightMap.expert(
          "#", "model.layers.{}.block_sparse_moe.experts.#.", names: ["w1", "w2", "w3"]))
  ) { reader throws(FormatError) in
    let frame = try reader.llamaFrame("Mixtral", contextLength: 131_072, epsilon: 1e-5)
    let attention = try reader.llamaAttention(in: frame, base: 1_000_000)
    let sparse = try reader.experts(
      "num_local_experts", each: reader.gatedFeedForward(),
      router: reader.softmaxRouter(choosing: 2, sumsToOne: true))
    let windows = try reader.windows(layerCount: frame.layerCount) { _ in true }
    return frame.spec(attention, through: windows) { _ in .experts(sparse) }
  }
}
