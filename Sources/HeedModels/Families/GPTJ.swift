import HeedAttention
import HeedBlocks
import HeedFormats

// GPT-J (Wang & Komatsuzaki 2021): attention and feed-forward side by side behind one norm, rotary
// positions on the first channels of a head, paired with their neighbours, and a head with a bias.

extension ModelFamily {
  /// GPT-J.
  public static let gptJ = ModelFamily(
    "gptj",
    weights: WeightMap(
      [
        .init("embedding.weight", "transformer.wte.weight"),
        .init("head.weight", "lm_head.weight"), .init("head.bias", "lm_head.bias"),
      ]
        + WeightMap.norm("block.inputNorm", "transformer.h.{}.ln_1")
        + [("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), ("output", "out_proj")]
        .flatMap { WeightMap.linear("attention.\($0)", "transformer.h.{}.attn.\($1)") }
        + WeightMap.linear("feedForward.up", "transformer.h.{}.mlp.fc_in")
        + WeightMap.linear("feedForward.down", "transformer.h.{}.mlp.fc_out")
        + WeightMap.norm("finalNorm", "transformer.ln_f"),
      optionalPrefix: "transformer.", ignoredSuffixes: [".attn.bias", ".attn.masked_bias"])
  ) { reader throws(FormatError) in
    let width = try reader.count("n_embd")
    let heads = try reader.count("n_head")
    let headWidth = try reader.headWidth(width: width, heads: heads)
    let turned = try reader.count("rotary_dim", default: 64)
    guard turned <= headWidth else {
      throw reader.inconsistent("\(turned) of \(headWidth) channels cannot be turned")
    }
    let context = try reader.count("n_positions", default: 2048)
    let norm = NormSpec.layerNorm(epsilon: try reader.number("layer_norm_epsilon", default: 1e-5))
    let attention = SelfAttentionSpec(
      headCount: heads, headWidth: headWidth,
      rotary: try reader.rotary(width: turned, contextLength: context, pairing: .neighbours))
    let feedForward = FeedForwardSpec(
      hiddenWidth: try reader.count("n_inner", default: 4 * width),
      activation: try reader.activation("activation_function", default: "gelu_new"),
      isGated: false, hasBias: true)
    let block = BlockSpec(
      [
        BranchSpec(operation: .selfAttention(attention)),
        BranchSpec(operation: .feedForward(feedForward)),
      ], arrangement: .parallel(inputNorm: norm))
    var spec = ModelSpec(
      family: "GPT-J", vocabularySize: try reader.count("vocab_size"), width: width,
      contextLength: context,
      blocks: Array(repeating: block, count: try reader.layerCount("n_layer")), finalNorm: norm,
      isHeadTied: try reader.flag("tie_word_embeddings", default: false),
      endTokens: try reader.tokens("eos_token_id"))
    spec.hasHeadBias = true
    return spec
  }
}
