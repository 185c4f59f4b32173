public import HeedAttention
public import HeedFormats

extension ConfigReader {
  /// Rotary positions, from the newer form (`rope_parameters`) or the older (`rope_theta` and
  /// `rope_scaling`).
  ///
  /// - Parameters:
  ///   - width: channels that are turned.
  ///   - layerType: the kind of layer, where `rope_parameters` has one entry for each kind.
  ///   - base: when the config names none.
  public func rotary(
    width: Int, contextLength: Int, pairing: Rotary.Pairing = .halves, layerType: String? = nil,
    base: Double = 10_000
  ) throws(FormatError) -> Rotary {
    guard width % 2 == 0 else {
      throw inconsistent("\(width) channels of a head cannot be turned in pairs")
    }
    var parameters = try inner("rope_parameters")
    if let layerType, let own = try parameters?.inner(layerType) { parameters = own }
    let scaling = if let parameters { parameters } else { try inner("rope_scaling") }
    let plain = try number("rope_theta", default: number("rotary_emb_base", default: base))
    let given = try scaling?.number("rope_theta", default: plain) ?? plain
    guard given > 0 else { throw wrong("rope_theta", "a positive number") }
    return Rotary(
      base: given, width: width, pairing: pairing,
      scaling: try scaling?.rotaryScaling(
        width: width, contextLength: contextLength,
        trainedLength: optionalCount("original_max_position_embeddings")) ?? .none)
  }

  /// How many channels of a head of `headWidth` are turned.
  public func rotaryWidth(headWidth: Int, share: Double = 1) throws(FormatError) -> Int {
    let own = try number("partial_rotary_factor", default: number("rotary_pct", default: share))
    let share = try inner("rope_parameters")?.number("partial_rotary_factor", default: own) ?? own
    guard share > 0, share <= 1 else {
      throw inconsistent("a share of \(share) of the channels cannot be turned")
    }
    let width = Int(Double(headWidth) * share)
    guard width >= 2, width % 2 == 0 else {
      throw inconsistent("\(share) of \(headWidth) channels cannot be turned in pairs")
    }
    return width
  }

  private func rotaryScaling(
    width: Int, contextLength: Int, trainedLength: Int?
  ) throws(FormatError) -> RotaryScaling {
    let key = member("rope_type") == nil ? "type" : "rope_type"
    let types = ["default", "linear", "dynamic", "llama3", "yarn", "longrope", "su"]
    let trained = try count(
      "original_max_position_embeddings", default: trainedLength ?? contextLength)
    switch try word(key, of: types, default: "default") {
    case "linear":
      return .linear(factor: try number("factor"))
    case "dynamic":
      return .dynamic(factor: try number("factor"), trainedLength: trained)
    case "llama3":
      return .llama3(
        factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"),
        highFrequencyFactor: try number("high_freq_factor"), trainedLength: trained)
    case "yarn":
      var yarn = RotaryScaling.YaRN(factor: try number("factor"), trainedLength: trained)
      yarn.betaFast = try number("beta_fast", default: 32)
      yarn.betaSlow = try number("beta_slow", default: 1)
      yarn.truncates = try flag("truncate", default: true)
      yarn.attentionFactor = try optionalNumber("attention_factor")
      yarn.mscale = try optionalNumber("mscale")
      yarn.mscaleAllDimensions = try optionalNumber("mscale_all_dim")
      return .yarn(yarn)
    case "longrope", "su":
      return .longRope(
        shortFactors: try numbers("short_factor", count: width / 2),
        longFactors: try numbers("long_factor", count: width / 2), trainedLength: trained,
        attentionFactor: try longRopeFactor(trained: trained, contextLength: contextLength))
    default:
      return .none
    }
  }

  private func longRopeFactor(trained: Int, contextLength: Int) throws(FormatError) -> Double {
    if let factor = try optionalNumber("attention_factor") { return factor }
    let factor = try number("factor", default: Double(contextLength) / Double(trained))
    return RotaryScaling.longRopeAttentionFactor(factor: factor, trainedLength: trained)
  }
}
