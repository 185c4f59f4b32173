import HeedAttention
import HeedTensor

/// Normalised linear attention (`ops_variants/linear_attention`).
struct LinearAttentionRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    let (output, state) = linearAttention(
      try step.input("q"), try step.input("k"), try step.input("v"),
      isCausal: referenceCase.flag("causal"), epsilon: referenceCase.number("eps") ?? 1e-6,
      visibleKeys: step.optional("key_mask"))
    return step.results(
      ["o": output, "state_S": state.memory, "state_z": state.mass], differentiated: "o")
  }
}

/// The node tests of ONNX `LinearAttention`, every update rule.
struct OnnxLinearAttentionRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let heads = referenceCase.integer("q_num_heads") ?? 1
    let groups = referenceCase.integer("kv_num_heads") ?? 1
    let type = try referenceCase.input("query").elementType
    /// `[B, T, H D]` to `[B, H, T, D]`; half precision is computed in float32.
    func split(_ x: Tensor, _ count: Int) -> Tensor {
      x.converted(to: .float32).reshaped(to: [x.shape[0], x.shape[1], count, x.shape[2] / count])
        .transposed(permutation: [0, 2, 1, 3])
    }
    let rule = referenceCase.text("update_rule") ?? "gated_delta"
    guard ["linear", "gated", "delta", "gated_delta"].contains(rule) else {
      throw Unsupported("the update rule \(rule)")
    }
    let inputs = referenceCase.inputs
    // A scale of zero means the default.
    let scale = referenceCase.number("scale").flatMap { $0 == 0 ? nil : $0 }
    let (output, memory) = linearRecurrence(
      split(try referenceCase.input("query"), heads), split(try referenceCase.input("key"), groups),
      split(try referenceCase.input("value"), groups),
      decay: rule.hasPrefix("gated") ? split(try referenceCase.input("decay"), groups) : nil,
      beta: rule.hasSuffix("delta") ? split(try referenceCase.input("beta"), groups) : nil,
      scale: scale, memory: inputs["past_state"]?.converted(to: .float32))
    let (B, T) = (output.shape[0], output.shape[2])
    let packed = output.transposed(permutation: [0, 2, 1, 3])
      .reshaped(to: [B, T, heads * output.shape[3]])  // [B, T, H Dv]
    return ["output": packed.converted(to: type), "present_state": memory.converted(to: type)]
  }
}
