import HeedBlocks
import HeedFormats

// Llama 1 to 3 (Touvron et al. 2023, arXiv 2302.13971): rotary positions, RMS norms, grouped keys
// and values, gated feed-forward, no biases unless the config asks for them.

extension ModelFamily {
  /// Llama.
  public static let llama = ModelFamily("llama", weights: .llamaLike()) {
    reader throws(FormatError) in
    let frame = try reader.llamaFrame("Llama")
    let attention = try reader.llamaAttention(in: frame, hasBias: false)
    let feedForward = try reader.gatedFeedForward(
      hasBias: reader.flag("mlp_bias", default: false))
    return frame.spec { _ in frame.block(.selfAttention(attention), .feedForward(feedForward)) }
  }
}
