import HeedAttention
import HeedBlocks
import HeedFormats
import HeedTensor

// Rotary positions in the metadata, both ways. What scales each frequency by a factor of its own lies in
// tensors of factors: one tensor where they are the same at every length (Llama 3, whose formula the
// metadata has no words for), two for LongRoPE. Metadata that says "longrope" was not there from the
// start: Phi-3's files have the tensors alone.

extension GGUFArchitecture {
  private static let (factors, longFactors, shortFactors) = (
    "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"
  )

  /// Rotary scaling as the metadata says it, or as the factors that lie in tensors.
  static func addRotaryScaling(
    to config: inout JSONObject, of file: any GGUFContent
  ) throws(FormatError) {
    let name = file["general.architecture"]?.string ?? ""
    var scaling = JSONObject()
    if let factors = try factors(Self.factors, file) {
      scaling["rope_type"] = "longrope"
      scaling["long_factor"] = factors
      scaling["short_factor"] = factors
      scaling["attention_factor"] = 1.0
      config["rope_scaling"] = .object(scaling)
      return
    }
    if let long = try factors(longFactors, file), let short = try factors(shortFactors, file) {
      scaling["rope_type"] = "longrope"
      scaling["long_factor"] = long
      scaling["short_factor"] = short
      if let trained = file["\(name).rope.scaling.original_context_length"]?.integer {
        scaling["original_max_position_embeddings"] = .integer(trained)
      }
      if let factor = file["\(name).rope.scaling.attn_factor"]?.number {
        scaling["attention_factor"] = .number(factor)
      }
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
        expected: "none, linear, yarn, or tensors of factors")
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

  /// The tensors of factors of a model; none where the metadata says the scaling.
  static func factorTensors(of spec: ModelSpec) -> [GGUFTensor] {
    let attentions = spec.selfAttentions
    // Windows may have positions of their own, see `statements`.
    let attention = attentions.first { $0.window == nil } ?? attentions.first
    guard let rotary = attention?.rotary ?? spec.latentAttentions.first?.rotary else { return [] }
    func tensor(_ name: String, _ values: [Double]) -> GGUFTensor {
      let numbers = Tensor(values.map { Float($0) }, shape: [values.count])
      return GGUFTensor(name, shape: numbers.shape, type: .elements(.float32)) { numbers }
    }
    if let divisors = rotary.divisors { return [tensor(factors, divisors)] }
    guard case .longRope(let short, let long, _, _) = rotary.scaling else { return [] }
    return [tensor(longFactors, long), tensor(shortFactors, short)]
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
    case .longRope(let short, let long, let trained, let factor):
      if short == long, factor == 1 { return [] }
      return [
        ("rope.scaling.type", .string("longrope")),
        ("rope.scaling.original_context_length", .uint32(UInt32(clamping: trained))),
        number("attn_factor", factor),
      ]
    case .none, .dynamic, .llama3: return []
    }
  }
}

extension ModelSpec {
  /// The same with every rotary scaling as a file has it that lies in tensors of factors: single precision,
  /// and without the formula that the factors came from.
  func withRotaryFactorsOfFile() -> ModelSpec {
    var spec = self
    for block in spec.blocks.indices {
      for branch in spec.blocks[block].branches.indices {
        switch spec.blocks[block].branches[branch].operation {
        case .selfAttention(var attention):
          attention.rotary = attention.rotary?.withFactorsOfFile()
          spec.blocks[block].branches[branch].operation = .selfAttention(attention)
        case .latentAttention(var attention):
          attention.rotary = attention.rotary.withFactorsOfFile()
          spec.blocks[block].branches[branch].operation = .latentAttention(attention)
        default: break
        }
      }
    }
    return spec
  }
}

extension Rotary {
  fileprivate func withFactorsOfFile() -> Rotary {
    func single(_ values: [Double]) -> [Double] { values.map { Double(Float($0)) } }
    var result = self
    if let divisors {
      let factors = single(divisors)
      result.scaling = .longRope(
        shortFactors: factors, longFactors: factors, trainedLength: 0, attentionFactor: 1)
    } else if case .longRope(let short, let long, let trained, let factor) = scaling {
      result.scaling = .longRope(
        shortFactors: single(short), longFactors: single(long), trainedLength: trained,
        attentionFactor: Double(Float(factor)))
    }
    return result
  }
}
