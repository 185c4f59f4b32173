import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("GGUF models")
struct GGUFModelTests {
  private let ids = [[3, 1, 4, 1, 5, 9, 2]]

  /// With experts in every layer, as the format has it.
  static let qwen2MoE = SmallConfig.qwen2MoE.with(("mlp_only_layers", nil))

  static let deepSeekV3 = SmallConfig.deepSeekV3.with(
    (
      "rope_scaling",
      [
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16,
        "mscale": 0.707, "mscale_all_dim": 0.707, "beta_fast": 32, "beta_slow": 1,
      ]
    ))

  /// What GGUF can say.
  static let plain: [JSONValue] = [
    SmallConfig.gpt2, SmallConfig.gptNeoX,
    SmallConfig.gptNeoX.with(("use_parallel_residual", false)), SmallConfig.bloom,
    SmallConfig.llama, SmallConfig.llama.with(("tie_word_embeddings", true)),
    SmallConfig.mistral.with(("sliding_window", .null)), SmallConfig.mixtral,
    SmallConfig.qwen2.with(("use_sliding_window", false)), SmallConfig.qwen3, SmallConfig.gemma,
    SmallConfig.gemma2.with(("query_pre_attn_scalar", 6)),
    SmallConfig.gemma3,
    SmallConfig.gemma3.with(("sliding_window_pattern", nil), ("rope_local_base_freq", nil)),
    SmallConfig.phi3.with(("sliding_window", .null)),
    SmallConfig.gemma2.with(("query_pre_attn_scalar", 6), ("sliding_window", .null)),
    SmallConfig.gptOSS.with(("sliding_window", .null)),
    qwen2MoE, SmallConfig.deepSeekV2,
    SmallConfig.deepSeekV2.with(
      ("topk_method", "greedy"), ("n_group", nil), ("topk_group", nil), ("n_shared_experts", .null)),
    SmallConfig.deepSeekV2.with(("norm_topk_prob", true), ("routed_scaling_factor", 1.5)),
    deepSeekV3, SmallConfig.gptOSS,
    SmallConfig.llama.with(("rope_scaling", ["rope_type": "linear", "factor": 2.0])),
  ]

  private func convert(
    _ config: JSONValue, _ parameters: [String: Tensor], _ type: ConversionType,
    _ body: (_ folder: String, _ file: String) throws -> Void
  ) throws {
    try withModelFolder(config, parameters) { folder in
      let file = folder + "/model.gguf"
      try ModelConversion.convert(folder, to: file, type: type)
      try body(folder, file)
    }
  }

  @Test(
    "a model has the same bits from a folder and from the GGUF file made of it", arguments: plain)
  func roundTrip(config: JSONValue) throws {
    let (_, _, parameters) = try smallParameters(config)
    try convert(config, parameters, .f32) { folder, file in
      let want = try LanguageModel(folder: folder).logits(ids)
      #expect(bits(try LanguageModel(path: file).logits(ids)) == bits(want))
      // And from a copy of the file.
      try ModelConversion.convert(file, to: folder + "/copy.gguf", type: .f32)
      #expect(bits(try LanguageModel(path: folder + "/copy.gguf").logits(ids)) == bits(want))
    }
  }

  @Test("what the format cannot say is refused, not lost")
  func refusals() throws {
    for config in [
      SmallConfig.mistral, SmallConfig.qwen2, SmallConfig.gemma2, SmallConfig.gptJ,
      SmallConfig.qwen2MoE,
      SmallConfig.gptOSS.with(("swiglu_limit", 5.0)),
    ] {
      let (_, _, parameters) = try smallParameters(config)
      #expect(throws: FormatError.self) { try convert(config, parameters, .f32) { _, _ in } }
    }
  }

  /// Widths of whole blocks of 256.
  private static let wide = SmallConfig.llama.with(
    ("hidden_size", 256), ("head_dim", 64), ("intermediate_size", 512), ("vocab_size", 40))

