import HeedAttention
import HeedBlocks
import HeedFormats

// The architectures whose layers have experts and are no Llama.

extension GGUFArchitecture {
  static let qwen2MoE = GGUFArchitecture(
    name: "qwen2moe", modelType: "qwen2_moe", className: "Qwen2MoeForCausalLM",
    members: llamaLike + [
      .count("expert_count", "num_experts"), .count("expert_used_count", "num_experts_per_tok"),
      .count("expert_feed_forward_length", "moe_intermediate_size"),
      .count("expert_shared_feed_forward_length", "shared_expert_intermediate_size"),
    ],
    completes: { (config, file) throws(FormatError) in
      try addRotary(to: &config, of: file)
      // Of these models every layer has experts, and no weights are made to sum to one.
      config["norm_topk_prob"] = false
      // The first files leave the widths to their tensors, [n, F, E] and [F, E].
      for (member, name) in [
        ("moe_intermediate_size", "ffn_gate_exps"),
        ("shared_expert_intermediate_size", "ffn_gate_shexp"),
      ] where config[member] == nil {
        guard let width = file.knownShape("blk.0.\(name).weight")?.dropLast().last else { continue }
        config[member] = .integer(width)
      }
    })

  static let gptOSS = GGUFArchitecture(
    name: "gpt-oss", modelType: "gpt_oss", className: "GptOssForCausalLM",
    members: llamaLike + [
      .count("expert_count", "num_local_experts"),
      .count("expert_used_count", "num_experts_per_tok"),
      .count("expert_feed_forward_length", "intermediate_size"),
      .window,
    ],
    names: ["experts.inputNorm": "post_attention_norm"],
    completes: { (config, file) throws(FormatError) in
      try addRotary(to: &config, of: file)
      guard var scaling = config["rope_scaling"]?.object else { return }
      scaling["truncate"] = false
      config["rope_scaling"] = .object(scaling)
    })

  /// DeepSeek-V2 and V3. Attention over the latent itself has one key head as wide as a latent and its
  /// rotary part, and that is what the file says of keys and values; the widths of the heads that it
  /// stands for have keys of their own, and older files have those alone.
  static let deepSeek2 = GGUFArchitecture(
    name: "deepseek2", modelType: "deepseek_v2", alsoWrites: ["deepseek_v3"],
    className: "DeepseekV2ForCausalLM",
    members: decoder + [
      .number("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
      .number("rope.freq_base", "rope_theta"), .count("attention.q_lora_rank", "q_lora_rank"),
      .count("attention.kv_lora_rank", "kv_lora_rank"),
      .count("rope.dimension_count", "qk_rope_head_dim"),
      .count("leading_dense_block_count", "first_k_dense_replace"),
      .count("expert_count", "n_routed_experts"),
      .count("expert_used_count", "num_experts_per_tok"),
      .count("expert_feed_forward_length", "moe_intermediate_size"),
      .count("expert_shared_count", "n_shared_experts"),
      .number("expert_weights_scale", "routed_scaling_factor"),
      .flag("expert_weights_norm", "norm_topk_prob"),
      .count("expert_group_count", "n_group"), .count("expert_group_used_count", "topk_group"),
    ],
    names: ["attention.queryNorm": "attn_q_a_norm"], states: deepSeekStatements,
    opens: { LatentExpansion.Joined($0) }, splits: LatentExpansion.split,
    completes: { (config, file) throws(FormatError) in
      func count(_ key: String) -> Int? {
        file["deepseek2." + key]?.integer.flatMap { (0..<1 << 26).contains($0) ? $0 : nil }
      }
      // Files from before there was the key are of V2.
      let score = file["deepseek2.expert_gating_func"]?.integer ?? softmaxCode
      guard [0, softmaxCode, sigmoidCode].contains(score) else {
        throw FormatError(
          .unsupported, what: "\"deepseek2.expert_gating_func\" is \(score)", place: file.path,
          expected: "\(softmaxCode), a softmax, or \(sigmoidCode), sigmoids")
      }
      if score == sigmoidCode {
        config["model_type"] = "deepseek_v3"
        config["architectures"] = ["DeepseekV3ForCausalLM"]
        for member in ["n_group", "topk_group"] where config[member] == nil { config[member] = 1 }
      } else {
        let hasGroups = (config["n_group"]?.integer ?? 1) > 1
        config["topk_method"] = hasGroups ? "group_limited_greedy" : "greedy"
      }
      config["norm_topk_prob"] = config["norm_topk_prob"] ?? false
      config["num_key_value_heads"] = config["num_attention_heads"]
      // Absent in the file means none, in a config a number of its own.
      for member in ["q_lora_rank", "n_shared_experts"] where (config[member]?.integer ?? 0) == 0 {
        config[member] = .null
      }
      guard let turned = count("rope.dimension_count"),
        let keys = count("attention.key_length_mla") ?? count("attention.key_length"),
        let values = count("attention.value_length_mla") ?? count("attention.value_length")
      else {
        throw FormatError(
          .missing, what: "the widths of keys, values and their rotary part are not all there",
          place: file.path, expected: "deepseek2.attention.key_length and its relatives")
      }
      config["qk_nope_head_dim"] = .integer(max(keys, turned) - turned)
      config["v_head_dim"] = .integer(values)
      try addRotaryScaling(to: &config, of: file)
    })

  /// How `expert_gating_func` calls scores that are shares of one, and scores each by itself.
  private static let (softmaxCode, sigmoidCode) = (1, 2)

  @Sendable private static func deepSeekStatements(
    _ spec: ModelSpec
  ) -> [(key: String, value: GGUFValue)] {
    var result: [(key: String, value: GGUFValue)] = []
    func add(_ key: String, _ count: Int) {
      result.append((key, .uint32(UInt32(clamping: count))))
    }
    if let attention = spec.latentAttentions.first {
      let turned = attention.rotary.width
      add("attention.head_count", attention.headCount)
      add("attention.head_count_kv", 1)
      add("attention.kv_lora_rank", attention.latentWidth)
      add("attention.key_length", attention.latentWidth + turned)
      add("attention.value_length", attention.latentWidth)
      add("attention.key_length_mla", attention.plainWidth + turned)
      add("attention.value_length_mla", attention.valueWidth)
      add("rope.dimension_count", turned)
      result.append(("rope.freq_base", .float32(Float(attention.rotary.base))))
      result += statements(of: attention.rotary.scaling)
    }
    let isDense = spec.blocks.map { block in
      !block.branches.contains { if case .experts = $0.operation { true } else { false } }
    }
    add("leading_dense_block_count", isDense.prefix { $0 }.count)
    if let experts = spec.experts.first {
      let (width, router) = (experts.expert.hiddenWidth, experts.router)
      add("expert_feed_forward_length", width)
      add("expert_shared_count", (experts.shared?.feedForward.hiddenWidth ?? 0) / max(width, 1))
      add("expert_gating_func", router.score == .sigmoid ? sigmoidCode : softmaxCode)
      result.append(("expert_weights_norm", .bool(router.sumsToOne)))
      result.append(("expert_weights_scale", .float32(Float(router.scale))))
      if let groups = router.groups {
        add("expert_group_count", groups.count)
        add("expert_group_used_count", groups.chosenCount)
      }
    }
    return result
  }
}
