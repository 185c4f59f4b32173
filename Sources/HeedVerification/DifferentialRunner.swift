import HeedAttention
import HeedBlocks
import HeedFormats
import HeedTensor

/// Differential attention, the formula and the layer of DiffLlama (`ops_variants/differential`).
struct DifferentialRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    return referenceCase.attributes["config"] == nil
      ? try formula(referenceCase, step) : try layer(referenceCase, step)
  }

  private func formula(
    _ referenceCase: ReferenceCase, _ step: DifferentiatedStep
  ) throws -> [String: Tensor] {
    // The reference counts layers from one.
    let factor = DifferentialFactor(
      query1: try step.input("lambda_q1"), key1: try step.input("lambda_k1"),
      query2: try step.input("lambda_q2"), key2: try step.input("lambda_k2"),
      layer: (referenceCase.integer("layer") ?? 1) - 1)
    let probe = AttentionProbe()
    let output = differentialAttention(
      try step.input("q"), try step.input("k"), try step.input("v"), factor: factor,
      gain: try step.input("g"), epsilon: referenceCase.number("eps") ?? 1e-5,
      mask: referenceCase.flag("causal") ? .causal : .none, probe: probe)
    var values = ["o": output, "lambda": factor.value]
    let weights = probe.records.map(\.allWeights)
    if weights.count == 2 {
      values["weights"] = weights[0] - factor.value.detached() * weights[1]
    }
    return step.results(values, differentiated: "o")
  }

  private func layer(
    _ referenceCase: ReferenceCase, _ step: DifferentiatedStep
  ) throws -> [String: Tensor] {
    guard let config = referenceCase.attributes["config"],
      let heads = config["num_attention_heads"]?.integer,
      let width = config["hidden_size"]?.integer
    else { throw Unsupported("a layer without a count of heads") }
    let layer = DifferentialSelfAttention(
      headCount: heads, keyValueHeadCount: config["num_key_value_heads"]?.integer ?? heads,
      layer: referenceCase.integer("layer_idx") ?? 0, rotary: Rotary(width: width / heads),
      epsilon: config["rms_norm_eps"]?.number ?? 1e-5
    ) { step.optional("w.\($0)") }
    let probe = AttentionProbe()
    let output = layer(try step.input("x"), probe: probe)
    let weights = probe.records.map(\.allWeights)
    return step.results(
      ["o": output, "softmax_weights": Tensor(concatenating: weights, alongAxis: 1)],
      differentiated: "o")
  }
}
