import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor
import Testing

@Suite("Loading")
struct LoadingTests {
  private let ids = [[3, 1, 4, 1, 5]]

  @Test("a folder gives the model that was written", arguments: SmallConfig.all)
  func roundTrip(config: JSONValue) throws {
    let (spec, binding, parameters) = try smallParameters(config)
    let model = LanguageModel(spec: spec, binding: binding, parameters: parameters)
    try withModelFolder(config, parameters) { folder in
      let loaded = try LanguageModel(folder: folder)
      #expect(bits(loaded.logits(ids)) == bits(model.logits(ids)))
    }
  }

  @Test("GPT-2 files may leave the prefix out and hold mask buffers")
  func prefix() throws {
    let (spec, binding, parameters) = try smallParameters(SmallConfig.gpt2)
    let model = LanguageModel(spec: spec, binding: binding, parameters: parameters)
    var bare: [String: Tensor] = [:]
    for (name, tensor) in parameters {
      bare[name.hasPrefix("transformer.") ? String(name.dropFirst(12)) : name] = tensor
    }
    bare["h.0.attn.bias"] = Tensor(zeros: [1, 1, 20, 20])
    try withModelFolder(SmallConfig.gpt2, bare) { folder in
      let loaded = try LanguageModel(folder: folder)
      #expect(bits(loaded.logits(ids)) == bits(model.logits(ids)))
    }
  }

  @Test("all missing, unused and misshapen tensors are named at once")
  func complaint() throws {
    var (_, _, parameters) = try smallParameters(SmallConfig.llama)
    parameters["model.norm.weight"] = nil
    parameters["model.layers.1.mlp.up_proj.weight"] = nil
    parameters["model.layers.0.self_attn.k_proj.weight"] = Tensor(zeros: [3, 12])
    parameters["stranger"] = Tensor(zeros: [1])
    try withModelFolder(SmallConfig.llama, parameters) { folder in
      let error = #expect(throws: FormatError.self) { try LanguageModel(folder: folder) }
      let text = error?.description ?? ""
      for name in [
        "model.norm.weight", "model.layers.1.mlp.up_proj.weight",
        "model.layers.0.self_attn.k_proj.weight", "stranger",
      ] {
        #expect(text.contains(name), "\(name) in \(text)")
      }
    }
  }

  @Test("the older and the newer spelling of rotary settings are one model")
  func rotarySpellings() throws {
    let family = ModelFamily.llama
    let older = SmallConfig.llama.with(
      ("rope_theta", 5000.0), ("rope_scaling", ["type": "linear", "factor": 2.0]))
    let newer = SmallConfig.llama.with(
      ("rope_theta", .null),
      ("rope_parameters", ["rope_type": "linear", "factor": 2.0, "rope_theta": 5000.0]))
    let spec = try family.spec(older, "test")
    #expect(try spec == family.spec(newer, "test"))
    #expect(try spec != family.spec(SmallConfig.llama, "test"))
  }

  @Test(
    "a configuration that cannot be is refused",
    arguments: [
      SmallConfig.gpt2.with(("n_head", 5)), SmallConfig.gpt2.with(("n_embd", "12")),
      SmallConfig.gpt2.with(("n_layer", -1)), SmallConfig.gpt2.with(("vocab_size", 1.5)),
      SmallConfig.gpt2.with(("activation_function", "magic")),
      SmallConfig.llama.with(("num_key_value_heads", 3)), SmallConfig.llama.with(("head_dim", 5)),
      SmallConfig.llama.with(("rope_scaling", ["type": "magic", "factor": 2.0])),
      SmallConfig.llama.with(("hidden_size", .null)),
      SmallConfig.llama.with(("model_type", "no such family")),
    ])
  func refusals(config: JSONValue) {
    #expect(throws: FormatError.self) {
      try FamilyRegistry.standard.family(for: config, place: "test").spec(config, "test")
    }
  }

  @Test("a family can be added from outside")
  func registry() throws {
    let mine = ModelFamily(
      modelTypes: ["mine"], spec: ModelFamily.llama.spec, weights: ModelFamily.llama.weights)
    let registry = FamilyRegistry(FamilyRegistry.standard.families + [mine])
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    let config = SmallConfig.llama.with(("model_type", "mine"))
    try withModelFolder(config, parameters) { folder in
      #expect(throws: FormatError.self) { try LanguageModel(folder: folder) }
      let model = try LanguageModel(folder: folder, registry: registry)
      #expect(model.logits(ids).shape == [1, 5, 17])
    }
  }
}
