// What a GGUF file of a model will be made of, known before a weight is read: what the format cannot say is
// refused, and whether anything is to be rounded is asked, before a text is written or read for the rounding.

public import HeedFormats
import HeedTensor

extension ModelConversion {
  /// The parts of a GGUF file.
  struct Plan {
    var tensors: [GGUFTensor]
    var metadata: [(key: String, value: GGUFValue)]
    /// What reads the text of a calibration, and the same model as the file will have it.
    var reader: (model: PublishedModel, target: ModelSpec, names: WeightMap)?
    /// Tensors that are numbers, or other blocks, and become blocks.
    var roundedCount: Int
    /// How many tokens a tokenizer must list, where it does not come from the same file.
    var tokenCount: Int?
  }

  /// Whether a conversion to a GGUF file makes blocks of weights: false for numbers, and where all that will be
  /// blocks are such blocks already, for which a calibration has nothing to say.
  ///
  /// - Parameters: those of `convert`.
  /// - Throws: `FormatError` for what `convert` refuses before it reads a weight.
  public static func makesBlocks(
    of input: String, to output: String, type: ConversionType,
    registry: FamilyRegistry = .standard
  ) throws(FormatError) -> Bool {
    try plan(input, output, type, registry, readsText: false).roundedCount > 0
  }

  /// - Parameter readsText: whether the model has to be one that reads a text.
  static func plan(
    _ input: String, _ output: String, _ type: ConversionType, _ registry: FamilyRegistry,
    readsText: Bool
  ) throws(FormatError) -> Plan {
    if input.hasSuffix(".gguf") {
      let file = try GGUFFile(path: input)
      let metadata = file.metadata.filter {
        !["general.file_type", "general.alignment", "general.quantization_version"].contains($0.key)
      }
      var plan = try plan(of: file, metadata, type)
      if readsText {
        let model = try PublishedModel(path: input, registry: registry)
        plan.reader = (model, model.spec, model.map)
      }
      return plan
    }
    let model = try PublishedModel(path: input, registry: registry)
    let architecture = try GGUFArchitecture.writing(model, place: input)
    var plan = Plan(
      tensors: [], metadata: try architecture.metadata(of: model, place: input), roundedCount: 0)
    if input.hasSuffix(".bin") {
      plan = try Self.plan(of: model.weights, plan.metadata, type)
    } else {
      plan.tensors = try architecture.tensors(of: model, type)
      plan.roundedCount = plan.tensors.count { if case .blocks = $0.type { true } else { false } }
    }
    plan.metadata += try PublishedGeneration(path: input).metadata
    plan.tokenCount = model.spec.vocabularySize
    try architecture.check(
      PlannedGGUF(path: output, metadata: plan.metadata, tensors: plan.tensors), says: model)
    let target = architecture.adapted(model.spec)
    plan.reader = (model, target, architecture.weights(of: target))
    return plan
  }

  /// The tensors of a source whose names stay.
  private static func plan(
    of source: any TensorSource, _ metadata: [(key: String, value: GGUFValue)],
    _ type: ConversionType
  ) throws(FormatError) -> Plan {
    var plan = Plan(tensors: [], metadata: metadata, roundedCount: 0)
    for name in source.tensorNames {
      let shape = try source.shape(named: name)
      let blocks = try source.blocks(named: name)
      let wanted = type.type(named: name, shape: shape)
      if let blocks, wanted == .blocks(blocks.type) {
        plan.tensors.append(GGUFTensor(name, blocks))
        continue
      }
      if case .blocks = wanted { plan.roundedCount += 1 }
      plan.tensors.append(
        GGUFTensor(name, shape: shape, type: wanted) { () throws(FormatError) in
          try source.floatingPointTensor(named: name)
        })
    }
    return plan
  }
}
