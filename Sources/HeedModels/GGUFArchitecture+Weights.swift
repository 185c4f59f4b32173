import HeedBlocks

extension GGUFArchitecture {
  /// A tensor that only files from before experts were stacked have.
  static let firstExpert = "blk.0.ffn_gate.0.weight"

  /// The names of the weights of `spec`: one table for all architectures.
  ///
  /// - Parameter hasExpertsApart: whether each expert has tensors of its own, as in the first files of
  ///   Mixtral.
  func weights(of spec: ModelSpec, hasExpertsApart: Bool = false) -> WeightMap {
    let block = "blk.{}."
    var headWidth = 2
    var expertCount = 1
    for branch in spec.blocks.flatMap(\.branches) {
      switch branch.operation {
      case .selfAttention(let attention): headWidth = attention.headWidth
      case .experts(let experts): expertCount = experts.expertCount
      default: break
      }
    }
    let turned = hasNeighbours ? WeightLayout.neighbours(width: headWidth) : .rows
    var rows: [WeightMap.Row] = [
      .init("embedding.weight", "token_embd.weight"),
      .init("positions.weight", "position_embd.weight"),
    ]
    rows += WeightMap.linear("head", "output") + WeightMap.norm("finalNorm", "output_norm")
    rows += WeightMap.norm("embeddingNorm", "token_embd_norm")
    rows += WeightMap.linear("attention.input", block + "attn_qkv")
    rows += WeightMap.linear("attention.query", block + "attn_q", turned)
    rows += WeightMap.linear("attention.key", block + "attn_k", turned)
    rows += WeightMap.linear("attention.value", block + "attn_v")
    rows += WeightMap.linear("attention.output", block + "attn_output")
    for (slot, name) in [
      ("attention.queryNorm", "attn_q_norm"), ("attention.keyNorm", "attn_k_norm"),
      ("attention.inputNorm", "attn_norm"), ("block.inputNorm", "attn_norm"),
      ("attention.outputNorm", "post_attention_norm"), ("feedForward.inputNorm", "ffn_norm"),
      ("feedForward.outputNorm", "post_ffw_norm"), ("experts.inputNorm", "ffn_norm"),
      ("attention.latentNorm", "attn_kv_a_norm"),
    ] { rows += WeightMap.norm(slot, block + (names[slot] ?? name)) }
    for (slot, name) in [
      ("queryDown", "attn_q_a"), ("queryUp", "attn_q_b"), ("latent", "attn_kv_a_mqa"),
      ("expansion", "attn_kv_b"),
    ] { rows += WeightMap.linear("attention.\(slot)", block + name) }
    rows.append(.init("attention.sinks", block + "attn_sinks.weight"))
    for (index, part) in ["gate", "up", "down"].enumerated() {
      let isFused = hasFusedGate && index < 2
      rows += WeightMap.linear(
        "feedForward.\(part)", block + (isFused ? "ffn_up" : "ffn_\(part)"),
        isFused ? .part(index, of: 2) : .rows)
      rows += WeightMap.linear(
        "experts.#.\(part)", block + (hasExpertsApart ? "ffn_\(part).#" : "ffn_\(part)_exps"),
        hasExpertsApart ? .rows : .entry(of: expertCount))
      rows += WeightMap.linear("experts.shared.\(part)", block + "ffn_\(part)_shexp")
    }
    rows += WeightMap.linear("experts.router", block + "ffn_gate_inp")
    rows.append(.init("experts.router.correction", block + "exp_probs_b.bias"))
    rows.append(.init("experts.sharedGate.weight", block + "ffn_gate_inp_shexp.weight", .vector))
    return WeightMap(
      rows, ignoredSuffixes: ["attn_rot_embd.weight"], ignoredPrefixes: ["rope_f"])
  }
}