  @Test(
    "blocks stay near the numbers, and a row has the same bits with a cache and without",
    arguments: [
      (ConversionType.q8_0, Float(0.04)), (.q6_k, 0.1), (.q5_k, 0.2), (.q5_1, 0.2), (.q5_0, 0.25),
      (.q4_k, 0.35), (.q4_1, 0.35), (.q4_0, 0.4), (.bf16, 0.02), (.f16, 0.01),
    ])
  func quantized(type: ConversionType, bound: Float) throws {
    let (spec, binding, random) = try smallParameters(Self.wide)
    // Weights of the size that trained ones have, so that logits are of the order of one.
    let parameters = Dictionary(
      uniqueKeysWithValues: random.map { ($0, $0.contains("norm") ? $1 : $1 * 0.15) })
    let exact = LanguageModel(spec: spec, binding: binding, parameters: parameters).logits(ids)
    try convert(Self.wide, parameters, type) { _, file in
      let model = try LanguageModel(path: file)
      #expect(model.blockParameters.isEmpty == (type == .bf16 || type == .f16))
      let logits = model.logits(ids)
      // Roots of mean squares. What the products do is held to float32's rounding by the tests of
      // QuantizedMatrix; here a wrong row or a wrong scale, which gives 100 %, is told from rounding.
      func share(_ difference: Tensor, of whole: Tensor) -> Float {
        func mean(_ x: Tensor) -> Float { (x * x).mean().item() }
        return (mean(difference) / mean(whole)).squareRoot()
      }
      #expect(share(logits - exact, of: exact) < bound)
      // Over the numbers that the file holds, only the activations are rounded: by 0.47 % of a typical
      // value in each of nine products one after the other.
      try ModelConversion.convert(file, to: file + ".f32.gguf", type: .f32)
      let stored = try LanguageModel(path: file + ".f32.gguf").logits(ids)
      #expect(share(logits - stored, of: stored) < (model.blockParameters.isEmpty ? 1e-6 : 0.03))
      var cache = model.emptyCache()
      let first = model.forward([Array(ids[0][..<3])], cache: &cache).logits
      let second = model.forward([Array(ids[0][3...])], cache: &cache).logits
      #expect(bits(first.concatenated(with: second, alongAxis: 1)) == bits(logits))
    }
  }

  @Test("matrices can be quantised when a model is loaded, with the bits of the converted file")
  func quantizedAtLoading() throws {
    let (_, _, parameters) = try smallParameters(Self.wide)
    try convert(Self.wide, parameters, .q8_0) { folder, file in
      let loaded = try LanguageModel(path: folder, quantization: .q8_0)
      let converted = try LanguageModel(path: file)
      var options = LanguageModel.Options()
      options.lastCount = 1
      // The embedding stays float32 in one and is blocks in the other, so only near.
      let (a, b) = (loaded.logits(ids, options: options), converted.logits(ids, options: options))
      #expect((a - b).abs().max().item(as: Float.self) < 0.03 * b.abs().max().item(as: Float.self))
    }
  }

  /// A GGUF file like `path` whose tensors are those that `change` gives.
  private func rewrite(
    _ path: String, to other: String, _ change: (String, Tensor) -> [GGUFTensor]
  ) throws {
    let file = try GGUFFile(path: path)
    let tensors = try file.tensorNames.flatMap { change($0, try file.tensor(named: $0)) }
    try GGUFFile.write(metadata: file.metadata, tensors: tensors, to: other)
  }

  private func numbers(_ name: String, _ tensor: Tensor) -> GGUFTensor {
    GGUFTensor(name, shape: tensor.shape, type: .elements(.float32)) { tensor }
  }

