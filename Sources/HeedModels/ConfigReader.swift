public import HeedAttention
public import HeedFormats
public import HeedTensor

/// Reads the members of a `config.json`, each with its type, and says what is wrong where.
public struct ConfigReader: Sendable {
  private let config: JSONValue
  private let place: String

  /// A reader of `config`, which stands at `place`.
  public init(_ config: JSONValue, place: String) {
    self.config = config
    self.place = place
  }

  /// A member that is there and not null.
  private func member(_ key: String) -> JSONValue? {
    config[key].flatMap { $0.isNull ? nil : $0 }
  }

  private func wrong(_ key: String, _ expected: String) -> FormatError {
    FormatError(
      member(key) == nil ? .missing : .malformed,
      what: member(key) == nil ? "\"\(key)\" is missing" : "\"\(key)\" is not \(expected)",
      place: place, expected: expected)
  }

  /// A positive whole number; `fallback` when absent, an error when there is none.
  public func count(_ key: String, default fallback: Int? = nil) throws(FormatError) -> Int {
    guard let value = member(key) else {
      guard let fallback else { throw wrong(key, "a positive whole number") }
      return fallback
    }
    guard let count = value.integer, count > 0, count < 1 << 31 else {
      throw wrong(key, "a positive whole number")
    }
    return count
  }

  /// A number.
  public func number(_ key: String, default fallback: Double? = nil) throws(FormatError) -> Double {
    guard let value = member(key) else {
      guard let fallback else { throw wrong(key, "a number") }
      return fallback
    }
    guard let number = value.number else { throw wrong(key, "a number") }
    return number
  }

  /// A truth value.
  public func flag(_ key: String, default fallback: Bool) throws(FormatError) -> Bool {
    guard let value = member(key) else { return fallback }
    guard let flag = value.bool else { throw wrong(key, "true or false") }
    return flag
  }

  /// An activation by its name.
  public func activation(_ key: String, default fallback: String) throws(FormatError) -> Activation
  {
    guard let value = member(key) else { return try activation(named: fallback, key) }
    guard let name = value.string else { throw wrong(key, "the name of an activation") }
    return try activation(named: name, key)
  }

  private func activation(named name: String, _ key: String) throws(FormatError) -> Activation {
    guard let activation = Activation(configName: name) else {
      throw FormatError(
        .unsupported, what: "\"\(key)\" names an unknown activation \"\(name)\"", place: place)
    }
    return activation
  }

  /// An id or a list of ids.
  public func tokens(_ key: String) throws(FormatError) -> [Int] {
    guard let value = member(key) else { return [] }
    let ids = value.array.map { $0.map(\.integer) } ?? [value.integer]
    let known = ids.compactMap { $0 }
    guard known.count == ids.count else { throw wrong(key, "an id or a list of ids") }
    return known
  }

  /// An object inside, read the same way.
  private func inner(_ key: String) -> ConfigReader? {
    member(key).flatMap { $0.object == nil ? nil : ConfigReader($0, place: "\(place) (\(key))") }
  }

  /// Rotary positions, from the newer form (`rope_parameters`) or the older (`rope_theta` and
  /// `rope_scaling`).
  public func rotary(width: Int, contextLength: Int) throws(FormatError) -> Rotary {
    let scaling = inner("rope_parameters") ?? inner("rope_scaling")
    let base = try scaling?.number("rope_theta", default: number("rope_theta", default: 10_000))
    let plain = try number("rope_theta", default: 10_000)
    return Rotary(
      base: base ?? plain, width: width,
      scaling: try scaling?.rotaryScaling(width: width, contextLength: contextLength) ?? .none)
  }

  private func rotaryScaling(
    width: Int, contextLength: Int
  ) throws(FormatError) -> RotaryScaling {
    let type = (member("rope_type") ?? member("type"))?.string ?? "default"
    let trained = try count("original_max_position_embeddings", default: contextLength)
    switch type {
    case "default":
      return .none
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
      if member("attention_factor") != nil { yarn.attentionFactor = try number("attention_factor") }
      if member("mscale") != nil { yarn.mscale = try number("mscale") }
      if member("mscale_all_dim") != nil {
        yarn.mscaleAllDimensions = try number("mscale_all_dim")
      }
      return .yarn(yarn)
    case "longrope":
      return .longRope(
        shortFactors: try numbers("short_factor", count: width / 2),
        longFactors: try numbers("long_factor", count: width / 2), trainedLength: trained,
        attentionFactor: try longRopeFactor(trained: trained, contextLength: contextLength))
    default:
      throw FormatError(
        .unsupported, what: "rotary scaling \"\(type)\" is not known", place: place,
        expected: "default, linear, dynamic, llama3, yarn or longrope")
    }
  }

  private func longRopeFactor(trained: Int, contextLength: Int) throws(FormatError) -> Double {
    if member("attention_factor") != nil { return try number("attention_factor") }
    let factor = try number("factor", default: Double(contextLength) / Double(trained))
    return RotaryScaling.longRopeAttentionFactor(factor: factor, trainedLength: trained)
  }

  private func numbers(_ key: String, count: Int) throws(FormatError) -> [Double] {
    guard let values = member(key)?.array?.map(\.number), values.count == count,
      !values.contains(where: { $0 == nil })
    else { throw wrong(key, "\(count) numbers") }
    return values.compactMap { $0 }
  }
}
