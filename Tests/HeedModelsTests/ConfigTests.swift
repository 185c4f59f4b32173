import HeedFormats
import HeedModels
import HeedTestSupport
import Testing

@Suite("Configurations")
struct ConfigTests {
  private func spec(_ config: JSONValue) throws -> ModelSpec {
    try FamilyRegistry.standard.family(for: config, place: "test").spec(config, "test")
  }

  private static let windows: JSONValue = ["sliding_attention", "full_attention"]

  @Test(
    "the older and the newer spelling are one model",
    arguments: [
      (
        SmallConfig.llama.with(("rope_scaling", ["type": "linear", "factor": 2.0])),
        SmallConfig.llama.with(
          ("rope_theta", nil),
          ("rope_parameters", ["rope_type": "linear", "factor": 2.0, "rope_theta": 5000.0]))
      ),
      (
        SmallConfig.gptNeoX.with(("rotary_emb_base", 500)),
        SmallConfig.gptNeoX.with(
          ("rotary_pct", nil),
          ("rope_parameters", ["rope_theta": 500.0, "partial_rotary_factor": 0.5]))
      ),
      (
        SmallConfig.phi3,
        SmallConfig.phi3.with(
          ("partial_rotary_factor", nil), ("rope_theta", nil),
          ("rope_parameters", ["rope_theta": 5000.0, "partial_rotary_factor": 0.7]))
      ),
      (
        SmallConfig.gemma3.with(("rope_scaling", ["rope_type": "linear", "factor": 8.0])),
        SmallConfig.gemma3.with(
          ("rope_theta", nil), ("rope_local_base_freq", nil), ("sliding_window_pattern", nil),
          ("layer_types", windows),
          (
            "rope_parameters",
            [
              "full_attention": ["rope_type": "linear", "factor": 8.0, "rope_theta": 5000.0],
              "sliding_attention": ["rope_type": "default", "rope_theta": 100.0],
            ]
          ))
      ),
      (SmallConfig.gemma2, SmallConfig.gemma2.with(("layer_types", windows))),
      (SmallConfig.gptOSS, SmallConfig.gptOSS.with(("layer_types", windows))),
      (
        SmallConfig.bloom,
        SmallConfig.bloom.with(
          ("n_embed", 12), ("hidden_size", nil), ("n_head", nil), ("num_attention_heads", 3))
      ),
      (
        SmallConfig.gemma.with(("hidden_act", "gelu")),
        SmallConfig.gemma.with(("hidden_activation", "gelu_pytorch_tanh"))
      ),
    ])
  func spellings(older: JSONValue, newer: JSONValue) throws {
    #expect(older != newer)
    #expect(try spec(older) == spec(newer))
  }

  @Test("a null switches a soft cap off, an absent one has its default")
  func caps() throws {
    let off = SmallConfig.gemma2.with(("final_logit_softcapping", .null))
    #expect(try spec(off).logitSoftCap == nil)
    let absent = SmallConfig.gemma2.with(("final_logit_softcapping", nil))
    #expect(try spec(absent).logitSoftCap == 30)
  }

  @Test("the width of windows that no layer has does not count")
  func idleWindow() throws {
    let off = SmallConfig.qwen2.with(("use_sliding_window", false), ("sliding_window", 0))
    #expect(try spec(off) == spec(off.with(("sliding_window", .null))))
  }

  @Test(
    "a configuration that cannot be is refused, never a crash",
    arguments: [
      SmallConfig.gpt2.with(("n_head", 5)), SmallConfig.gpt2.with(("n_embd", "12")),
      SmallConfig.gpt2.with(("n_layer", -1)), SmallConfig.gpt2.with(("vocab_size", 1.5)),
      SmallConfig.gpt2.with(("activation_function", "magic")),
      SmallConfig.gptJ.with(("rotary_dim", 6)), SmallConfig.gptJ.with(("rotary_dim", 3)),
      SmallConfig.gptNeoX.with(("rotary_pct", 0.0)), SmallConfig.gptNeoX.with(("rotary_pct", 2.0)),
      SmallConfig.gptNeoX.with(("use_parallel_residual", "yes")),
      SmallConfig.opt.with(("word_embed_proj_dim", 6)),
      SmallConfig.bloom.with(("apply_residual_connection_post_layernorm", true)),
      SmallConfig.llama.with(("num_key_value_heads", 3)), SmallConfig.llama.with(("head_dim", 5)),
      SmallConfig.llama.with(("rope_scaling", ["type": "magic", "factor": 2.0])),
      SmallConfig.llama.with(("rope_scaling", ["type": 3])),
      SmallConfig.llama.with(("rope_scaling", "linear")),
      SmallConfig.llama.with(("rope_theta", -1.0)),
      SmallConfig.llama.with(("hidden_size", .null)),
      SmallConfig.llama.with(("model_type", "no such family")),
      SmallConfig.mistral.with(("sliding_window", -3)),
      SmallConfig.qwen2.with(("layer_types", ["full_attention"])),
      SmallConfig.qwen2.with(("layer_types", ["full_attention", "no_attention"])),
      SmallConfig.qwen3.with(("layer_types", windows), ("sliding_window", .null)),
      SmallConfig.mixtral.with(("num_experts_per_tok", 5)),
      SmallConfig.mixtral.with(("num_local_experts", 0)),
      SmallConfig.gemma.with(("use_bidirectional_attention", true)),
      SmallConfig.gemma2.with(("attn_logit_softcapping", 0.0)),
      SmallConfig.phi3.with(("rope_scaling", ["type": "longrope", "short_factor": [1.0]])),
      SmallConfig.deepSeekV2.with(("topk_method", "magic")),
      SmallConfig.deepSeekV2.with(("norm_topk_prob", 1)),
      SmallConfig.deepSeekV3.with(("n_group", 3)), SmallConfig.deepSeekV3.with(("topk_group", 1)),
      SmallConfig.deepSeekV3.with(("scoring_func", "softmax")),
      SmallConfig.gptOSS.with(("swiglu_limit", 0)), SmallConfig.gptOSS.with(("hidden_act", "relu")),
      SmallConfig.diffLlama.with(("num_attention_heads", 3), ("num_key_value_heads", 3)),
    ])
  func refusals(config: JSONValue) {
    #expect(throws: FormatError.self) { try spec(config) }
  }