  @Test("experts in 4-bit floats, as gpt-oss is published, are read as they lie")
  func microscaled() throws {
    let config = SmallConfig.gptOSS.with(("hidden_size", 32), ("intermediate_size", 64))
    let (_, _, parameters) = try smallParameters(config)
    try convert(config, parameters, .f32) { _, path in
      var generator = RandomGenerator(seed: 3)
      var kept: [String: BlockTensor] = [:]
      func blocks(_ name: String, _ shape: [Int]) -> BlockTensor {
        if let known = kept[name] { return known }
        let size = shape.reduce(1, *) / 32 * 17
        let random: [Int64] = generator.integers([size], in: 0..<256).elements()
        // Powers of two around those of trained weights, then 16 bytes of nibbles.
        let bytes = random.enumerated().map { place, value in
          UInt8(place % 17 == 0 ? 121 + value % 4 : value)
        }
        let rowBytes = shape[shape.count - 1] / 32 * 17
        let made = BlockTensor(
          .mxfp4, bytes: Tensor(bytes, shape: Array(shape.dropLast()) + [rowBytes]))
        kept[name] = made
        return made
      }
      func isExperts(_ name: String) -> Bool { name.hasSuffix("_exps.weight") }
      try rewrite(path, to: path + ".small.gguf") { name, tensor in
        [isExperts(name) ? GGUFTensor(name, blocks(name, tensor.shape)) : numbers(name, tensor)]
      }
      try rewrite(path, to: path + ".large.gguf") { name, tensor in
        [numbers(name, isExperts(name) ? blocks(name, tensor.shape).dequantized() : tensor)]
      }
      let small = try LanguageModel(path: path + ".small.gguf")
      #expect(small.blockParameters.values.contains { $0.type == .mxfp4 })
      let want = try LanguageModel(path: path + ".large.gguf").logits(ids)
      let difference = small.logits(ids) - want
      let share = ((difference * difference).mean() / (want * want).mean()).squareRoot()
      // Only the activations are rounded, see `quantized`.
      #expect(share.item(as: Float.self) < 0.03)
      // The numbers in a folder are those of the blocks.
      try ModelConversion.convert(path + ".small.gguf", to: path + ".made", type: .f32)
      #expect(bits(try LanguageModel(folder: path + ".made").logits(ids)) == bits(want))
    }
  }

