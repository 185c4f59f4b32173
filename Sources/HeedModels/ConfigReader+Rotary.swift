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
        base: given, width: width, contextLength: contextLength,
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
    base: Double, width: Int, contextLength: Int, trainedLength: Int?
  ) throws(FormatError) -> RotaryScaling {
    let key = member("rope_type") == nil ? "type" : "rope_type"
    let types = ["default", "linear", "dynamic", "llama3", "yarn", "longrope", "su"]
    let trained = try count(
      "original_max_position_embeddings", default: trainedLength ?? contextLength)
    switch try word(key, of: types, default: "default") {
    case "linear":
      return .linear(factor: try positive("factor"))
    case "dynamic":
      guard width > 2 else { throw inconsistent("dynamic scaling of \(width) channels") }
      return .dynamic(factor: try positive("factor"), trainedLength: trained)
    case "llama3":
      let (low, high) = (try positive("low_freq_factor"), try positive("high_freq_factor"))
      guard low < high else {
        throw inconsistent("\"low_freq_factor\" \(low) is not below \"high_freq_factor\" \(high)")
      }
      return .llama3(
        factor: try positive("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
        trainedLength: trained)
    case "yarn":
      guard base > 1 else { throw inconsistent("YaRN for the rotary base \(base)") }
      var yarn = RotaryScaling.YaRN(factor: try positive("factor"), trainedLength: trained)
      yarn.betaFast = try positive("beta_fast", default: 32)
      yarn.betaSlow = try positive("beta_slow", default: 1)
      yarn.truncates = try flag("truncate", default: true)
      yarn.attentionFactor = try optionalPositive("attention_factor")
      yarn.mscale = try optionalScale("mscale")
      yarn.mscaleAllDimensions = try optionalScale("mscale_all_dim")
      return .yarn(yarn)
    case "longrope", "su":
      return .longRope(
        shortFactors: try divisors("short_factor", count: width / 2),
        longFactors: try divisors("long_factor", count: width / 2), trainedLength: trained,
        attentionFactor: try longRopeFactor(trained: trained, contextLength: contextLength))
    default:
      return .none
    }
  }

  private func longRopeFactor(trained: Int, contextLength: Int) throws(FormatError) -> Double {
    if let factor = try optionalPositive("attention_factor") { return factor }
    let factor = try positive("factor", default: Double(contextLength) / Double(trained))
    guard trained > 1 || factor <= 1 else { throw inconsistent("a trained length of \(trained)") }
    return RotaryScaling.longRopeAttentionFactor(factor: factor, trainedLength: trained)
  }

  /// What something is divided by, or multiplied with: more than 0.
  private func positive(_ key: String, default fallback: Double? = nil) throws(FormatError)
    -> Double
  {
    let value = try number(key, default: fallback)
    guard value > 0 else { throw wrong(key, "a positive number") }
    return value
  }

  private func optionalPositive(_ key: String) throws(FormatError) -> Double? {
    member(key) == nil ? nil : try positive(key)
  }

  /// A scale of a logarithm, where 0 counts as absent.
  private func optionalScale(_ key: String) throws(FormatError) -> Double? {
    let value = try optionalNumber(key)
    guard value ?? 0 >= 0 else { throw wrong(key, "a number from 0 on") }
    return value
  }

  private func divisors(_ key: String, count: Int) throws(FormatError) -> [Double] {
    let values = try numbers(key, count: count)
    guard values.allSatisfy({ $0 > 0 }) else { throw wrong(key, "\(count) positive numbers") }
    return values
  }
}
