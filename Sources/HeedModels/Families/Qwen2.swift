import HeedBlocks
import HeedFormats

// Qwen2 and 2.5 (Yang et al. 2024, arXiv 2407.10671): Llama with biases on queries, keys and values.
// Windows, where they are switched on, begin at a layer.

extension ModelFamily {
  /// Qwen2.
  public static let qwen2 = ModelFamily("qwen2", weights: .llamaLike()) {
    reader throws(FormatError) in
    let frame = try reader.llamaFrame("Qwen2", contextLength: 32_768)
    var attention = try reader.llamaAttention(in: frame)
    attention.hasInputBias = true
    let feedForward = try reader.gatedFeedForward()
    let windows = try reader.qwenWindows(layerCount: frame.layerCount)
    return frame.spec(attention, through: windows) { _ in .feedForward(feedForward) }
  }
}

extension ConfigReader {
  /// The windows of Qwen: none unless `use_sliding_window`, then from `max_window_layers` on.
  func qwenWindows(layerCount: Int) throws(FormatError) -> [Int?] {
    let first = try index("max_window_layers", default: 28)
    guard try flag("use_sliding_window", default: false) else {
      // A list of layer types must fit all the same.
      return try windows(layerCount: layerCount) { _ in false }
    }
    return try windows(layerCount: layerCount, whenAbsent: 4096) { $0 >= first }
  }
}
