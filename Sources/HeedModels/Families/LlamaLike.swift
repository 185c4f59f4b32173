// What Llama and its many relatives have in common: the members of their configs, the shape of
// their blocks, and the names of their weights. A family takes what it wants from here and changes
// the values it gets; there is no base class to override.

import HeedAttention
public import HeedBlocks
public import HeedFormats

/// What a decoder has around its blocks, with the norm of all of them.
public struct DecoderFrame: Sendable {
  /// Name of the family, for people.
  public var family: String
  /// E.
  public var width: Int
  /// V.
  public var vocabularySize: Int
  /// Blocks.
  public var layerCount: Int
  /// Positions that it was made for.
  public var contextLength: Int
  /// Before each branch and at the end.
  public var norm: NormSpec
  /// Whether the head is the token embedding.
  public var isHeadTied: Bool
  /// Ids that end a text.
  public var endTokens: [Int]

  /// A pre-norm block of two branches.
  public func block(_ attention: OperationSpec, _ second: OperationSpec) -> BlockSpec {
    BlockSpec([
      BranchSpec(inputNorm: norm, operation: attention),
      BranchSpec(inputNorm: norm, operation: second),
    ])
  }

  /// The model whose block number i is `block(i)`.
  public func spec(_ block: (Int) -> BlockSpec) -> ModelSpec {
    ModelSpec(
      family: family, vocabularySize: vocabularySize, width: width,
      contextLength: contextLength, blocks: (0..<layerCount).map(block), finalNorm: norm,
      isHeadTied: isHeadTied, endTokens: endTokens)
  }
}

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
    DecoderFrame(
      family: family, width: try count("hidden_size"), vocabularySize: try count("vocab_size"),
      layerCount: try layerCount("num_hidden_layers"),
      contextLength: try count("max_position_embeddings", default: contextLength),
      norm: .rms(epsilon: try number("rms_norm_eps", default: epsilon), gainOffset: gainOffset),
      isHeadTied: try flag("tie_word_embeddings", default: isHeadTied),
      endTokens: try tokens("eos_token_id"))
  }

  /// Rotary self-attention of a relative of Llama, without biases.
  ///
  /// - Parameters:
  ///   - headWidth: when the config has no `head_dim`; an equal part of the width when nil.
  ///   - base: of the rotary positions, when the config does not say.
  public func llamaAttention(
    in frame: DecoderFrame, headWidth: Int? = nil, base: Double = 10_000
  ) throws(FormatError) -> SelfAttentionSpec {
    let (heads, groups, width) = try llamaHeads(in: frame, headWidth: headWidth)
    return SelfAttentionSpec(
      headCount: heads, keyValueHeadCount: groups, headWidth: width,
      rotary: try rotary(
        width: rotaryWidth(headWidth: width), contextLength: frame.contextLength, base: base))
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

extension SelfAttentionSpec {
  /// The same with biases on its projections.
  func withBiases(input: Bool, output: Bool) -> SelfAttentionSpec {
    var result = self
    (result.hasInputBias, result.hasOutputBias) = (input, output)
    return result
  }

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
    for part in ["query": "q", "key": "k", "value": "v", "output": "o"] {
      rows += linear("attention.\(part.key)", layer + "self_attn.\(part.value)_proj")
    }
    for part in ["gate", "up", "down"] {
      rows += linear("feedForward.\(part)", layer + "mlp.\(part)_proj")
      rows += linear("experts.#.\(part)", layer + "mlp.experts.#.\(part)_proj")
    }
    rows += linear("experts.router", layer + "mlp.gate") + norm("finalNorm", "model.norm")
    return WeightMap(
      rows, optionalPrefix: "model.", ignoredSuffixes: [".rotary_emb.inv_freq"],
      ignoredPrefixes: ignoredPrefixes)
  }
}
