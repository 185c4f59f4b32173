import HeedAttention
import HeedBlocks
import HeedFormats

// GPT-J (Wang & Komatsuzaki 2021): attention and feed-forward side by side behind one norm, rotary
// positions on the first channels of a head, paired with their neighbours, and a head with a bias.

extension ModelFamily {
  /// GPT-J.
  public static let gptJ = ModelFamily("gptj", weights: gptJWeights) {
    reader throws(FormatError) in
    let frame = try reader.gptFrame("GPT-J", contextLength: 2048, isHeadTied: false)
    let heads = try reader.heads("n_head", in: frame)
    let turned = try reader.count("rotary_dim", default: 64)
    guard turned <= heads.width else {
      throw reader.inconsistent("\(turned) of \(heads.width) channels cannot be turned")
    }
    let rotary = try reader.rotary(
      width: turned, contextLength: frame.contextLength, pairing: .neighbours)
    let block = BlockSpec(
      [
        .selfAttention(
          SelfAttentionSpec(headCount: heads.count, headWidth: heads.width, rotary: rotary)),
        .feedForward(try reader.gptFeedForward(in: frame)),
      ].map { BranchSpec(operation: $0) }, arrangement: .parallel(inputNorm: frame.norm))
    var spec = frame.spec { _ in block }
    spec.hasHeadBias = true
    return spec
  }

  private static let gptJWeights = WeightMap(
    WeightMap.linear("head", "lm_head")
      + [.init("embedding.weight", "transformer.wte.weight")]
      + WeightMap.norm("block.inputNorm", "transformer.h.{}.ln_1")
      + WeightMap.projections("transformer.h.{}.attn.", output: "out_proj")
      + WeightMap.linear("feedForward.up", "transformer.h.{}.mlp.fc_in")
      + WeightMap.linear("feedForward.down", "transformer.h.{}.mlp.fc_out")
      + WeightMap.norm("finalNorm", "transformer.ln_f"),
    optionalPrefix: "transformer.", ignoredSuffixes: ["attn.bias", "attn.masked_bias"])
}
