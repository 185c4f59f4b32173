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
    // Mistral and Mixtral are written as Llama, which is how llama.cpp has them.
    let name = ["mistral": "llama", "mixtral": "llama"][type] ?? type
    guard let known = all.first(where: { $0.modelType == name }) else {
      throw FormatError(
        .unsupported, what: "models of type \"\(type)\" cannot be written as GGUF", place: place,
        expected: "one of \(all.map(\.modelType).joined(separator: ", "))",
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
      guard let value = model.config[member.member], !value.isNull else { continue }
      switch member.kind {
      case .count:
        if let count = value.integer { add(member.key, .uint32(UInt32(clamping: count))) }
      case .number: if let number = value.number { add(member.key, .float32(Float(number))) }
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
    for branch in spec.blocks.first?.branches ?? [] {
      switch branch.operation {
      case .selfAttention(let attention):
        add("attention.head_count", .uint32(UInt32(clamping: attention.headCount)))
        add("attention.head_count_kv", .uint32(UInt32(clamping: attention.keyValueHeadCount)))
        add("attention.key_length", .uint32(UInt32(clamping: attention.headWidth)))
        add("attention.value_length", .uint32(UInt32(clamping: attention.headWidth)))
        guard let rotary = attention.rotary else { continue }
        add("rope.dimension_count", .uint32(UInt32(clamping: rotary.width)))
        add("rope.freq_base", .float32(Float(rotary.base)))
      case .feedForward(let feedForward):
        add("feed_forward_length", .uint32(UInt32(clamping: feedForward.hiddenWidth)))
      default: break
      }
    }
    if name == "gptneox", case .sequential? = spec.blocks.first?.arrangement {
      add("use_parallel_residual", .bool(false))
    } else if name == "gptneox" {
      add("use_parallel_residual", .bool(true))
    }
    if let start = model.config["bos_token_id"]?.integer {
      result.append(("tokenizer.ggml.bos_token_id", .uint32(UInt32(clamping: start))))
    }
    for (key, token) in zip(["eos", "eot", "eom"], spec.endTokens) {
      result.append(("tokenizer.ggml.\(key)_token_id", .uint32(UInt32(clamping: token))))
    }
    return result
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
    guard said == model.spec else {
      throw FormatError(
        .unsupported,
        what: "a GGUF file of the architecture \"\(name)\" cannot say all that this model is",
        place: planned.path, expected: said.summary,
        hint: "windows, scaled rotary positions and other scales of scores are not written")
    }
  }

  /// The tensors of a model under GGUF's names.
  func tensors(
    of model: PublishedModel, _ type: ConversionType
  ) throws(FormatError) -> [GGUFTensor] {
    let binding = try model.map.binding(of: model.spec, to: model.weights)
    let table = weights(of: model.spec)
    let source = model.weights
    let addsOne = hasWholeGains
    var order: [String] = []
    var slots: [String: [WeightSlot]] = [:]
    for slot in model.spec.slots {
      guard let place = table.source(of: slot, withPrefix: true) else {
        throw FormatError(
          .unsupported, what: "GGUF has no name for \(slot.path)", place: source.place)
      }
      if slots[place.name] == nil { order.append(place.name) }
      slots[place.name, default: []].append(slot)
    }
    return order.map { name in
      let members = slots[name] ?? []
      let first = members[0]
      let isStack = first.path.hasPrefix("experts.") && members.count > 1
      let shape =
        isStack
        ? [members.count] + first.shape
        : [first.shape[0] * members.count] + first.shape.dropFirst()
      return GGUFTensor(name, shape: shape, type: type.type(named: name, shape: shape)) {
        () throws(FormatError) in
        var parts: [Tensor] = []
        for slot in members {
          guard let from = binding.source(slot.path, slot.layer),
            let to = table.source(of: slot, withPrefix: true)
          else {
            throw FormatError(.missing, what: "no weight for \(slot.path)", place: source.place)
          }
          var weight = from.layout.weight(in: try source.floatingPointTensor(named: from.name))
          if addsOne, slot.path.hasSuffix(".gain") { weight = weight.converted(to: .float32) + 1 }
          parts.append(to.layout.fileTensor(of: weight) ?? weight)
        }
        if parts.count == 1 { return parts[0] }
        return isStack
          ? Tensor(stacking: parts, alongAxis: 0) : Tensor(concatenating: parts, alongAxis: 0)
      }
    }
  }
}
