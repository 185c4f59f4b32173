// What Llama and its many relatives have in common: the members of their configs, the shape of
// their blocks, and the names of their weights. A family takes what it wants from here and changes
// the values it gets; there is no base class to override.

import HeedAttention
public import HeedBlocks
public import HeedFormats

extension ConfigReader {
  /// The frame of a relative of Llama.
  ///
  /// - Parameters:
  ///   - contextLength: when the config does not say.
  ///   - isHeadTied: when the config does not say.
  ///   - epsilon: of the RMS norms, when the config does not say.
  ///   - gainOffset: what the gains of the norms count from.
  public func llamaFrame(
    _ family: String, contextLength: Int = 2048, isHeadTied: Bool = false,
    epsilon: Double = 1e-6, gainOffset: Double = 0
  ) throws(FormatError) -> DecoderFrame {
    try frame(
      family, contextLength: contextLength,
      norm: .rms(epsilon: self.epsilon("rms_norm_eps", default: epsilon), gainOffset: gainOffset),
      isHeadTied: isHeadTied)
  }

  /// Rotary self-attention of a relative of Llama.
  ///
  /// - Parameters:
  ///   - hasBias: when `attention_bias` does not say; nil for families that do not know it.
  ///   - headWidth: when the config has no `head_dim`; an equal part of the width when nil.
  ///   - base: of the rotary positions, when the config does not say.
  public func llamaAttention(
    in frame: DecoderFrame, hasBias: Bool? = nil, headWidth: Int? = nil, base: Double = 10_000
  ) throws(FormatError) -> SelfAttentionSpec {
    let (heads, groups, width) = try llamaHeads(in: frame, headWidth: headWidth)
    let hasBias = if let hasBias { try flag("attention_bias", default: hasBias) } else { false }
    return SelfAttentionSpec(
      headCount: heads, keyValueHeadCount: groups, headWidth: width,
      rotary: try rotary(
        width: rotaryWidth(headWidth: width), contextLength: frame.contextLength, base: base),
      hasInputBias: hasBias, hasOutputBias: hasBias)
  }

  /// Counts of query heads and of key/value heads, and their width.
  func llamaHeads(
    in frame: DecoderFrame, headWidth: Int? = nil
  ) throws(FormatError) -> (heads: Int, groups: Int, width: Int) {
    let heads = try count("num_attention_heads")
    let groups = try count("num_key_value_heads", default: heads)
    let width = try count("head_dim", default: headWidth ?? max(frame.width / heads, 1))
    guard heads % groups == 0 else {
      throw inconsistent("\(heads) heads cannot share \(groups) key/value heads")
    }
    return (heads, groups, width)
  }

  /// The gated feed-forward layer of a relative of Llama.
  ///
  /// - Parameter widthKey: what the config calls the hidden width.
  public func gatedFeedForward(
    widthKey: String = "intermediate_size", hasBias: Bool = false
  ) throws(FormatError) -> FeedForwardSpec {
    FeedForwardSpec(
      hiddenWidth: try count(widthKey),
      activation: try activation("hidden_act", default: "silu"), isGated: true, hasBias: hasBias)
  }
}

extension ConfigReader {
  /// Experts chosen by their shares of a softmax.
  ///
  /// - Parameters:
  ///   - count: experts for each token, when `num_experts_per_tok` does not say.
  ///   - sumsToOne: whether the weights of the chosen are divided by their sum.
  public func softmaxRouter(
    choosing count: Int, sumsToOne: Bool, hasBias: Bool = false
  ) throws(FormatError) -> RouterSpec {
    RouterSpec(
      score: .softmax, chosenCount: try self.count("num_experts_per_tok", default: count),
      sumsToOne: sumsToOne, hasBias: hasBias)
  }
}

extension DecoderFrame {
  /// The model whose block number i attends through `windows[i]`, and then does `second(i)`.
  public func spec(
    _ attention: SelfAttentionSpec, through windows: [Int?], _ second: (Int) -> OperationSpec
  ) -> ModelSpec {
    spec { block(.selfAttention(attention.through(windows[$0])), second($0)) }
  }
}

extension SelfAttentionSpec {
  /// The same through a window of the latest keys.
  func through(_ window: Int?) -> SelfAttentionSpec {
    var result = self
    result.window = window
    return result
  }
}

extension WeightMap {
  /// The names of Llama, of which a family may change some and add others.
  public static func llamaLike(
    _ changes: [Row] = [], ignoredPrefixes: [String] = []
  ) -> WeightMap {
    let layer = "model.layers.{}."
    var rows =
      changes + [
        Row("embedding.weight", "model.embed_tokens.weight"),
        Row("head.weight", "lm_head.weight"),
      ]
    for (slot, name) in [
      ("attention.inputNorm", "input_layernorm"),
      ("attention.queryNorm", "self_attn.q_norm"),
      ("attention.keyNorm", "self_attn.k_norm"),
      ("feedForward.inputNorm", "post_attention_layernorm"),
      ("experts.inputNorm", "post_attention_layernorm"),
    ] { rows += norm(slot, layer + name) }
    rows += projections(layer + "self_attn.", output: "o_proj")
    for part in ["gate", "up", "down"] {
      rows += linear("feedForward.\(part)", layer + "mlp.\(part)_proj")
    }
    rows += expert("#", layer + "mlp.experts.#.")
    rows += linear("experts.router", layer + "mlp.gate") + norm("finalNorm", "model.norm")
    return WeightMap(
      rows, optionalPrefix: "model.", ignoredSuffixes: [".rotary_emb.inv_freq"],
      ignoredPrefixes: ignoredPrefixes)
  }

  /// The usual names of the projections of an attention.
  static func projections(_ place: String, output: String) -> [Row] {
    [("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), ("output", output)]
      .flatMap { linear("attention.\($0)", place + $1) }
  }

  /// The rows of an expert, or of the one of all tokens, with gate, down and up in this order.
  static func expert(
    _ slot: String, _ place: String, names: [String] = ["gate_proj", "down_proj", "up_proj"]
  ) -> [Row] {
    zip(["gate", "down", "up"], names).flatMap { linear("experts.\(slot).\($0)", place + $1) }
  }
}
