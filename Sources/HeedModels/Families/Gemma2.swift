import HeedBlocks
import HeedFormats

// Gemma 2 (Gemma Team 2024, arXiv 2408.00118): soft caps on scores and logits, every second layer
// through a window, norms before and after each operation.

extension ModelFamily {
  /// Gemma 2.
  public static let gemma2 = ModelFamily("gemma2", weights: .gemma2Like) {
    reader throws(FormatError) in
    let frame = try reader.gemmaFrame("Gemma 2")
    let windows = try reader.windows(layerCount: frame.layerCount, whenAbsent: 4096) {
      $0 % 2 == 0
    }
    var capped = try reader.gemma2Attention(in: frame, softCap: 50)
    let feedForward = try reader.gemmaFeedForward()
    return try reader.gemma2Spec(frame, logitCap: 30) { layer in
      capped.window = windows[layer]
      return frame.sandwich(.selfAttention(capped), .feedForward(feedForward))
    }
  }
}

extension ConfigReader {
  /// The attention of Gemma 2 and 3.
  ///
  /// - Parameter softCap: of the scores, when the config does not say.
  func gemma2Attention(
    in frame: DecoderFrame, softCap: Double?
  ) throws(FormatError) -> SelfAttentionSpec {
    let unit = try number("query_pre_attn_scalar", default: 256)
    guard unit > 0 else { throw wrong("query_pre_attn_scalar", "a positive number") }
    var attention = try llamaAttention(in: frame, hasBias: false, headWidth: 256)
    attention.scale = Float(1 / unit.squareRoot())
    attention.softCap = try cap("attn_logit_softcapping", whenAbsent: softCap).map { Float($0) }
    return attention
  }

  /// A model of Gemma's blocks.
  ///
  /// - Parameter logitCap: when the config does not say.
  func gemma2Spec(
    _ frame: DecoderFrame, logitCap: Double?, _ block: (Int) -> BlockSpec
  ) throws(FormatError) -> ModelSpec {
    var spec = frame.spec(block)
    spec.logitSoftCap = try cap("final_logit_softcapping", whenAbsent: logitCap)
    return spec
  }

  private func cap(_ key: String, whenAbsent fallback: Double?) throws(FormatError) -> Double? {
    let cap = try optionalNumber(key, whenAbsent: fallback)
    guard cap.map({ $0 > 0 }) ?? true else { throw wrong(key, "a positive number") }
    return cap
  }
}

extension DecoderFrame {
  /// A block with norms before and after each operation.
  func sandwich(_ attention: OperationSpec, _ second: OperationSpec) -> BlockSpec {
    BlockSpec(
      [attention, second].map {
        BranchSpec(inputNorm: norm, operation: $0, outputNorm: norm)
      })
  }
}

extension WeightMap {
  /// The names of Gemma 2 and 3: one that others give to the second norm is here the name of the
  /// one after the attention.
  static let gemma2Like = llamaLike(
    [
      ("attention.outputNorm", "post_attention_layernorm"),
      ("feedForward.inputNorm", "pre_feedforward_layernorm"),
      ("feedForward.outputNorm", "post_feedforward_layernorm"),
    ].flatMap { norm($0, "model.layers.{}.\($1)") })
}
