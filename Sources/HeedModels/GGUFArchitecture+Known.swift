import HeedBlocks
import HeedFormats
import HeedTensor

// The architectures, each as the differences from Llama or GPT-2.

extension GGUFArchitecture {
  static let decoder: [Member] = [
    .count("context_length", "max_position_embeddings"), .count("embedding_length", "hidden_size"),
    .count("block_count", "num_hidden_layers"), .count("feed_forward_length", "intermediate_size"),
    .count("attention.head_count", "num_attention_heads"),
  ]

  static let llamaLike: [Member] =
    decoder + [
      .count("attention.head_count_kv", "num_key_value_heads"),
      .count("attention.key_length", "head_dim"),
      .number("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
      .number("rope.freq_base", "rope_theta"),
    ]

  /// What the metadata says of the rotary positions of Llama's relatives.
  @Sendable static func addRotary(
    to config: inout JSONObject, of file: any GGUFContent
  ) throws(FormatError) {
    try addRotaryShare(to: &config, of: file)
    try addRotaryScaling(to: &config, of: file)
  }

  static let llama = GGUFArchitecture(
    name: "llama", modelType: "llama", alsoWrites: ["mistral", "mixtral"],
    className: "LlamaForCausalLM",
    members: llamaLike + [
      .count("expert_count", "num_local_experts"),
      .count("expert_used_count", "num_experts_per_tok"),
    ],
    hasNeighbours: true,
    completes: { (config, file) throws(FormatError) in
      try requireWholeHeads(config, file)
      try addRotaryScaling(to: &config, of: file)
      let hasBias = file.knownShape("blk.0.attn_q.bias") != nil
      config["attention_bias"] = .bool(hasBias)
      if (config["num_local_experts"]?.integer ?? 0) > 0 {
        config["model_type"] = "mixtral"
        config["architectures"] = ["MixtralForCausalLM"]
      } else if hasBias, file.knownShape("blk.0.attn_output.bias") == nil {
        // Biases of the input alone are what makes a Llama a Qwen2.
        config["model_type"] = .string(qwen2.modelType)
        config["architectures"] = .array([.string(qwen2.className)])
      }
    })

  static let qwen2 = GGUFArchitecture(
    name: "qwen2", modelType: "qwen2", className: "Qwen2ForCausalLM", members: llamaLike,
    completes: addRotary)

  static let qwen3 = GGUFArchitecture(
    name: "qwen3", modelType: "qwen3", className: "Qwen3ForCausalLM", members: llamaLike,
    completes: addRotary)

  static let gemma = GGUFArchitecture(
    name: "gemma", modelType: "gemma", className: "GemmaForCausalLM", members: llamaLike,
    hasWholeGains: true, completes: addRotary)

  static let gemma2 = GGUFArchitecture(
    name: "gemma2", modelType: "gemma2", className: "Gemma2ForCausalLM",
    members: llamaLike + [
      .number("attn_logit_softcapping", "attn_logit_softcapping"),
      .number("final_logit_softcapping", "final_logit_softcapping"),
      .window,
    ], hasWholeGains: true,
    completes: { (config, file) throws(FormatError) in
      try addRotary(to: &config, of: file)
      // The file does not say by what scores are divided; of the published sizes, the one with 46
      // layers has it differ from the width of a head.
      config["query_pre_attn_scalar"] = scoreUnit(config, largeLayerCount: 46)
    })

  static let gemma3 = GGUFArchitecture(
    name: "gemma3", modelType: "gemma3_text", className: "Gemma3ForCausalLM",
    members: llamaLike + [
      .window, .count("attention.sliding_window_pattern", "sliding_window_pattern"),
      .number("rope.freq_base_swa", "rope_local_base_freq"),
    ], hasWholeGains: true,
    completes: { (config, file) throws(FormatError) in
      try addRotary(to: &config, of: file)
      config["query_pre_attn_scalar"] = scoreUnit(config, largeLayerCount: 62)
    })

  static let phi3 = GGUFArchitecture(
    name: "phi3", modelType: "phi3", className: "Phi3ForCausalLM",
    members: llamaLike + [
      .window,
      .count("rope.scaling.original_context_length", "original_max_position_embeddings"),
    ], hasFusedGate: true,
    completes: { (config, file) throws(FormatError) in
      if config["sliding_window"] == nil { config["sliding_window"] = .null }
      try addRotary(to: &config, of: file)
    })

  static let gpt2 = GGUFArchitecture(
    name: "gpt2", modelType: "gpt2", className: "GPT2LMHeadModel",
    members: [
      .count("context_length", "n_positions"), .count("embedding_length", "n_embd"),
      .count("block_count", "n_layer"), .count("feed_forward_length", "n_inner"),
      .count("attention.head_count", "n_head"),
      .number("attention.layer_norm_epsilon", "layer_norm_epsilon"),
    ])

  static let gptNeoX = GGUFArchitecture(
    name: "gptneox", modelType: "gpt_neox", className: "GPTNeoXForCausalLM",
    members: decoder + [
      .number("attention.layer_norm_epsilon", "layer_norm_eps"),
      .number("rope.freq_base", "rope_theta"),
    ],
    states: { spec in
      guard let block = spec.blocks.first else { return [] }
      return [("use_parallel_residual", .bool(block.arrangement != .sequential))]
    },
    completes: { (config, file) throws(FormatError) in
      config["use_parallel_residual"] = .bool(file["gptneox.use_parallel_residual"]?.bool ?? true)
      try addRotaryShare(to: &config, of: file, member: "rotary_pct")
    })

  static let bloom = GGUFArchitecture(
    name: "bloom", modelType: "bloom", className: "BloomForCausalLM",
    members: [
      .count("context_length", "seq_length"), .count("embedding_length", "n_embed"),
      .count("block_count", "n_layer"), .count("attention.head_count", "n_head"),
      .number("attention.layer_norm_epsilon", "layer_norm_epsilon"),
    ])

  /// Rows of whole heads are moved in Llama's files, so partly turned heads have no place there.
  private static func requireWholeHeads(
    _ config: JSONObject, _ file: any GGUFContent
  ) throws(FormatError) {
    let key = "llama.rope.dimension_count"
    guard let turned = file[key]?.integer, let width = headWidth(config), turned != width else {
      return
    }
    throw FormatError(
      .unsupported, what: "\(key) is \(turned)", place: file.path,
      expected: "\(width), all channels of a head")
  }

  private static func scoreUnit(_ config: JSONObject, largeLayerCount: Int) -> JSONValue? {
    if config["num_hidden_layers"]?.integer == largeLayerCount,
      let width = config["hidden_size"]?.integer,
      let heads = config["num_attention_heads"]?.integer, heads > 0
    {
      return .integer(width / heads)
    }
    return headWidth(config).map { .integer($0) }
  }
}
