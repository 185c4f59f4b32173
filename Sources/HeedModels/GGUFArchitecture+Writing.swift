import HeedAttention
import HeedBlocks
import HeedFormats
import HeedTensor

extension GGUFArchitecture {
  /// The architecture of a model that is to be written.
  static func writing(_ model: PublishedModel, place: String) throws(FormatError)
    -> GGUFArchitecture
  {
    let type = model.config["model_type"]?.string ?? ""
    let known = all.first { $0.modelType == type || $0.alsoWrites.contains(type) }
    guard let known else {
      throw FormatError(
        .unsupported, what: "models of type \"\(type)\" cannot be written as GGUF", place: place,
        expected: "one of "
          + all.flatMap { [$0.modelType] + $0.alsoWrites }.joined(separator: ", "),
        hint: "a folder of safetensors can be written of every model")
    }
    return known
  }

  /// The metadata of a model: the members of its config under their other names.
  func metadata(
    of model: PublishedModel, place: String
  ) throws(FormatError) -> [(key: String, value: GGUFValue)] {
    var result: [(key: String, value: GGUFValue)] = [("general.architecture", .string(name))]
    func add(_ key: String, _ value: GGUFValue) {
      if !result.contains(where: { $0.key == "\(name).\(key)" }) {
        result.append(("\(name).\(key)", value))
      }
    }
    for member in members {
      guard let value = model.config[member.member] else { continue }
      switch member.kind {
      case .countOrNone where value.isNull: add(member.key, .uint32(0))
      case .count, .countOrNone:
        if let count = value.integer { add(member.key, .uint32(UInt32(clamping: count))) }
      case .number: if let number = value.number { add(member.key, .float32(Float(number))) }
      case .flag: if let flag = value.bool { add(member.key, .bool(flag)) }
      }
    }
    let spec = model.spec
    add("context_length", .uint32(UInt32(clamping: spec.contextLength)))
    add("vocab_size", .uint32(UInt32(clamping: spec.vocabularySize)))
    add("embedding_length", .uint32(UInt32(clamping: spec.width)))
    add("block_count", .uint32(UInt32(clamping: spec.blocks.count)))
    switch spec.finalNorm {
    case .layerNorm(let epsilon)?: add("attention.layer_norm_epsilon", .float32(Float(epsilon)))
    case .rms(let epsilon, _)?: add("attention.layer_norm_rms_epsilon", .float32(Float(epsilon)))
    case nil: break
    }
    for (key, value) in states(spec) { add(key, value) }
    for (key, value) in Self.statements(of: spec) { add(key, value) }
    if let start = model.config["bos_token_id"]?.integer {
      result.append(("tokenizer.ggml.bos_token_id", .uint32(UInt32(clamping: start))))
    }
    return result + Self.statements(ofEndTokens: spec.endTokens)
  }

  /// Throws unless a file of these parts says everything about the model: what the format has no word
  /// for (windows, rotary scaling, another scale of scores) would be lost in silence.
  func check(_ planned: PlannedGGUF, says model: PublishedModel) throws(FormatError) {
    let config = try config(of: planned)
    let family = try FamilyRegistry.standard.family(for: config, place: planned.path)
    var said = try family.spec(config, planned.path)
    said.family = model.spec.family
    said.endTokens = model.spec.endTokens
    said.contextLength = model.spec.contextLength
    guard said.withRotaryFactorsOfFile() == model.spec.withRotaryFactorsOfFile() else {
      throw FormatError(
        .unsupported,
        what: "a GGUF file of the architecture \"\(name)\" cannot say all that this model is",
        place: planned.path, expected: said.summary,
        hint: "some windows, dynamic rotary scaling and other scales of scores are not written")
    }
  }

  /// What the metadata of every model says of its blocks.
  private static func statements(of spec: ModelSpec) -> [(key: String, value: GGUFValue)] {
    var result: [(key: String, value: GGUFValue)] = []
    func add(_ key: String, _ count: Int) {
      result.append((key, .uint32(UInt32(clamping: count))))
    }
    // Where some layers have windows and rotary positions of their own, the file says the others'.
    let attentions = spec.selfAttentions
    if let attention = attentions.first(where: { $0.window == nil }) ?? attentions.first {
      add("attention.head_count", attention.headCount)
      add("attention.head_count_kv", attention.keyValueHeadCount)
      add("attention.key_length", attention.headWidth)
      add("attention.value_length", attention.headWidth)
      if let rotary = attention.rotary {
        add("rope.dimension_count", rotary.width)
        result.append(("rope.freq_base", .float32(Float(rotary.base))))
        result += statements(of: rotary.scaling)
      }
    }
    if let feedForward = spec.feedForwards.first {
      add("feed_forward_length", feedForward.hiddenWidth)
    }
    if let experts = spec.experts.first {
      add("expert_count", experts.expertCount)
      add("expert_used_count", experts.router.chosenCount)
    }
    return result
  }

  /// The tensors of a model under GGUF's names.
  func tensors(
    of model: PublishedModel, _ type: ConversionType
  ) throws(FormatError) -> [GGUFTensor] {
    let target = adapted(model.spec)
    return try model.tensors(named: weights(of: target), of: target)
      .flatMap { splits($0, target) }
      .map { tensor in
        GGUFTensor(
          tensor.name, shape: tensor.shape,
          type: type.type(named: tensor.name, shape: tensor.shape), numbers: tensor.make)
      } + Self.factorTensors(of: target)
  }
}

extension ModelSpec {
  private var operations: [OperationSpec] { blocks.flatMap(\.branches).map(\.operation) }

  /// The self-attentions, in order.
  var selfAttentions: [SelfAttentionSpec] {
    operations.compactMap { if case .selfAttention(let spec) = $0 { spec } else { nil } }
  }

  /// The latent attentions, in order.
  var latentAttentions: [LatentAttentionSpec] {
    operations.compactMap { if case .latentAttention(let spec) = $0 { spec } else { nil } }
  }

  /// The feed-forward layers that are no experts, in order.
  var feedForwards: [FeedForwardSpec] {
    operations.compactMap { if case .feedForward(let spec) = $0 { spec } else { nil } }
  }

  /// The layers of experts, in order.
  var experts: [ExpertsSpec] {
    operations.compactMap { if case .experts(let spec) = $0 { spec } else { nil } }
  }
}
