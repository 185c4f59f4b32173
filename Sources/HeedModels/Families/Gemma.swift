import HeedBlocks
import HeedFormats
import HeedTensor

// Gemma (Gemma Team 2024, arXiv 2403.08295): Llama with a scaled embedding, which is the head too,
// gains that count from one, wide heads and a gated GELU.

extension ModelFamily {
  /// Gemma 1.
  public static let gemma = ModelFamily("gemma", weights: .llamaLike()) {
    reader throws(FormatError) in
    let frame = try reader.gemmaFrame("Gemma")
    let attention = try reader.llamaAttention(in: frame, hasBias: false, headWidth: 256)
    let gelu = try reader.gemmaFeedForward()
    return frame.spec { _ in frame.block(.selfAttention(attention), .feedForward(gelu)) }
  }
}

extension ConfigReader {
  /// What all Gemmas have around their blocks.
  func gemmaFrame(_ family: String) throws(FormatError) -> DecoderFrame {
    // Of the embedding models on the same blocks, which look both ways.
    try require("use_bidirectional_attention", false)
    var frame = try llamaFrame(family, contextLength: 8192, isHeadTied: true, gainOffset: 1)
    frame.embeddingScale = Double(frame.width).squareRoot()
    return frame
  }

  /// The first files say "gelu" and mean its approximation by a tanh, with which they were trained.
  func gemmaFeedForward() throws(FormatError) -> FeedForwardSpec {
    let tanh = "gelu_pytorch_tanh"
    let older = try activation("hidden_act", default: tanh)
    return FeedForwardSpec(
      hiddenWidth: try count("intermediate_size"),
      activation: member("hidden_activation") == nil
        ? (older == .geluErf ? .geluTanh : older)
        : try activation("hidden_activation", default: tanh),
      isGated: true, hasBias: false)
  }
}
