import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

/// Names and metadata as llama.cpp's own files have them, written out by hand.
@Suite("Names of GGUF files")
struct GGUFNamesTests {
  private func file(_ config: JSONValue, _ body: (GGUFFile) throws -> Void) throws {
    let (_, _, parameters) = try smallParameters(config)
    try withModelFolder(config, parameters) { folder in
      try ModelConversion.convert(folder, to: folder + "/m.gguf", type: .f32)
      try body(GGUFFile(path: folder + "/m.gguf"))
    }
  }

  private func expect(
    _ config: JSONValue, outside: [String], layers: [String],
    shapes: [String: [Int]] = [:], metadata: [String: GGUFValue]
  ) throws {
    try file(config) { file in
      let names =
        outside.map { $0 + ".weight" }
        + layers.enumerated().flatMap { layer, list in
          list.split(separator: " ").map { name in
            "blk.\(layer)." + (name.contains(".") ? String(name) : name + ".weight")
          }
        }
      #expect(file.tensorNames.sorted() == names.sorted())
      for (name, shape) in shapes { #expect(file.entry(named: name)?.shape == shape, "\(name)") }
      for (key, value) in metadata { #expect(file[key] == value, "\(key)") }
    }
  }

  private let untied = ["token_embd", "output_norm", "output"]

  @Test("Mixtral is a Llama with stacks of experts")
  func mixtral() throws {
    let layer =
      "attn_norm attn_q attn_k attn_v attn_output ffn_norm ffn_gate_inp ffn_gate_exps ffn_up_exps "
      + "ffn_down_exps"
    try expect(
      SmallConfig.mixtral, outside: untied, layers: [layer, layer],
      shapes: [
        "blk.0.ffn_gate_exps.weight": [4, 14, 12], "blk.0.ffn_down_exps.weight": [4, 12, 14],
      ],
      metadata: [
        "general.architecture": .string("llama"), "llama.expert_count": .uint32(4),
        "llama.expert_used_count": .uint32(2), "llama.feed_forward_length": .uint32(14),
      ])
  }

  @Test("Qwen2-MoE has a shared expert behind a gate that is a vector")
  func qwen2MoE() throws {
    let layer =
      "attn_norm attn_q attn_q.bias attn_k attn_k.bias attn_v attn_v.bias attn_output ffn_norm "
      + "ffn_gate_inp ffn_gate_exps ffn_up_exps ffn_down_exps ffn_gate_inp_shexp ffn_gate_shexp "
      + "ffn_up_shexp ffn_down_shexp"
    try expect(
      GGUFModelTests.qwen2MoE, outside: untied, layers: [layer, layer],
      shapes: ["blk.1.ffn_gate_inp_shexp.weight": [12], "blk.1.ffn_up_shexp.weight": [8, 12]],
      metadata: [
        "general.architecture": .string("qwen2moe"), "qwen2moe.expert_count": .uint32(4),
        "qwen2moe.expert_used_count": .uint32(2),
        "qwen2moe.expert_feed_forward_length": .uint32(10),
        "qwen2moe.expert_shared_feed_forward_length": .uint32(8),
      ])
  }

  @Test("DeepSeek-V2: a dense layer, then experts; keys and values of the latent apart")
  func deepSeekV2() throws {
    let attention =
      "attn_norm attn_q attn_kv_a_mqa attn_kv_a_norm attn_k_b attn_v_b attn_output ffn_norm "
    let dense = attention + "ffn_gate ffn_up ffn_down"
    let experts =
      attention + "ffn_gate_inp ffn_gate_exps ffn_up_exps ffn_down_exps ffn_gate_shexp "
      + "ffn_up_shexp ffn_down_shexp"
    try expect(
      SmallConfig.deepSeekV2, outside: untied, layers: [dense, experts],
      shapes: ["blk.0.attn_k_b.weight": [4, 8, 4], "blk.0.attn_v_b.weight": [4, 3, 8]],
      metadata: [
        "general.architecture": .string("deepseek2"), "deepseek2.attention.head_count": .uint32(4),
        "deepseek2.attention.head_count_kv": .uint32(1),
        "deepseek2.attention.kv_lora_rank": .uint32(8),
        "deepseek2.attention.key_length": .uint32(10),
        "deepseek2.attention.value_length": .uint32(8),
        "deepseek2.attention.key_length_mla": .uint32(6),
        "deepseek2.attention.value_length_mla": .uint32(3),
        "deepseek2.rope.dimension_count": .uint32(2),
        "deepseek2.leading_dense_block_count": .uint32(1), "deepseek2.expert_count": .uint32(4),
        "deepseek2.expert_used_count": .uint32(2), "deepseek2.expert_shared_count": .uint32(2),
        "deepseek2.expert_feed_forward_length": .uint32(10),
        "deepseek2.expert_weights_scale": .float32(1.5),
        "deepseek2.expert_weights_norm": .bool(false), "deepseek2.expert_gating_func": .uint32(1),
        "deepseek2.expert_group_count": .uint32(2),
        "deepseek2.expert_group_used_count": .uint32(1),
      ])
  }

  @Test("DeepSeek-V3: queries through a latent, a correction of the router, YaRN")
  func deepSeekV3() throws {
    let layer =
      "attn_norm attn_q_a attn_q_a_norm attn_q_b attn_kv_a_mqa attn_kv_a_norm attn_k_b attn_v_b "
      + "attn_output ffn_norm ffn_gate_inp exp_probs_b.bias ffn_gate_exps ffn_up_exps ffn_down_exps "
      + "ffn_gate_shexp ffn_up_shexp ffn_down_shexp"
    try expect(
      GGUFModelTests.deepSeekV3, outside: untied, layers: [layer, layer],
      metadata: [
        "deepseek2.attention.q_lora_rank": .uint32(7), "deepseek2.expert_gating_func": .uint32(2),
        "deepseek2.expert_weights_norm": .bool(true),
        "deepseek2.expert_weights_scale": .float32(2.5),
        "deepseek2.leading_dense_block_count": .uint32(0),
        "deepseek2.rope.scaling.type": .string("yarn"),
        "deepseek2.rope.scaling.factor": .float32(4),
        "deepseek2.rope.scaling.original_context_length": .uint32(16),
        "deepseek2.rope.scaling.yarn_log_multiplier": .float32(0.0707),
      ])
  }

  @Test("gpt-oss has sinks, biases everywhere, and calls its second norm that after the attention")
  func gptOSS() throws {
    let layer =
      "attn_norm attn_q attn_q.bias attn_k attn_k.bias attn_v attn_v.bias attn_output "
      + "attn_output.bias attn_sinks post_attention_norm ffn_gate_inp ffn_gate_inp.bias ffn_gate_exps "
      + "ffn_gate_exps.bias ffn_up_exps ffn_up_exps.bias ffn_down_exps ffn_down_exps.bias"
    try expect(
      SmallConfig.gptOSS, outside: untied, layers: [layer, layer],
      shapes: [
        "blk.0.ffn_gate_exps.weight": [4, 14, 12], "blk.0.ffn_up_exps.bias": [4, 14],
        "blk.0.ffn_down_exps.weight": [4, 12, 14], "blk.0.attn_sinks.weight": [4],
      ],
      metadata: [
        "general.architecture": .string("gpt-oss"), "gpt-oss.expert_count": .uint32(4),
        "gpt-oss.expert_used_count": .uint32(2), "gpt-oss.attention.sliding_window": .uint32(3),
        "gpt-oss.expert_feed_forward_length": .uint32(14),
        "gpt-oss.attention.key_length": .uint32(6),
        "gpt-oss.rope.scaling.type": .string("yarn"),
        "gpt-oss.rope.scaling.factor": .float32(4),
        "gpt-oss.rope.scaling.original_context_length": .uint32(16),
      ])
  }
}
