import Foundation
import Testing

@Suite struct CacheTypeTests {
  @Test("latents are kept as 32, 16 and 8 bits")
  func latents() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = folder.appendingPathComponent("text.txt").path
    let model = folder.appendingPathComponent("model").path
    try Data(String(repeating: "to be or not to be, that is the question\n", count: 8).utf8)
      .write(to: URL(fileURLWithPath: text))
    let settings = [
      "model_type=deepseek_v2", "hidden_size=16", "num_attention_heads=2",
      "num_hidden_layers=1", "intermediate_size=16", "kv_lora_rank=8", "q_lora_rank=null",
      "qk_nope_head_dim=4", "qk_rope_head_dim=2", "v_head_dim=4", "max_position_embeddings=16",
      "first_k_dense_replace=1", "n_routed_experts=2", "num_experts_per_tok=1",
      "moe_intermediate_size=8", "n_shared_experts=1", "topk_method=greedy",
    ].flatMap { ["--set", "config.\($0)"] }
    let trained = try Run(
      ["train", "shakespeare-chars", "--set", "context_length=8", "--batch", "1", "--steps", "1"]
        + settings + ["--text", text, "--output", model, "--quiet"])
    #expect(trained.status == 0, "\(trained.errors)")
    let generate = ["generate", "to", "--model", model, "--tokens", "4", "--cache-type"]
    for type in ["f32", "bf16", "int8"] {
      let run = try Run(generate + [type])
      #expect(run.status == 0 && run.output.hasPrefix("to"), "\(type): \(run.errors)")
    }
  }
}
