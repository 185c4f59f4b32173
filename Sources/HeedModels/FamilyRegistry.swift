import HeedBlocks
public import HeedFormats

/// A family of models as data: how its `config.json` becomes a spec, and what its files call the
/// weights.
public struct ModelFamily: Sendable {
  /// The values of `model_type` in `config.json`.
  public let modelTypes: [String]
  /// From the members of `config.json` to the spec.
  public let read: @Sendable (_ reader: ConfigReader) throws(FormatError) -> ModelSpec
  /// The table of names of weights.
  public let weights: @Sendable (_ spec: ModelSpec) -> WeightMap

  /// A family.
  public init(
    modelTypes: [String],
    read: @escaping @Sendable (ConfigReader) throws(FormatError) -> ModelSpec,
    weights: @escaping @Sendable (ModelSpec) -> WeightMap
  ) {
    self.modelTypes = modelTypes
    self.read = read
    self.weights = weights
  }

  /// A family whose names of weights are the same for all specs.
  public init(
    _ modelTypes: String..., weights: WeightMap,
    read: @escaping @Sendable (ConfigReader) throws(FormatError) -> ModelSpec
  ) {
    self.init(modelTypes: modelTypes, read: read, weights: { _ in weights })
  }

  /// The spec that a `config.json` describes; `place` is where it stands, for messages.
  ///
  /// - Throws: `FormatError` for a config that is none of the family, or describes too large a model.
  public func spec(_ config: JSONValue, _ place: String) throws(FormatError) -> ModelSpec {
    try spec(ConfigReader(config, place: place))
  }

  /// The members that a `config.json` is asked for, whether it has them or not, in the order of the questions.
  ///
  /// - Throws: `FormatError`, as `spec` does.
  public func membersRead(
    of config: JSONValue, place: String
  ) throws(FormatError) -> [String] {
    let asked = AskedMembers()
    _ = try spec(ConfigReader(config, place: place, asked: asked))
    return asked.names
  }

  private func spec(_ reader: ConfigReader) throws(FormatError) -> ModelSpec {
    let spec = try read(reader)
    try spec.checkSize(place: reader.place)
    return spec
  }
}

extension ModelSpec {
  /// A config is not trusted: what it asks for is added up, without overflow, before any of it is
  /// made.
  fileprivate func checkSize(place: String) throws(FormatError) {
    let experts = experts.reduce(0) { $0 + $1.expertCount }
    guard experts <= 1 << 18 else {
      throw FormatError(
        .limit, what: "\(experts) experts", place: place, expected: "at most \(1 << 18)")
    }
    var elements = 0
    func add(_ slots: [WeightSlot], times count: Int) throws(FormatError) {
      for slot in slots {
        let size = slot.shape.reduce((value: count, isTooLarge: false)) { product, length in
          let next = product.value.multipliedReportingOverflow(by: length)
          return (next.partialValue, product.isTooLarge || next.overflow)
        }
        guard !size.isTooLarge, size.value < 1 << 48, elements < 1 << 48 else {
          throw FormatError(
            .limit, what: "\(slot.path) of \(slot.shape)", place: place,
            expected: "fewer than 2^48 parameters")
        }
        elements += size.value
      }
    }
    try add(slotsOutsideBlocks, times: 1)
    for (block, layer, count) in kindsOfBlocks {
      try add(block.slots(layer: layer, width: width), times: count)
    }
  }
}

/// The families that can be loaded: a value, to which a user adds from outside.
///
///     let registry = FamilyRegistry(FamilyRegistry.standard.families + [mine])
public struct FamilyRegistry: Sendable {
  /// The families, in order; an earlier one wins.
  public let families: [ModelFamily]

  /// A registry of the given families.
  public init(_ families: [ModelFamily]) { self.families = families }

  /// The families of this package.
  public static let standard = FamilyRegistry([
    .gpt2, .gptJ, .gptNeoX, .opt, .bloom, .llama, .mistral, .mixtral, .qwen2, .qwen2MoE, .qwen3,
    .gemma, .gemma2, .gemma3, .phi3, .deepSeekV2, .deepSeekV3, .gptOSS, .diffLlama,
  ])

  /// The family that `config.json` names.
  ///
  /// - Throws: `FormatError` that names the model type and the nearest known ones, or says that
  ///   quantised weights are not read.
  public func family(for config: JSONValue, place: String) throws(FormatError) -> ModelFamily {
    guard let type = config["model_type"]?.string else {
      throw FormatError(
        .missing, what: "config.json has no model_type", place: place,
        expected: "one of \(knownTypes)")
    }
    guard let family = families.first(where: { $0.modelTypes.contains(type) }) else {
      let nearest = nearestNames(to: type, among: families.flatMap(\.modelTypes))
      throw FormatError(
        .unsupported, what: "models of type \"\(type)\" are not known", place: place,
        expected: "one of \(knownTypes)",
        hint: nearest.isEmpty
          ? "a family can be added from outside, see FamilyRegistry"
          : "did you mean \(nearest.joined(separator: " or "))?")
    }
    if let quantization = config["quantization_config"], !quantization.isNull {
      let method = quantization["quant_method"]?.string
      throw FormatError(
        .unsupported,
        what: "the weights are quantised" + (method.map { " (\($0))" } ?? ""),
        place: place, expected: "float32, bfloat16 or float16 weights, no quantization_config",
        hint: "most models are published in bfloat16 too")
    }
    return family
  }

  private var knownTypes: String {
    families.flatMap(\.modelTypes).joined(separator: ", ")
  }
}
