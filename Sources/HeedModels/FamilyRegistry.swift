public import HeedFormats

/// A family of models as data: how its `config.json` becomes a spec, and what its files call the
/// weights.
public struct ModelFamily: Sendable {
  /// The values of `model_type` in `config.json`.
  public let modelTypes: [String]
  /// From `config.json` (and its place, for messages) to the spec.
  public let spec: @Sendable (_ config: JSONValue, _ place: String) throws(FormatError) -> ModelSpec
  /// The table of names of weights.
  public let weights: @Sendable (_ spec: ModelSpec) -> WeightMap

  /// A family.
  public init(
    modelTypes: [String],
    spec: @escaping @Sendable (JSONValue, String) throws(FormatError) -> ModelSpec,
    weights: @escaping @Sendable (ModelSpec) -> WeightMap
  ) {
    self.modelTypes = modelTypes
    self.spec = spec
    self.weights = weights
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
  public static let standard = FamilyRegistry([.gpt2, .llama])

  /// The family that `config.json` names.
  ///
  /// - Throws: `FormatError` that names the model type and the nearest known ones.
  public func family(for config: JSONValue, place: String) throws(FormatError) -> ModelFamily {
    guard let type = config["model_type"]?.string else {
      throw FormatError(
        .missing, what: "config.json has no model_type", place: place,
        expected: "one of \(knownTypes)")
    }
    guard let family = families.first(where: { $0.modelTypes.contains(type) }) else {
      throw FormatError(
        .unsupported, what: "models of type \"\(type)\" are not known", place: place,
        expected: "one of \(knownTypes)")
    }
    return family
  }

  private var knownTypes: String {
    families.flatMap(\.modelTypes).joined(separator: ", ")
  }
}
