import HeedBlocks
import HeedFormats
import HeedTensor

// gpt-oss (OpenAI 2025, arXiv 2508.10925): sinks, every second layer through a window, YaRN, and
// experts with biases and a clamped gate whose weights lie in stacks, gate and up row by row.

extension ModelFamily {
  /// gpt-oss, in other than its 4-bit weights.
  public static let gptOSS = ModelFamily(
    modelTypes: ["gpt_oss"],
    read: { reader throws(FormatError) in
      let frame = try reader.llamaFrame("gpt-oss", contextLength: 131_072, epsilon: 1e-5)
      var attention = try reader.llamaAttention(
        in: frame, hasBias: true, headWidth: 64, base: 150_000)
      attention.hasSinks = true
      let windows = try reader.windows(layerCount: frame.layerCount, whenAbsent: 128) {
        $0 % 2 == 0
      }
      let limit = try reader.number("swiglu_limit", default: 7)
      let slope = try reader.number("swiglu_alpha", default: 1.702)
      guard limit > 0 else { throw reader.inconsistent("swiglu_limit \(limit) is not positive") }
      _ = try reader.word("hidden_act", of: ["silu"], default: "silu")
      let experts = try reader.experts(
        "num_local_experts",
        each: FeedForwardSpec(
          hiddenWidth: reader.count("intermediate_size"), activation: .silu,
          form: .clampedGate(limit: limit, slope: slope), hasBias: true),
        router: reader.softmaxRouter(choosing: 4, sumsToOne: true, hasBias: true))
      return frame.spec(attention, through: windows) { _ in .experts(experts) }
    },
    weights: gptOSSWeights)

  private static func gptOSSWeights(_ spec: ModelSpec) -> WeightMap {
    let counts = spec.blocks.flatMap(\.branches).compactMap { branch -> Int? in
      if case .experts(let experts) = branch.operation { experts.expertCount } else { nil }
    }
    let expert = WeightLayout.entry(of: counts.first ?? 1).then(.columns)
    let place = "model.layers.{}.mlp.experts."
    func rows(_ part: String, _ name: String, _ layout: WeightLayout) -> [WeightMap.Row] {
      [
        WeightMap.Row("experts.#.\(part).weight", place + name, layout),
        WeightMap.Row("experts.#.\(part).bias", "\(place)\(name)_bias", layout),
      ]
    }
    return .llamaLike(
      rows("gate", "gate_up_proj", expert.then(.every(2, from: 0)))
        + rows("up", "gate_up_proj", expert.then(.every(2, from: 1)))
        + rows("down", "down_proj", expert)
        + [WeightMap.Row("attention.sinks", "model.layers.{}.self_attn.sinks")]
        + WeightMap.linear("experts.router", "model.layers.{}.mlp.router"))
  }
}
