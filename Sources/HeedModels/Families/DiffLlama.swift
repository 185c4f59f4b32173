import HeedBlocks
import HeedFormats

// DiffLlama: Llama with differential attention (Ye et al. 2024, arXiv 2410.05258).

extension ModelFamily {
  /// DiffLlama.
  public static let diffLlama = ModelFamily(
    "diffllama",
    weights: .llamaLike(
      [("query1", "q1"), ("key1", "k1"), ("query2", "q2"), ("key2", "k2")].map {
        WeightMap.Row("attention.lambda.\($0)", "model.layers.{}.self_attn.lambda_\($1)")
      })
  ) { reader throws(FormatError) in
    let frame = try reader.llamaFrame("DiffLlama", epsilon: 1e-5)
    let (heads, groups, width) = try reader.llamaHeads(in: frame)
    guard heads % 2 == 0, case .rms(let epsilon, _) = frame.norm else {
      throw reader.inconsistent("\(heads) heads have no two halves")
    }
    let attention = DifferentialAttentionSpec(
      headCount: heads, keyValueHeadCount: groups, headWidth: width,
      rotary: try reader.rotary(width: width, contextLength: frame.contextLength),
      epsilon: epsilon, hasBias: try reader.flag("attention_bias", default: false))
    let feedForward = OperationSpec.feedForward(try reader.gatedFeedForward())
    return frame.spec { _ in frame.block(.differentialAttention(attention), feedForward) }
  }
}
