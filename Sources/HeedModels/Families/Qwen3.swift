import HeedBlocks
import HeedFormats

// Qwen3 (Yang et al. 2025, arXiv 2505.09388): no biases; each head of queries and keys is normed.

extension ModelFamily {
  /// Qwen3.
  public static let qwen3 = ModelFamily("qwen3", weights: .llamaLike()) {
    reader throws(FormatError) in
    let frame = try reader.llamaFrame("Qwen3", contextLength: 32_768)
    var normed = try reader.llamaAttention(in: frame, hasBias: false, headWidth: 128)
    normed.queryKeyNorm = frame.norm
    let windows = try reader.qwenWindows(layerCount: frame.layerCount)
    let second = OperationSpec.feedForward(try reader.gatedFeedForward())
    return frame.spec(normed, through: windows) { _ in second }
  }
}
