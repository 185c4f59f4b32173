import HeedAttention
import HeedFormats
import HeedModels
import HeedTensor

/// Rotary positions applied to queries and keys (`ops_position/rope_apply`).
struct RotaryRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "dq_rot")
    let rotary = Rotary(
      base: referenceCase.number("theta") ?? 10_000,
      width: referenceCase.integer("rotary_dim") ?? 0,
      pairing: referenceCase.text("style") == "interleaved" ? .neighbours : .halves)
    let positions = integerRows(try step.input("position_ids")).flatMap { $0 }
    let queries = rotary.apply(to: try step.input("q"), positions: positions)
    let keys = rotary.apply(to: try step.input("k"), positions: positions)
    return step.results(["q_rot": queries, "k_rot": keys], differentiated: "q_rot")
  }
}

/// Frequencies and tables of every scaling, from a configuration (`ops_position/rope_scaling`).
struct RotaryScalingRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let document = referenceCase.attributes["config"] ?? .object(JSONObject())
    let config = ConfigReader(document, place: referenceCase.name)
    let width = try config.count("hidden_size") / config.count("num_attention_heads")
    let headWidth = try config.count("head_dim", default: width)
    let rotary = try config.rotary(
      width: headWidth, contextLength: config.count("max_position_embeddings"))
    let positions = integerRows(try referenceCase.input("position_ids")).flatMap { $0 }
    let length = (positions.max() ?? -1) + 1
    let (cosines, sines) = rotary.table(positions: positions)
    return [
      "inv_freq": Tensor(rotary.frequencies(sequenceLength: length).map { Float($0) }),
      "attention_scaling": Tensor(scalar: Float(rotary.scaling.attentionFactor)),
      "cos": twice(cosines, positions.count), "sin": twice(sines, positions.count),
    ]
  }

  /// The reference repeats the table for the second half of the channels.
  private func twice(_ values: [Float], _ count: Int) -> Tensor {
    let half = Tensor(values, shape: [1, count, values.count / count])
    return Tensor(concatenating: [half, half], alongAxis: 2)  // [1, n, 2 * half]
  }
}
