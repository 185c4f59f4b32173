import HeedAttention
import HeedFormats
import HeedTensor

// Rotary positions in the metadata, both ways.

extension GGUFArchitecture {
  /// Rotary scaling as the metadata says it, or as the factors that Llama 3 files have as a tensor.
  static func addRotaryScaling(
    to config: inout JSONObject, of file: any GGUFContent
  ) throws(FormatError) {
    let name = file["general.architecture"]?.string ?? ""
    var scaling = JSONObject()
    if let factors = try factors("rope_freqs.weight", file) {
      scaling["rope_type"] = "longrope"
      scaling["long_factor"] = factors
      scaling["short_factor"] = factors
      scaling["attention_factor"] = 1.0
      config["rope_scaling"] = .object(scaling)
      return
    }
    let type = file["\(name).rope.scaling.type"]?.string
    let factor = file["\(name).rope.scaling.factor"]?.number ?? 1
    switch type {
    case nil where factor == 1, "none": return
    case nil, "linear": scaling["rope_type"] = "linear"
    case "yarn":
      scaling["rope_type"] = "yarn"
      if let trained = file["\(name).rope.scaling.original_context_length"]?.integer {
        scaling["original_max_position_embeddings"] = .integer(trained)
      }
      for (key, member) in [("yarn_beta_fast", "beta_fast"), ("yarn_beta_slow", "beta_slow")] {
        guard let beta = file["\(name).rope.scaling.\(key)"]?.number else { continue }
        scaling[member] = .number(beta)
      }
      if let tenth = file["\(name).rope.scaling.yarn_log_multiplier"]?.number {
        // A tenth of it is kept, in single precision: the shortest number with the same bits.
        let scale = JSONValue.number(Double("\(Float(tenth * 10))") ?? tenth * 10)
        scaling["mscale"] = scale
        scaling["mscale_all_dim"] = scale
      }
    case let other?:
      throw FormatError(
        .unsupported, what: "rotary scaling \"\(other)\"", place: file.path,
        expected: "none, linear or yarn")
    }
    scaling["factor"] = .number(factor)
    config["rope_scaling"] = .object(scaling)
  }

  static func factors(
    _ name: String, _ file: any GGUFContent
  ) throws(FormatError) -> JSONValue? {
    guard file.knownShape(name) != nil else { return nil }
    let tensor = try file.tensor(named: name).converted(to: .float32)
    guard tensor.count <= 1 << 16 else {
      throw FormatError(.limit, what: "\"\(name)\" has \(tensor.count) values", place: file.path)
    }
    return .array(tensor.elements(as: Float.self).map { .number(Double($0)) })
  }

  /// The share of the channels of a head that are turned.
  static func addRotaryShare(
    to config: inout JSONObject, of file: any GGUFContent, member: String
  ) throws(FormatError) {
    let name = file["general.architecture"]?.string ?? ""
    guard let turned = file["\(name).rope.dimension_count"]?.integer,
      let width = headWidth(config), width > 0, turned <= width
    else { return }
    // A share is cut down to whole channels: a little more keeps a rounding from losing one.
    config[member] = .number(min(1, (Double(turned) + 0.25) / Double(width)))
  }

  static func headWidth(_ config: JSONObject) -> Int? {
    if let width = config["head_dim"]?.integer { return width }
    guard let width = config["hidden_size"]?.integer,
      let heads = config["num_attention_heads"]?.integer, heads > 0
    else { return nil }
    return width / heads
  }

  /// What the metadata says of a scaling; nothing where it has no words for it.
  static func statements(of scaling: RotaryScaling) -> [(key: String, value: GGUFValue)] {
    func number(_ key: String, _ value: Double) -> (key: String, value: GGUFValue) {
      ("rope.scaling." + key, .float32(Float(value)))
    }
    switch scaling {
    case .linear(let factor):
      return [("rope.scaling.type", .string("linear")), number("factor", factor)]
    case .yarn(let yarn):
      let length = UInt32(clamping: yarn.trainedLength)
      var result: [(key: String, value: GGUFValue)] = [
        ("rope.scaling.type", .string("yarn")), number("factor", yarn.factor),
        ("rope.scaling.original_context_length", .uint32(length)),
      ]
      let usual = RotaryScaling.YaRN(factor: yarn.factor, trainedLength: yarn.trainedLength)
      if yarn.betaFast != usual.betaFast { result.append(number("yarn_beta_fast", yarn.betaFast)) }
      if yarn.betaSlow != usual.betaSlow { result.append(number("yarn_beta_slow", yarn.betaSlow)) }
      if let scale = yarn.mscaleAllDimensions {
        result.append(number("yarn_log_multiplier", scale / 10))
      }
      return result
    case .none, .dynamic, .llama3, .longRope: return []
    }
  }
}
