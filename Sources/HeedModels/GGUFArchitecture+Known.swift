import HeedFormats
import HeedTensor

// The architectures, each as the differences from Llama or GPT-2.

extension GGUFArchitecture {
  private static let decoder: [Member] = [
    .count("context_length", "max_position_embeddings"), .count("embedding_length", "hidden_size"),
    .count("block_count", "num_hidden_layers"), .count("feed_forward_length", "intermediate_size"),
    .count("attention.head_count", "num_attention_heads"),
  ]

  private static let llamaLike: [Member] =
    decoder + [
      .count("attention.head_count_kv", "num_key_value_heads"),
      .count("attention.key_length", "head_dim"),
      .number("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
      .number("rope.freq_base", "rope_theta"),
    ]

  static let llama = GGUFArchitecture(
    name: "llama", modelType: "llama",
    members: llamaLike + [
      .count("expert_count", "num_local_experts"),
      .count("expert_used_count", "num_experts_per_tok"),
    ],
    hasNeighbours: true,
    completes: { (config, file) throws(FormatError) in
      try addRotaryScaling(to: &config, of: file)
      config["attention_bias"] = .bool(file.knownShape("blk.0.attn_q.bias") != nil)
      if (config["num_local_experts"]?.integer ?? 0) > 0 { config["model_type"] = "mixtral" }
    })

  static let qwen2 = GGUFArchitecture(
    name: "qwen2", modelType: "qwen2", members: llamaLike, completes: addRotaryScaling)

  static let qwen3 = GGUFArchitecture(
    name: "qwen3", modelType: "qwen3", members: llamaLike, completes: addRotaryScaling)

  static let gemma = GGUFArchitecture(
    name: "gemma", modelType: "gemma", members: llamaLike, hasWholeGains: true,
    completes: addRotaryScaling)

  static let gemma2 = GGUFArchitecture(
    name: "gemma2", modelType: "gemma2",
    members: llamaLike + [
      .number("attn_logit_softcapping", "attn_logit_softcapping"),
      .number("final_logit_softcapping", "final_logit_softcapping"),
      .count("attention.sliding_window", "sliding_window"),
    ], hasWholeGains: true,
    completes: { (config, file) throws(FormatError) in
      // The file does not say by what scores are divided; of the published sizes, the one with 46
      // layers has it differ from the width of a head.
      config["query_pre_attn_scalar"] = scoreUnit(config, largeLayerCount: 46)
    })

  static let gemma3 = GGUFArchitecture(
    name: "gemma3", modelType: "gemma3_text",
    members: llamaLike + [.count("attention.sliding_window", "sliding_window")],
    hasWholeGains: true,
    completes: { (config, file) throws(FormatError) in
      try addRotaryScaling(to: &config, of: file)
      config["query_pre_attn_scalar"] = scoreUnit(config, largeLayerCount: 62)
    })

  static let phi3 = GGUFArchitecture(
    name: "phi3", modelType: "phi3",
    members: llamaLike + [
      .count("attention.sliding_window", "sliding_window"),
      .count("rope.scaling.original_context_length", "original_max_position_embeddings"),
    ], hasFusedGate: true,
    completes: { (config, file) throws(FormatError) in
      try addRotaryShare(to: &config, of: file, member: "partial_rotary_factor")
      if config["sliding_window"] == nil { config["sliding_window"] = .null }
      guard let long = try factors("rope_factors_long.weight", file),
        let short = try factors("rope_factors_short.weight", file)
      else { return }
      var scaling = JSONObject()
      scaling["rope_type"] = "longrope"
      scaling["long_factor"] = long
      scaling["short_factor"] = short
      if let factor = file["phi3.rope.scaling.attn_factor"]?.number {
        scaling["attention_factor"] = .number(factor)
      }
      config["rope_scaling"] = .object(scaling)
    })

  static let gpt2 = GGUFArchitecture(
    name: "gpt2", modelType: "gpt2",
    members: [
      .count("context_length", "n_positions"), .count("embedding_length", "n_embd"),
      .count("block_count", "n_layer"), .count("feed_forward_length", "n_inner"),
      .count("attention.head_count", "n_head"),
      .number("attention.layer_norm_epsilon", "layer_norm_epsilon"),
    ])

  static let gptNeoX = GGUFArchitecture(
    name: "gptneox", modelType: "gpt_neox",
    members: decoder + [
      .number("attention.layer_norm_epsilon", "layer_norm_eps"),
      .number("rope.freq_base", "rope_theta"),
    ],
    completes: { (config, file) throws(FormatError) in
      config["use_parallel_residual"] = .bool(file["gptneox.use_parallel_residual"]?.bool ?? true)
      try addRotaryShare(to: &config, of: file, member: "rotary_pct")
    })

  static let bloom = GGUFArchitecture(
    name: "bloom", modelType: "bloom",
    members: [
      .count("context_length", "seq_length"), .count("embedding_length", "n_embed"),
      .count("block_count", "n_layer"), .count("attention.head_count", "n_head"),
      .number("attention.layer_norm_epsilon", "layer_norm_epsilon"),
    ])

  /// Rotary scaling as the metadata says it, or as the factors that Llama 3 files have as a tensor.
  private static func addRotaryScaling(
    to config: inout JSONObject, of file: any GGUFContent
  ) throws(FormatError) {
    let name = file["general.architecture"]?.string ?? ""
    var scaling = JSONObject()
    if let factors = try factors("rope_freqs.weight", file) {
      scaling["rope_type"] = "longrope"
      scaling["long_factor"] = factors
      scaling["short_factor"] = factors
      scaling["attention_factor"] = 1.0
      config["rope_scaling"] = .object(scaling)
      return
    }
    let type = file["\(name).rope.scaling.type"]?.string
    let factor = file["\(name).rope.scaling.factor"]?.number ?? 1
    switch type {
    case nil where factor == 1, "none": return
    case nil, "linear": scaling["rope_type"] = "linear"
    case "yarn":
      scaling["rope_type"] = "yarn"
      if let trained = file["\(name).rope.scaling.original_context_length"]?.integer {
        scaling["original_max_position_embeddings"] = .integer(trained)
      }
    case let other?:
      throw FormatError(
        .unsupported, what: "rotary scaling \"\(other)\"", place: file.path,
        expected: "none, linear or yarn")
    }
    scaling["factor"] = .number(factor)
    config["rope_scaling"] = .object(scaling)
  }

  private static func factors(
    _ name: String, _ file: any GGUFContent
  ) throws(FormatError) -> JSONValue? {
    guard file.knownShape(name) != nil else { return nil }
    let tensor = try file.tensor(named: name).converted(to: .float32)
    guard tensor.count <= 1 << 16 else {
      throw FormatError(.limit, what: "\"\(name)\" has \(tensor.count) values", place: file.path)
    }
    return .array(tensor.elements(as: Float.self).map { .number(Double($0)) })
  }

  /// The share of the channels of a head that are turned.
  private static func addRotaryShare(
    to config: inout JSONObject, of file: any GGUFContent, member: String
  ) throws(FormatError) {
    let name = file["general.architecture"]?.string ?? ""
    guard let turned = file["\(name).rope.dimension_count"]?.integer,
      let width = headWidth(config), width > 0, turned <= width
    else { return }
    // A share is cut down to whole channels: a little more keeps a rounding from losing one.
    config[member] = .number(min(1, (Double(turned) + 0.25) / Double(width)))
  }

  private static func headWidth(_ config: JSONObject) -> Int? {
    if let width = config["head_dim"]?.integer { return width }
    guard let width = config["hidden_size"]?.integer,
      let heads = config["num_attention_heads"]?.integer, heads > 0
    else { return nil }
    return width / heads
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
