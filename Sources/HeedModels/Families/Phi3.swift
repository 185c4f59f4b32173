import HeedBlocks
import HeedFormats

// Phi-3 and Phi-4 (Abdin et al. 2024, arXiv 2404.14219): Llama with one matrix for queries, keys and
// values and one for gate and up; perhaps partly turned heads, a window, LongRoPE.

extension ModelFamily {
  /// Phi-3.
  public static let phi3 = ModelFamily(
    "phi3",
    weights: .llamaLike(
      WeightMap.linear("attention.input", "model.layers.{}.self_attn.qkv_proj")
        + ["gate", "up"].enumerated().flatMap { index, part in
          WeightMap.linear(
            "feedForward.\(part)", "model.layers.{}.mlp.gate_up_proj", .part(index, of: 2))
        })
  ) { reader throws(FormatError) in
    let frame = try reader.llamaFrame("Phi-3", contextLength: 4096, epsilon: 1e-5)
    var fused = try reader.llamaAttention(in: frame)
    fused.isFused = true
    let halves = try reader.gatedFeedForward()
    let windows = try reader.windows(layerCount: frame.layerCount) { _ in true }
    return frame.spec(fused, through: windows) { _ in .feedForward(halves) }
  }
}
