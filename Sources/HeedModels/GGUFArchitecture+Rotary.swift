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

  /// Rotary positions as the metadata says them, with the factors that lie in tensors. The words and what
  /// they mean are llama.cpp's: whatever the type, frequencies are divided by the factor and rotated
  /// vectors are multiplied by another one.
  static func addRotaryScaling(
    to config: inout JSONObject, of file: any GGUFContent
  ) throws(FormatError) {
    let words = RotaryWords(of: file)
    let type = file[words.key("scaling.type")]?.string ?? (words.factor == 1 ? "none" : "linear")
    let factor = type == "none" ? 1 : words.factor
    var scaling = JSONObject()
    func setLongRope(_ short: [Double], _ long: [Double], attention: Double?) {
      scaling["rope_type"] = "longrope"
      scaling["long_factor"] = .array(long.map { .number($0 * factor) })
      scaling["short_factor"] = .array(short.map { .number($0 * factor) })
      scaling["attention_factor"] = attention.map { .number($0) }
    }
    if let long = try factors(longFactors, file), let short = try factors(shortFactors, file) {
      setLongRope(short, long, attention: words.number("scaling.attn_factor"))
      scaling["original_max_position_embeddings"] = words.trainedLength
    } else if let factors = try factors(Self.factors, file) {
      guard type != "yarn" else {
        throw FormatError(
          .unsupported, what: "YaRN and a tensor of rotary factors", place: file.path,
          expected: "one of them")
      }
      setLongRope(factors, factors, attention: words.attention)
    } else if type == "yarn", words.number("scaling.yarn_ext_factor") != 0 {
      try words.setYaRN(&scaling)
    } else if ["none", "linear", "yarn"].contains(type) {
      if words.attention != 1 {
        let width = file[words.key("dimension_count")]?.integer ?? headWidth(config) ?? 0
        let factors = [Double](repeating: 1, count: min(max(width, 0), 1 << 16) / 2)
        setLongRope(factors, factors, attention: words.attention)
      } else if type != "none" {
        scaling["rope_type"] = "linear"
        scaling["factor"] = .number(factor)
      }
    } else {
      throw FormatError(
        .unsupported, what: "rotary scaling \"\(type)\"", place: file.path,
        expected: "none, linear, yarn, or tensors of factors")
    }
    if scaling.count > 0 { config["rope_scaling"] = .object(scaling) }
  }

  private static func factors(
    _ name: String, _ file: any GGUFContent
  ) throws(FormatError) -> [Double]? {
    guard file.knownShape(name) != nil else { return nil }
    let tensor = try file.tensor(named: name).converted(to: .float32)
    guard tensor.count <= 1 << 16 else {
      throw FormatError(.limit, what: "\"\(name)\" has \(tensor.count) values", place: file.path)
    }
    return tensor.elements(as: Float.self).map { Double($0) }
  }

  /// The share of the channels of a head that are turned.
  static func addRotaryShare(
    to config: inout JSONObject, of file: any GGUFContent,
    member: String = "partial_rotary_factor"
  ) throws(FormatError) {
    let key = RotaryWords(of: file).key("dimension_count")
    guard let turned = file[key]?.integer, let width = headWidth(config), width > 0 else { return }
    guard (1...width).contains(turned) else {
      throw FormatError(
        .inconsistent, what: "\(key) is \(turned)", place: file.path,
        expected: "1 to \(width), the channels of a head")
    }
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

/// The members of the metadata that say how rotary frequencies are stretched.
private struct RotaryWords {
  let file: any GGUFContent
  private let name: String

  init(of file: any GGUFContent) {
    self.file = file
    name = file["general.architecture"]?.string ?? ""
  }

  func key(_ word: String) -> String { "\(name).rope.\(word)" }

  func number(_ word: String) -> Double? { file[key(word)]?.number }

  /// How many times longer texts are than those of the training. 0 stands for no stretching; the first
  /// files have another key.
  var factor: Double {
    let factor = number("scaling.factor") ?? number("scale_linear") ?? 0
    return factor == 0 ? 1 : factor
  }

  /// Factor on rotated vectors, beside the one that YaRN has from its `factor`.
  var attention: Double {
    (number("scaling.attn_factor") ?? 1) * (number("scaling.yarn_attn_factor") ?? 1)
  }

  var trainedLength: JSONValue? {
    file[key("scaling.original_context_length")]?.integer.map { .integer($0) }
  }

  func setYaRN(_ scaling: inout JSONObject) throws(FormatError) {
    let extrapolated = number("scaling.yarn_ext_factor") ?? 1
    // A negative one stands for the usual.
    guard extrapolated == 1 || extrapolated < 0 else {
      throw FormatError(
        .unsupported, what: "\(key("scaling.yarn_ext_factor")) is \(extrapolated)",
        place: file.path, expected: "0 or 1")
    }
    scaling["rope_type"] = "yarn"
    scaling["factor"] = .number(factor)
    scaling["original_max_position_embeddings"] = trainedLength
    for member in ["beta_fast", "beta_slow"] {
      scaling[member] = number("scaling.yarn_" + member).map { .number($0) }
    }
    var own = RotaryScaling.YaRN.scale(factor)
    if let tenth = number("scaling.yarn_log_multiplier"), tenth != 0 {
      // A tenth of it is kept, in single precision: the shortest number with the same bits.
      let scale = JSONValue.number(Double("\(Float(tenth * 10))") ?? tenth * 10)
      scaling["mscale"] = scale
      scaling["mscale_all_dim"] = scale
      own = 1
    }
    if attention != 1 { scaling["attention_factor"] = .number(attention * own) }
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
