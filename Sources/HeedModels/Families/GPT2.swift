import HeedBlocks
import HeedFormats

// GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, one fused projection of queries,
// keys and values, weights as [in, out], and the embedding as head.

extension ModelFamily {
  /// GPT-2.
  public static let gpt2 = ModelFamily(
    "gpt2",
    weights: WeightMap(
      [
        .init("embedding.weight", "transformer.wte.weight"),
        .init("positions.weight", "transformer.wpe.weight"),
        .init("head.weight", "lm_head.weight"),
      ]
        + WeightMap.norm("attention.inputNorm", "transformer.h.{}.ln_1")
        + WeightMap.linear("attention.input", "transformer.h.{}.attn.c_attn", .columns)
        + WeightMap.linear("attention.output", "transformer.h.{}.attn.c_proj", .columns)
        + WeightMap.norm("feedForward.inputNorm", "transformer.h.{}.ln_2")
        + WeightMap.linear("feedForward.up", "transformer.h.{}.mlp.c_fc", .columns)
        + WeightMap.linear("feedForward.down", "transformer.h.{}.mlp.c_proj", .columns)
        + WeightMap.norm("finalNorm", "transformer.ln_f"),
      optionalPrefix: "transformer.", ignoredSuffixes: [".attn.bias", ".attn.masked_bias"])
  ) { reader throws(FormatError) in
    let frame = try reader.gptFrame("GPT-2", contextLength: 1024, isHeadTied: true)
    let heads = try reader.heads("n_head", in: frame)
    let isScaled = try reader.flag("scale_attn_weights", default: true)
    let isScaledByLayer = try reader.flag("scale_attn_by_inverse_layer_idx", default: false)
    let feedForward = try reader.gptFeedForward(in: frame)
    var spec = frame.spec { layer in
      var scale = isScaled ? 1 / Float(heads.width).squareRoot() : 1
      if isScaledByLayer { scale /= Float(layer + 1) }
      let attention = SelfAttentionSpec(
        headCount: heads.count, headWidth: heads.width, scale: scale, hasInputBias: true,
        hasOutputBias: true, isFused: true)
      return frame.block(.selfAttention(attention), .feedForward(feedForward))
    }
    spec.learnedPositionCount = frame.contextLength
    return spec
  }
}

extension ConfigReader {
  /// The frame of GPT-2 and GPT-J.
  func gptFrame(
    _ family: String, contextLength: Int, isHeadTied: Bool
  ) throws(FormatError) -> DecoderFrame {
    try frame(
      family, width: ["n_embd"], layers: ["n_layer"], context: "n_positions",
      contextLength: contextLength, norm: layerNorm("layer_norm_epsilon"), isHeadTied: isHeadTied)
  }

  /// The feed-forward layer of GPT-2 and GPT-J.
  func gptFeedForward(in frame: DecoderFrame) throws(FormatError) -> FeedForwardSpec {
    FeedForwardSpec(
      hiddenWidth: try count("n_inner", default: 4 * frame.width),
      activation: try activation("activation_function", default: "gelu_new"), isGated: false,
      hasBias: true)
  }
}
