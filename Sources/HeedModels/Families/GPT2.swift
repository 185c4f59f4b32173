import HeedBlocks
import HeedFormats

// GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, one fused projection of queries,
// keys and values, weights as [in, out], and the embedding as head.

extension ModelFamily {
  /// GPT-2.
  public static let gpt2 = ModelFamily("gpt2", weights: gpt2Weights, spec: gpt2Spec)

  private static func gpt2Spec(_ reader: ConfigReader) throws(FormatError) -> ModelSpec {
    let width = try reader.count("n_embd")
    let heads = try reader.count("n_head")
    let headWidth = try reader.headWidth(width: width, heads: heads)
    let norm = NormSpec.layerNorm(epsilon: try reader.number("layer_norm_epsilon", default: 1e-5))
    let isScaled = try reader.flag("scale_attn_weights", default: true)
    let isScaledByLayer = try reader.flag("scale_attn_by_inverse_layer_idx", default: false)
    let feedForward = FeedForwardSpec(
      hiddenWidth: try reader.count("n_inner", default: 4 * width),
      activation: try reader.activation("activation_function", default: "gelu_new"),
      isGated: false, hasBias: true)
    let positions = try reader.count("n_positions", default: 1024)
    let blocks = (0..<(try reader.layerCount("n_layer"))).map { layer in
      var scale = isScaled ? 1 / Float(headWidth).squareRoot() : 1
      if isScaledByLayer { scale /= Float(layer + 1) }
      let attention = SelfAttentionSpec(
        headCount: heads, headWidth: headWidth, scale: scale, hasInputBias: true,
        hasOutputBias: true, isFused: true)
      return BlockSpec([
        BranchSpec(inputNorm: norm, operation: .selfAttention(attention)),
        BranchSpec(inputNorm: norm, operation: .feedForward(feedForward)),
      ])
    }
    return ModelSpec(
      family: "GPT-2", vocabularySize: try reader.count("vocab_size"), width: width,
      contextLength: positions, learnedPositionCount: positions, blocks: blocks, finalNorm: norm,
      isHeadTied: try reader.flag("tie_word_embeddings", default: true),
      endTokens: try reader.tokens("eos_token_id"))
  }

  private static let gpt2Weights = WeightMap(
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
}
