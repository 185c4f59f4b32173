import HeedBlocks
import HeedFormats

// GPT-NeoX and Pythia (Black et al. 2022, arXiv 2204.06745): two branches side by side, each behind a
// norm of its own, rotary positions on a quarter of each head, and queries, keys and values of one
// head after the other in one matrix.

extension ModelFamily {
  /// GPT-NeoX.
  public static let gptNeoX = ModelFamily(
    modelTypes: ["gpt_neox"],
    read: { reader throws(FormatError) in
      let frame = try reader.frame(
        "GPT-NeoX", norm: reader.layerNorm("layer_norm_eps"), isHeadTied: false)
      let heads = try reader.heads("num_attention_heads", in: frame)
      let hasBias = try reader.flag("attention_bias", default: true)
      let quarter = try reader.rotaryWidth(headWidth: heads.width, share: 0.25)
      let attention = SelfAttentionSpec(
        headCount: heads.count, headWidth: heads.width,
        rotary: try reader.rotary(width: quarter, contextLength: frame.contextLength),
        hasInputBias: hasBias, hasOutputBias: hasBias, isFused: true)
      let feedForward = FeedForwardSpec(
        hiddenWidth: try reader.count("intermediate_size"),
        activation: try reader.activation("hidden_act", default: "gelu"), form: .plain,
        hasBias: true)
      let isParallel = try reader.flag("use_parallel_residual", default: true)
      return frame.spec { _ in
        var block = frame.block(.selfAttention(attention), .feedForward(feedForward))
        if isParallel { block.arrangement = .parallel() }
        return block
      }
    },
    weights: { spec in
      let layer = "gpt_neox.layers.{}."
      return WeightMap(
        [
          .init("embedding.weight", "gpt_neox.embed_in.weight"),
          .init("head.weight", "embed_out.weight"),
        ]
          + WeightMap.headByHead(spec, layer + "attention.", layer)
          + WeightMap.norm("finalNorm", "gpt_neox.final_layer_norm"),
        optionalPrefix: "gpt_neox.",
        ignoredSuffixes: [".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"])
    })
}

extension WeightMap {
  /// The names of a block of GPT-NeoX and BLOOM.
  static func headByHead(_ spec: ModelSpec, _ attention: String, _ block: String) -> [Row] {
    let widths = spec.blocks.flatMap(\.branches).compactMap { branch -> Int? in
      if case .selfAttention(let spec) = branch.operation { spec.headWidth } else { nil }
    }
    return linear(
      "attention.input", attention + "query_key_value", .headByHead(width: widths.first ?? 1))
      + linear("attention.output", attention + "dense")
      + linear("feedForward.up", block + "mlp.dense_h_to_4h")
      + linear("feedForward.down", block + "mlp.dense_4h_to_h")
      + norm("attention.inputNorm", block + "input_layernorm")
      + norm("feedForward.inputNorm", block + "post_attention_layernorm")
  }
}
