import Foundation
import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
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

  @Test("many missing tensors are counted, and twenty of them named")
  func manyMissing() throws {
    let config = SmallConfig.llama.with(("num_hidden_layers", 9))
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    try withModelFolder(config, parameters) { folder in
      let error = #expect(throws: FormatError.self) { try LanguageModel(folder: folder) }
      let text = try #require(error?.what)
      #expect(text.contains("63 missing: model.layers.2.") && text.hasSuffix(" and 43 more"))
      #expect(text.split(separator: "model.layers.").count == 21)
    }
  }

  /// What this thread has computed, whatever else the machine does.
  private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }

  @Test(
    "a config of a model far larger than its weights is refused at once",
    arguments: [
      SmallConfig.llama.with(("num_hidden_layers", 4096)),
      SmallConfig.mixtral.with(("num_hidden_layers", 64), ("num_local_experts", 4096)),
      SmallConfig.qwen2MoE.with(
        ("num_hidden_layers", 4096), ("num_experts", 64), ("mlp_only_layers", [1, 3, 1000])),
    ])
  func farTooLarge(config: JSONValue) throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    try withModelFolder(config, parameters) { folder in
      let start = threadSeconds()
      let error = #expect(throws: FormatError.self) { try LanguageModel(folder: folder) }
      #expect(error?.what.contains(" of this size is made of ") == true)
      #expect((error?.description.utf8.count ?? 0) < 500)
      // 800,000 slots with their paths would take seconds.
      #expect(threadSeconds() - start < 0.5)
    }
  }

  @Test(
    "GPT-NeoX and BLOOM files may leave the prefix out",
    arguments: [
      (SmallConfig.gptNeoX, "gpt_neox."), (SmallConfig.bloom, "transformer."),
    ])
  func otherPrefixes(config: JSONValue, prefix: String) throws {
    let (spec, binding, parameters) = try smallParameters(config)
    let model = LanguageModel(spec: spec, binding: binding, parameters: parameters)
    let bare = parameters.map { name, tensor in
      (name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name, tensor)
    }
    try withModelFolder(config, Dictionary(uniqueKeysWithValues: bare)) { folder in
      let loaded = try LanguageModel(folder: folder)
      #expect(bits(loaded.logits(ids)) == bits(model.logits(ids)))
    }
  }

  @Test("the layer with which DeepSeek-V3 trains to see further ahead is left out")
  func nextTokens() throws {
    var (_, _, parameters) = try smallParameters(SmallConfig.deepSeekV3)
    parameters["model.layers.2.eh_proj.weight"] = Tensor(zeros: [12, 24])
    try withModelFolder(SmallConfig.deepSeekV3, parameters) { folder in
      let loaded = try LanguageModel(folder: folder)
      #expect(loaded.spec.blocks.count == 2)
    }
  }

  @Test("end tokens come from generation_config.json, one or a list, else from config.json")
  func endTokens() throws {
    let config = SmallConfig.llama.with(("eos_token_id", 2))
    let (_, _, parameters) = try smallParameters(config)
    for (generation, want): (JSONValue?, [Int]) in [
      (nil, [2]), (["eos_token_id": 5], [5]), (["eos_token_id": [5, 7]], [5, 7]),
      (["eos_token_id": .null], [2]),
    ] {
      try withModelFolder(config, parameters, generation: generation) { folder in
        let loaded = try LanguageModel(folder: folder)
        #expect(loaded.spec.endTokens == want)
      }
    }
    try withModelFolder(config, parameters, generation: ["eos_token_id": "two"]) { folder in
      #expect(throws: FormatError.self) { try LanguageModel(folder: folder) }
    }
  }

  @Test("a family can be added from outside")
  func registry() throws {
    let mine = ModelFamily(
      modelTypes: ["mine"], read: ModelFamily.llama.read, weights: ModelFamily.llama.weights)
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
