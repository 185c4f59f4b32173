public import HeedFormats

/// Small configurations of each family, in the spelling of older files.
public enum SmallConfig {
  /// GPT-2.
  public static let gpt2: JSONValue = [
    "model_type": "gpt2", "n_embd": 12, "n_head": 3, "n_layer": 2, "n_positions": 20,
    "n_inner": .null, "vocab_size": 17,
  ]

  /// GPT-J, partly turned heads.
  public static let gptJ: JSONValue = [
    "model_type": "gptj", "n_embd": 12, "n_head": 3, "n_layer": 2, "n_positions": 64, "n_inner": 14,
    "rotary_dim": 2, "vocab_size": 17,
  ]

  /// GPT-NeoX, partly turned heads.
  public static let gptNeoX: JSONValue = [
    "model_type": "gpt_neox", "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 2,
    "intermediate_size": 14, "vocab_size": 17, "rotary_pct": 0.5, "max_position_embeddings": 64,
  ]

  /// OPT.
  public static let opt: JSONValue = [
    "model_type": "opt", "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 2,
    "ffn_dim": 14, "vocab_size": 17, "max_position_embeddings": 20,
  ]

  /// OPT with norms behind its branches.
  public static let optPostNorm = opt.with(("do_layer_norm_before", false))

  /// BLOOM.
  public static let bloom: JSONValue = [
    "model_type": "bloom", "hidden_size": 12, "n_head": 3, "n_layer": 2, "vocab_size": 17,
  ]

  /// Llama, grouped keys and values.
  public static let llama: JSONValue = [
    "model_type": "llama", "hidden_size": 12, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 6, "num_hidden_layers": 2, "intermediate_size": 14, "vocab_size": 17,
    "rms_norm_eps": 1e-5, "rope_theta": 5000.0, "max_position_embeddings": 64,
    "tie_word_embeddings": false,
  ]

  /// Mistral, a short window.
  public static let mistral = llama.with(("model_type", "mistral"), ("sliding_window", 3))

  /// Mixtral, two of four experts.
  public static let mixtral = llama.with(
    ("model_type", "mixtral"), ("num_local_experts", 4), ("num_experts_per_tok", 2))

  /// Qwen2, a window on the last layer.
  public static let qwen2 = llama.with(
    ("model_type", "qwen2"), ("use_sliding_window", true), ("sliding_window", 3),
    ("max_window_layers", 1))

  /// Qwen2-MoE, a dense layer and one of experts.
  public static let qwen2MoE = llama.with(
    ("model_type", "qwen2_moe"), ("num_experts", 4), ("num_experts_per_tok", 2),
    ("moe_intermediate_size", 10), ("shared_expert_intermediate_size", 8),
    ("norm_topk_prob", false), ("mlp_only_layers", [0]))

  /// Qwen3.
  public static let qwen3 = llama.with(("model_type", "qwen3"))

  /// Gemma.
  public static let gemma = llama.with(("model_type", "gemma"), ("tie_word_embeddings", true))

  /// Gemma 2, soft caps that bite.
  public static let gemma2 = llama.with(
    ("model_type", "gemma2"), ("tie_word_embeddings", true), ("sliding_window", 3),
    ("query_pre_attn_scalar", 9), ("attn_logit_softcapping", 2.0), ("final_logit_softcapping", 5.0))

  /// Gemma 3, both kinds of layers.
  public static let gemma3 = llama.with(
    ("model_type", "gemma3_text"), ("tie_word_embeddings", true), ("sliding_window", 3),
    ("sliding_window_pattern", 2), ("query_pre_attn_scalar", 6), ("rope_local_base_freq", 100.0))

  /// Phi-3, partly turned heads.
  public static let phi3 = llama.with(
    ("model_type", "phi3"), ("sliding_window", 5), ("partial_rotary_factor", 0.7))

  /// DeepSeek-V2, a dense layer and one of experts in groups.
  public static let deepSeekV2 = llama.with(
    ("model_type", "deepseek_v2"), ("q_lora_rank", .null), ("kv_lora_rank", 8),
    ("qk_nope_head_dim", 4), ("qk_rope_head_dim", 2), ("v_head_dim", 3), ("n_routed_experts", 4),
    ("num_experts_per_tok", 2), ("moe_intermediate_size", 10), ("n_shared_experts", 2),
    ("first_k_dense_replace", 1), ("topk_method", "group_limited_greedy"), ("n_group", 2),
    ("topk_group", 1), ("routed_scaling_factor", 1.5))

  /// DeepSeek-V3, queries of low rank.
  public static let deepSeekV3 = llama.with(
    ("model_type", "deepseek_v3"), ("q_lora_rank", 7), ("kv_lora_rank", 8), ("qk_nope_head_dim", 4),
    ("qk_rope_head_dim", 2), ("v_head_dim", 3), ("n_routed_experts", 8), ("num_experts_per_tok", 3),
    ("moe_intermediate_size", 10), ("n_shared_experts", 1), ("first_k_dense_replace", 0),
    ("n_group", 4), ("topk_group", 2))

  /// gpt-oss, YaRN.
  public static let gptOSS = llama.with(
    ("model_type", "gpt_oss"), ("num_local_experts", 4), ("num_experts_per_tok", 2),
    ("sliding_window", 3),
    (
      "rope_scaling",
      [
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16,
        "truncate": false,
      ]
    ))

  /// DiffLlama.
  public static let diffLlama = llama.with(("model_type", "diffllama"), ("head_dim", 4))

  /// One of each family, and what a family has two of.
  public static let all = [
    gpt2, gptJ, gptNeoX, opt, optPostNorm, bloom, llama, mistral, mixtral, qwen2, qwen2MoE, qwen3,
    gemma, gemma2, gemma3, phi3, deepSeekV2, deepSeekV3, gptOSS, diffLlama,
  ]

  /// Those whose result changes little with the inputs: a router may choose other experts.
  public static let withoutExperts = all.filter { $0["num_experts_per_tok"] == nil }
}

extension JSONValue {
  /// The same object with other members; without those that are nil.
  public func with(_ members: (String, JSONValue?)...) -> JSONValue {
    guard var object else { return self }
    for (key, value) in members { object[key] = value }
    return .object(object)
  }
}
