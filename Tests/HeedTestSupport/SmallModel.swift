public import HeedFormats
public import HeedModels
public import HeedTensor

/// A model of random weights, large enough that tokens differ.
public func smallModel(
  _ config: JSONValue, packed: Bool = true, precision: ProductPrecision = .float32
) throws -> LanguageModel {
  let (spec, binding, parameters) = try smallParameters(config)
  return LanguageModel(
    spec: spec, binding: binding, parameters: parameters, packed: packed, precision: precision)
}

/// The parts of a model of random weights.
///
/// - Parameter deviation: of weights, and of gains from one.
public func smallParameters(
  _ config: JSONValue, seed: UInt64 = 11, deviation: Double = 0.4
) throws -> (spec: ModelSpec, binding: WeightBinding, parameters: [String: Tensor]) {
  let family = try FamilyRegistry.standard.family(for: config, place: "test")
  let spec = try family.spec(config, "test")
  let (binding, fresh) = family.weights(spec).freshParameters(of: spec, seed: seed)
  // Random everywhere: gains of one and biases of zero would hide exchanged weights.
  let parameters = fresh.keys.sorted().enumerated().map { index, name in
    var generator = RandomGenerator(seed: seed, stream: UInt64(index))
    let isGain = name.contains("norm") || name.contains("ln_")
    let random = generator.normal(fresh[name]?.shape ?? [], deviation: deviation)
    return (name, random + (isGain ? 1.0 : 0.0))
  }
  return (spec, binding, Dictionary(uniqueKeysWithValues: parameters))
}