  @Test(
    "a configuration that asks for more than there can be is refused before anything is made",
    arguments: [
      SmallConfig.llama.with(("num_hidden_layers", .integer(1 << 25))),
      SmallConfig.llama.with(("hidden_size", .integer(1 << 62))),
      SmallConfig.llama.with(("hidden_size", .integer(1 << 25)), ("head_dim", .integer(1 << 25))),
      SmallConfig.mixtral.with(("num_local_experts", .integer(1 << 25))),
      SmallConfig.mixtral.with(("num_hidden_layers", 4096), ("num_local_experts", 4096)),
      SmallConfig.deepSeekV2.with(
        ("kv_lora_rank", .integer(1 << 25)), ("v_head_dim", .integer(1 << 25)),
        ("qk_nope_head_dim", .integer(1 << 25))),
      SmallConfig.deepSeekV2.with(
        ("moe_intermediate_size", .integer(1 << 25)), ("n_shared_experts", .integer(1 << 25))),
    ])
  func limits(config: JSONValue) {
    #expect(throws: FormatError.self) { try spec(config) }
  }

  @Test(
    "rotary scaling by what cannot divide is refused by its name",
    arguments: [
      (["rope_type": "linear", "factor": 0.0], "factor"),
      (["rope_type": "linear", "factor": -2.0], "factor"),
      (["rope_type": "dynamic", "factor": 0], "factor"),
      (
        ["rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4],
        "low_freq_factor"
      ),
      (
        ["rope_type": "llama3", "factor": 8, "low_freq_factor": 0, "high_freq_factor": 4],
        "low_freq_factor"
      ),
      (["rope_type": "yarn", "factor": 0], "factor"),
      (["rope_type": "yarn", "factor": 2, "beta_slow": 0], "beta_slow"),
      (["rope_type": "yarn", "factor": 2, "attention_factor": 0], "attention_factor"),
      (["rope_type": "yarn", "factor": 2, "mscale_all_dim": -5.0], "mscale_all_dim"),
      (
        ["type": "longrope", "short_factor": [1, 0, 1], "long_factor": [1, 1, 1]], "short_factor"
      ),
    ] as [(JSONValue, String)])
  func rotaryScaling(scaling: JSONValue, member: String) {
    let error = #expect(throws: FormatError.self) {
      try spec(SmallConfig.llama.with(("rope_scaling", scaling)))
    }
    #expect(error?.what.contains("\"\(member)\"") == true)
  }

  @Test("an unknown model type comes with the nearest known ones")
  func nearest() {
    for (type, want) in [
      ("lama", "did you mean llama"), ("gemma3", "gemma3_text"), ("qwen4", "qwen2"),
    ] {
      let error = #expect(throws: FormatError.self) {
        try FamilyRegistry.standard.family(for: ["model_type": .string(type)], place: "test")
      }
      #expect(error?.hint?.contains(want) == true, "\(error?.hint ?? "")")
      #expect(error?.expected?.contains("gpt_neox") == true)
    }
  }

  @Test("quantised weights are refused by name")
  func quantised() {
    let config = SmallConfig.gptOSS.with(("quantization_config", ["quant_method": "mxfp4"]))
    let error = #expect(throws: FormatError.self) { try spec(config) }
    #expect(error?.code == .unsupported && error?.what.contains("mxfp4") == true)
    #expect(throws: Never.self) { try spec(config.with(("quantization_config", .null))) }
  }
}
