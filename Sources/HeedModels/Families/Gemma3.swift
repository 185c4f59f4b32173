import HeedAttention
import HeedBlocks
import HeedFormats

// Gemma 3, the text part (Gemma Team 2025, arXiv 2503.19786): Gemma 2 with norms on heads instead of
// soft caps, one global layer after several local ones, and another rotary base for each kind.

extension ModelFamily {
  /// Gemma 3, text.
  public static let gemma3 = ModelFamily("gemma3_text", weights: .gemma2Like) {
    reader throws(FormatError) in
    let frame = try reader.gemmaFrame("Gemma 3")
    let period = try reader.count(
      "sliding_window_pattern", "_sliding_window_pattern", default: 6)
    let windows = try reader.windows(layerCount: frame.layerCount, whenAbsent: 4096) {
      ($0 + 1) % period != 0
    }
    var global = try reader.gemma2Attention(in: frame, softCap: nil)
    global.queryKeyNorm = frame.norm
    global.rotary = try reader.rotary(
      width: global.headWidth, contextLength: frame.contextLength, layerType: "full_attention",
      base: 1_000_000)
    var local = global
    local.rotary = try reader.localRotary(width: global.headWidth, frame.contextLength)
    let feedForward = OperationSpec.feedForward(try reader.gemmaFeedForward())
    return try reader.gemma2Spec(frame, logitCap: nil) { layer in
      let attention = windows[layer] == nil ? global : local.through(windows[layer])
      return frame.sandwich(.selfAttention(attention), feedForward)
    }
  }
}

extension ConfigReader {
  /// Rotary positions of the layers with a window; the older form never stretches them.
  fileprivate func localRotary(width: Int, _ contextLength: Int) throws(FormatError) -> Rotary {
    if member("rope_parameters") != nil {
      return try rotary(
        width: width, contextLength: contextLength, layerType: "sliding_attention")
    }
    return Rotary(base: try number("rope_local_base_freq", default: 10_000), width: width)
  }
}
