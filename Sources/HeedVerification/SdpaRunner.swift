import HeedAttention
import HeedTensor

/// Scaled dot-product attention as torch has it (`ops_sdpa`): true in a mask means visible, causal
/// masks are aligned to the top left.
struct SdpaRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let results = try results(DifferentiatedStep(referenceCase, upstream: "do"), referenceCase)
    // Half-precision cases also say what the same inputs give in float32.
    guard referenceCase.wants("o_f32") else { return results }
    let wide = referenceCase.converted(to: .float32, outputSuffix: "_f32")
    let wideResults = try self.results(DifferentiatedStep(wide, upstream: "do"), wide)
    return results.merging(wideResults.map { ($0 + "_f32", $1) }) { given, _ in given }
  }

  private func results(
    _ step: DifferentiatedStep, _ referenceCase: ReferenceCase
  ) throws -> [String: Tensor] {
    let (q, k, v) = (try step.input("q"), try step.input("k"), try step.input("v"))
    var mask: Mask = referenceCase.flag("is_causal") ? .causal(.start) : .none
    var bias: Tensor?
    if let given = step.optional("mask") ?? step.optional("attn_mask") {
      if given.elementType == .bool { mask = mask & .dense(given) } else { bias = given }
    }
    let probe = AttentionProbe()
    let output = attention(
      q, k, v, scale: referenceCase.number("scale").map { Float($0) }, mask: mask, bias: bias,
      probe: probe)
    var values = ["o": output]
    if let record = probe.records.first { values["lse"] = record.logSumExp }
    return step.results(values, differentiated: "o")
  }
}
