import HeedBlocks
import HeedFormats

// Mistral 7B (Jiang et al. 2023, arXiv 2310.06825): Llama with a window on every layer.

extension ModelFamily {
  /// Mistral.
  public static let mistral = ModelFamily("mistral", weights: .llamaLike()) {
    reader throws(FormatError) in
    let frame = try reader.llamaFrame("Mistral", contextLength: 131_072)
    let seen = try reader.llamaAttention(in: frame)
    let mlp = try reader.gatedFeedForward()
    let windows = try reader.windows(layerCount: frame.layerCount, whenAbsent: 4096) { _ in true }
    return frame.spec(seen, through: windows) { _ in .feedForward(mlp) }
  }
}