  @Test("older files keep the way from DeepSeek's latent whole, and say the widths of heads")
  func olderDeepSeek() throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.deepSeekV2)
    try convert(SmallConfig.deepSeekV2, parameters, .f32) { folder, path in
      let want = try LanguageModel(folder: folder).logits(ids)
      let file = try GGUFFile(path: path)
      let expansion = "model.layers.{}.self_attn.kv_b_proj.weight"
      let tensors =
        try file.tensorNames.filter { !$0.contains("_b.weight") }.map {
          numbers($0, try file.tensor(named: $0))
        }
        + (0..<2).map { layer in
          numbers(
            "blk.\(layer).attn_kv_b.weight",
            parameters[expansion.replacing("{}", with: "\(layer)")] ?? Tensor(zeros: [1]))
        }
      let widths = ["key_length": 6, "value_length": 3]
      let metadata = file.metadata.filter { !$0.key.contains("_mla") }.map { key, value in
        let name = key.split(separator: ".").last.map { String($0) } ?? ""
        return (key: key, value: widths[name].map { .uint32(UInt32($0)) } ?? value)
      }
      try GGUFFile.write(metadata: metadata, tensors: tensors, to: folder + "/old.gguf")
      #expect(bits(try LanguageModel(path: folder + "/old.gguf").logits(ids)) == bits(want))
    }
  }

  @Test("lists of tokens are as long as the embedding")
  func padding() throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    try withModelFolder(SmallConfig.llama, parameters) { folder in
      let file = folder + "/model.gguf"
      try ModelConversion.convert(
        folder, to: file, type: .f32,
        metadata: [
          ("tokenizer.ggml.tokens", .array(GGUFArray(["<unk>", "a"]))),
          ("tokenizer.ggml.scores", .array(GGUFArray([0, -1] as [Float]))),
          ("tokenizer.ggml.token_type", .array(GGUFArray([2, 1] as [Int32]))),
        ])
      let read = try GGUFFile(path: file)
      let tokens = read["tokenizer.ggml.tokens"]?.array?.strings ?? []
      #expect(tokens.count == 17 && tokens.prefix(3) == ["<unk>", "a", "[PAD2]"])
      #expect(
        read["tokenizer.ggml.token_type"]?.array?.integers?.suffix(16) == [1]
          + [Int](repeating: 5, count: 15))
      #expect(read["tokenizer.ggml.scores"]?.array?.count == 17)
    }
  }

  @Test(
    "metadata that is absurd or absent is an error or another model, never a crash",
    arguments: plain)
  func absurd(config: JSONValue) throws {
    let (_, _, parameters) = try smallParameters(config)
    let values: [GGUFValue?] = [
      nil, .int64(.min), .int64(.max), .uint32(0), .uint32(3), .float32(.nan), .string("x"),
      .array(GGUFArray([1, 2] as [Int32])),
    ]
    try convert(config, parameters, .f32) { folder, path in
      let file = try GGUFFile(path: path)
      let tensors = try file.tensorNames.map { numbers($0, try file.tensor(named: $0)) }
      for place in file.metadata.indices where file.metadata[place].key.contains(".") {
        for value in values {
          var metadata = file.metadata
          if let value { metadata[place].value = value } else { metadata.remove(at: place) }
          let changed = folder + "/changed.gguf"
          try GGUFFile.write(metadata: metadata, tensors: tensors, to: changed)
          guard let model = try? LanguageModel(path: changed) else { continue }
          #expect(model.logits([[1, 2]]).shape == [1, 2, 17])
        }
      }
    }
  }

  @Test("how DeepSeek's experts are scored is what the file says, and another way is refused")
  func expertScores() throws {
    let config = SmallConfig.deepSeekV2
    let (_, _, parameters) = try smallParameters(config)
    func logits(norm: Bool) throws -> Tensor {
      try withModelFolder(config.with(("norm_topk_prob", .bool(norm))), parameters) { folder in
        try LanguageModel(folder: folder).logits(ids)
      }
    }
    let (plain, normed) = (try logits(norm: false), try logits(norm: true))
    #expect(bits(plain) != bits(normed))
    try convert(config, parameters, .f32) { folder, path in
      let file = try GGUFFile(path: path)
      let tensors = try file.tensorNames.map { numbers($0, try file.tensor(named: $0)) }
      func read(score: UInt32?, norm: Bool) throws -> Tensor {
        var metadata = file.metadata.filter {
          !["deepseek2.expert_gating_func", "deepseek2.expert_weights_norm"].contains($0.key)
        }
        metadata.append(("deepseek2.expert_weights_norm", .bool(norm)))
        if let score { metadata.append(("deepseek2.expert_gating_func", .uint32(score))) }
        try GGUFFile.write(metadata: metadata, tensors: tensors, to: folder + "/changed.gguf")
        return try LanguageModel(path: folder + "/changed.gguf").logits(ids)
      }
      for score in [1, 0, nil] as [UInt32?] {
        #expect(bits(try read(score: score, norm: true)) == bits(normed))
        #expect(bits(try read(score: score, norm: false)) == bits(plain))
      }
      let error = #expect(throws: FormatError.self) { try read(score: 3, norm: true) }
      #expect(error?.description.contains("expert_gating_func") == true)
    }
  }

  @Test("an unknown architecture is named with the nearest known one; a vocabulary is no model")
  func unknown() throws {
    try withModelFolder(SmallConfig.llama, ["x": Tensor(zeros: [1])]) { folder in
      let path = folder + "/a.gguf"
      try GGUFFile.write(
        metadata: [("general.architecture", .string("qwen4"))], tensors: [], to: path)
      let error = #expect(throws: FormatError.self) { try LanguageModel(path: path) }
      #expect(error?.description.contains("qwen4") == true)
      #expect(error?.hint?.contains("qwen2") == true)
      try GGUFFile.write(
        metadata: [("general.architecture", .string("llama"))], tensors: [], to: path)
      let empty = #expect(throws: FormatError.self) { try LanguageModel(path: path) }
      #expect(empty?.description.contains("token_embd.weight") == true)
    }
  }
}
