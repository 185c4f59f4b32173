import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

// A layout is seen through a model: the same weights, written as another layout has them, must give
// the same logits.
@Suite("Weight layouts")
struct WeightLayoutTests {
  private let ids = [[3, 1, 4, 1, 5]]

  @Test("Phi-3's two fused matrices are Llama's five, one after the other")
  func blocks() throws {
    let config = SmallConfig.llama
    let (spec, binding, parameters) = try smallParameters(config)
    let want = LanguageModel(spec: spec, binding: binding, parameters: parameters).logits(ids)
    var fused = parameters
    for layer in 0..<2 {
      let place = "model.layers.\(layer)."
      func join(_ parts: [String], _ name: String) {
        let names = parts.map { "\(place)\($0).weight" }
        let tensors = names.compactMap { fused.removeValue(forKey: $0) }
        fused["\(place)\(name).weight"] = Tensor(concatenating: tensors, alongAxis: 0)
      }
      join(["q", "k", "v"].map { "self_attn.\($0)_proj" }, "self_attn.qkv_proj")
      join(["mlp.gate_proj", "mlp.up_proj"], "mlp.gate_up_proj")
    }
    try withModelFolder(config.with(("model_type", "phi3")), fused) { folder in
      let loaded = try LanguageModel(folder: folder)
      #expect(bits(loaded.logits(ids)) == bits(want))
    }
  }

  @Test("GPT-NeoX's rows go head by head through queries, keys and values")
  func heads() throws {
    // BLOOM's spec with weights in three matrices is OPT's: too far. The rows themselves, then.
    let (_, binding, parameters) = try smallParameters(SmallConfig.gptNeoX)
    #expect(binding.names.contains("gpt_neox.layers.0.attention.query_key_value.bias"))
    let name = "gpt_neox.layers.0.attention.query_key_value.weight"
    guard let weight = parameters[name] else {
      Issue.record("no \(name)")
      return
    }
    // Head 1's key rows are read by head 1 alone: without head 1's values nothing of them is left.
    var changed = parameters
    var values: [Float] = weight.elements()
    let (width, D) = (12, 4)
    let head1 = 3 * D * width
    for i in 0..<D * width { values[head1 + 2 * D * width + i] = 0 }
    changed[name] = Tensor(values, shape: weight.shape)
    let biasName = "gpt_neox.layers.0.attention.query_key_value.bias"
    var bias: [Float] = parameters[biasName]?.elements() ?? []
    for i in 0..<D { bias[3 * D + 2 * D + i] = 0 }
    changed[biasName] = Tensor(bias)
    let silent = try logits(changed)
    for i in 0..<D * width { values[head1 + D * width + i] += 1 }
    changed[name] = Tensor(values, shape: weight.shape)
    let still = try logits(changed)
    let usual = try logits(parameters)
    #expect(bits(still) == bits(silent) && bits(usual) != bits(silent))
  }

  private func logits(_ parameters: [String: Tensor]) throws -> Tensor {
    let (spec, binding, _) = try smallParameters(SmallConfig.gptNeoX)
    return LanguageModel(spec: spec, binding: binding, parameters: parameters).logits(ids)
  }

  @Test("a layout that does not fit is a shape in the list of complaints")
  func misshapen() throws {
    var (_, _, parameters) = try smallParameters(SmallConfig.gptOSS)
    parameters["model.layers.0.mlp.experts.gate_up_proj"] = Tensor(zeros: [4, 12, 27])
    try withModelFolder(SmallConfig.gptOSS, parameters) { folder in
      let error = #expect(throws: FormatError.self) { try LanguageModel(folder: folder) }
      #expect(error?.what.contains("gate_up_proj is [4, 12, 27], not [4, 12, 28]") == true)
    }
  }
}
