import HeedAttention
import HeedBlocks
import HeedFormats

// DeepSeek-V3 and R1 (arXiv 2412.19437): V2 with sigmoid scores, corrected for the choice by what
// balances the load, and groups ranked by their two best experts.

extension ModelFamily {
  /// DeepSeek-V3.
  public static let deepSeekV3 = ModelFamily(
    modelTypes: ["deepseek_v3"],
    read: { reader throws(FormatError) in
      _ = try reader.word("scoring_func", of: ["sigmoid"], default: "sigmoid")
      _ = try reader.word("topk_method", of: ["noaux_tc"], default: "noaux_tc")
      let frame = try reader.llamaFrame("DeepSeek-V3", contextLength: 4096)
      let isInterleaved = try reader.flag("rope_interleave", default: true)
      return try reader.deepSeekSpec(
        frame, reader.latentAttention(in: frame, pairing: isInterleaved ? .neighbours : .halves),
        RouterSpec(
          score: .sigmoid, chosenCount: reader.count("num_experts_per_tok", default: 8),
          groups: reader.deepSeekGroups(bestCount: 2),
          sumsToOne: reader.flag("norm_topk_prob", default: true),
          scale: reader.number("routed_scaling_factor", default: 2.5), hasCorrection: true),
        denseCount: 3)
    },
    // The layer behind the last one predicts a second token ahead, in training.
    weights: { .deepSeek(ignoredPrefixes: ["model.layers.\($0.blocks.count)."]) })
}
