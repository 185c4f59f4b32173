import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

/// Metadata as other programs write it, in words that Heed's own files do not have.
@Suite("Metadata of GGUF files")
struct GGUFMetadataTests {
  private let ids = [[3, 1, 4, 1, 5, 9, 2]]

  /// Calls `body` with the GGUF file of a model after its metadata and tensors have been changed.
  private func withFile(
    _ config: JSONValue, _ changes: [(key: String, value: GGUFValue?)],
    tensors more: [GGUFTensor] = [], _ body: (_ path: String) throws -> Void
  ) throws {
    let (_, _, parameters) = try smallParameters(config)
    try withModelFolder(config, parameters) { folder in
      let path = folder + "/model.gguf"
      try ModelConversion.convert(folder, to: path, type: .f32)
      let file = try GGUFFile(path: path)
      let keys = Set(changes.map(\.key))
      let metadata =
        file.metadata.filter { !keys.contains($0.key) }
        + changes.compactMap { key, value in value.map { (key, $0) } }
      let tensors = try file.tensorNames.map { name in
        let tensor = try file.tensor(named: name)
        return GGUFTensor(name, shape: tensor.shape, type: .elements(.float32)) { tensor }
      }
      let changed = folder + "/changed.gguf"
      try GGUFFile.write(metadata: metadata, tensors: tensors + more, to: changed)
      try body(changed)
    }
  }

  private func logits(_ config: JSONValue) throws -> [UInt32] {
    bits(try smallModel(config).logits(ids))
  }

  @Test(
    "a window of 0 is none, as in Phi-4",
    arguments: [
      SmallConfig.phi3, SmallConfig.gemma2.with(("query_pre_attn_scalar", 6)),
      SmallConfig.gemma3, SmallConfig.gptOSS,
    ])
  func noWindow(config: JSONValue) throws {
    let open = config.with(("sliding_window", .null))
    let want = try logits(open)
    #expect(try logits(config) != want)
    let (_, _, parameters) = try smallParameters(open)
    try withModelFolder(open, parameters) { folder in
      let path = folder + "/model.gguf"
      try ModelConversion.convert(folder, to: path, type: .f32)
      let key = try #require(
        GGUFFile(path: path).metadata.first { $0.key.hasSuffix("sliding_window") })
      #expect(key.value == .uint32(0))
      #expect(bits(try LanguageModel(path: path).logits(ids)) == want)
    }
  }

  private static let factors = GGUFTensor(
    "rope_freqs.weight", shape: [3], type: .elements(.float32)
  ) { Tensor([1, 2, 8] as [Float], shape: [3]) }

  /// Words of a file, and the scaling of a config that means the same.
  static let scaled: [(words: [String: GGUFValue], hasFactors: Bool, scaling: JSONValue?)] = {
    let yarn: JSONValue = [
      "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4,
    ]
    let words: [String: GGUFValue] = [
      "scaling.type": .string("yarn"), "scaling.factor": .float32(4),
      "scaling.original_context_length": .uint32(4),
    ]
    func more(_ key: String, _ value: Float) -> [String: GGUFValue] {
      words.merging([key: .float32(value)]) { $1 }
    }
    func longRope(_ factors: [JSONValue], _ attention: Double) -> JSONValue {
      [
        "rope_type": "longrope", "short_factor": .array(factors), "long_factor": .array(factors),
        "attention_factor": .number(attention),
      ]
    }
    let linear: JSONValue = ["rope_type": "linear", "factor": 2.0]
    return [
      (["scale_linear": .float32(2)], false, linear),
      (["scaling.factor": .float32(2)], false, linear),
      (["scaling.type": .string("linear"), "scaling.factor": .float32(0)], false, nil),
      (["scaling.type": .string("none"), "scaling.factor": .float32(2)], false, nil),
      (words, false, yarn),
      (
        more("scaling.attn_factor", 1.5), false,
        yarn.with(("attention_factor", .number(1.5 * (0.1 * log(4) + 1))))
      ),
      (more("scaling.yarn_beta_fast", 8), false, yarn.with(("beta_fast", 8.0))),
      (more("scaling.yarn_ext_factor", -1), false, yarn),
      (
        more("scaling.yarn_ext_factor", 0), false, ["rope_type": "linear", "factor": 4.0]
      ),
      (
        ["scaling.factor": .float32(2), "scaling.attn_factor": .float32(1.5)], false,
        longRope([2.0, 2.0, 2.0], 1.5)
      ),
      ([:], true, longRope([1.0, 2.0, 8.0], 1)),
      (["scaling.factor": .float32(2)], true, longRope([2.0, 4.0, 16.0], 1)),
      (["scaling.attn_factor": .float32(1.5)], true, longRope([1.0, 2.0, 8.0], 1.5)),
    ]
  }()

  @Test("rotary scaling means what the config of the same meaning says", arguments: scaled)
  func scaling(
    words: [String: GGUFValue], hasFactors: Bool, scaling: JSONValue?
  ) throws {
    let changes = words.map { (key: "llama.rope." + $0, value: $1 as GGUFValue?) }
    let tensors = hasFactors ? [Self.factors] : []
    let want = try logits(SmallConfig.llama.with(("rope_scaling", scaling)))
    try withFile(SmallConfig.llama, changes, tensors: tensors) { path in
      let found = bits(try LanguageModel(path: path).logits(ids))
      #expect(found == want)
    }
  }

  @Test("Gemma 2 is stretched, and Gemma 3 has a base for the layers with windows")
  func gemma() throws {
    let gemma2 = SmallConfig.gemma2.with(("query_pre_attn_scalar", 6))
    let stretched = gemma2.with(("rope_scaling", ["rope_type": "linear", "factor": 2.0]))
    try withFile(gemma2, [("gemma2.rope.scaling.factor", .float32(2))]) { path in
      let (found, want) = (try LanguageModel(path: path).logits(ids), try logits(stretched))
      #expect(bits(found) == want)
    }
    let local = SmallConfig.gemma3.with(("rope_local_base_freq", 7.0))
    try withFile(SmallConfig.gemma3, [("gemma3.rope.freq_base_swa", .float32(7))]) { path in
      let (found, want) = (try LanguageModel(path: path).logits(ids), try logits(local))
      #expect(bits(found) == want)
    }
  }

  @Test("layers of Gemma 3 have windows by a period or by a list")
  func windowPatterns() throws {
    let key = "gemma3.attention.sliding_window_pattern"
    let (full, sliding): (JSONValue, JSONValue) = ("full_attention", "sliding_attention")
    for (value, types) in [
      (.array(GGUFArray([0, 1] as [Int32])), [full, sliding]),
      (.array(GGUFArray([1, 1] as [Int32])), [sliding, sliding]), (.uint32(2), [sliding, full]),
    ] as [(GGUFValue, [JSONValue])] {
      let want = try logits(SmallConfig.gemma3.with(("layer_types", .array(types))))
      try withFile(SmallConfig.gemma3, [(key, value)]) { path in
        let found = bits(try LanguageModel(path: path).logits(ids))
        #expect(found == want)
      }
    }
    for value in [GGUFValue.array(GGUFArray(["x"])), .array(GGUFArray([1] as [Int32]))] {
      try withFile(SmallConfig.gemma3, [(key, value)]) { path in
        #expect(throws: FormatError.self) { try LanguageModel(path: path) }
      }
    }
  }

  @Test("heads are turned as far as the file says, or the file is refused")
  func partlyTurned() throws {
    let config = SmallConfig.qwen2.with(("use_sliding_window", false))
    let half = config.with(("partial_rotary_factor", 0.7))
    let key = "qwen2.rope.dimension_count"
    try withFile(config, [(key, .uint32(4))]) { path in
      let (found, want) = (try LanguageModel(path: path).logits(ids), try logits(half))
      #expect(bits(found) == want)
    }
    for turned: UInt32 in [0, 7, 3] {
      try withFile(config, [(key, .uint32(turned))]) { path in
        #expect(throws: FormatError.self) { try LanguageModel(path: path) }
      }
    }
    try withFile(SmallConfig.llama, [("llama.rope.dimension_count", .uint32(4))]) { path in
      let error = #expect(throws: FormatError.self) { try LanguageModel(path: path) }
      #expect(error?.what == "llama.rope.dimension_count is 4")
    }
  }

  @Test("scalings that divide by nothing, or contradict a tensor, are refused by their words")
  func impossible() throws {
    for (words, part) in [
      ([("scaling.factor", .float32(-1))], "factor"),
      (
        [("scaling.type", .string("yarn")), ("scaling.yarn_ext_factor", .float32(0.5))],
        "ext_factor"
      ),
      ([("scaling.type", .string("longrope"))], "longrope"),
      ([("scaling.attn_factor", .float32(0))], "attention_factor"),
    ] as [([(String, GGUFValue)], String)] {
      let changes = words.map { (key: "llama.rope." + $0.0, value: $0.1 as GGUFValue?) }
      try withFile(SmallConfig.llama, changes) { path in
        let error = #expect(throws: FormatError.self) { try LanguageModel(path: path) }
        #expect(error?.what.contains(part) == true, "\(String(describing: error))")
      }
    }
    let yarn: [(key: String, value: GGUFValue?)] = [
      ("llama.rope.scaling.type", .string("yarn")), ("llama.rope.scaling.factor", .float32(2)),
    ]
    try withFile(SmallConfig.llama, yarn, tensors: [Self.factors]) { path in
      #expect(throws: FormatError.self) { try LanguageModel(path: path) }
    }
  }

  @Test("tokens that are called like the end of a turn end a text, if they are no words")
  func endTokens() throws {
    func ends(_ tokens: [Int: (String, Int32)], _ more: [(String, Int)] = []) throws -> [Int] {
      var (names, kinds) = ((0..<17).map { "t\($0)" }, [Int32](repeating: 1, count: 17))
      for (id, token) in tokens { (names[id], kinds[id]) = token }
      var found: [Int] = []
      try withFile(
        SmallConfig.llama,
        [
          ("tokenizer.ggml.tokens", .array(GGUFArray(names))),
          ("tokenizer.ggml.token_type", .array(GGUFArray(kinds))),
        ] + more.map { ($0.0, .uint32(UInt32($0.1))) }
      ) { path in found = try LanguageModel(path: path).spec.endTokens }
      return found
    }
    let eos = "tokenizer.ggml.eos_token_id"
    #expect(try ends([3: ("<|im_end|>", 3), 5: ("<|endoftext|>", 3)]) == [3, 5])
    #expect(try ends([3: ("<|im_end|>", 4), 5: ("</s>", 4), 6: ("<eos>", 1)]) == [3])
    #expect(try ends([3: ("<|eot_id|>", 3), 5: ("<|eom_id|>", 3)], [(eos, 5)]) == [5, 3])
    #expect(
      try ends([3: ("<end_of_turn>", 3)], [(eos, 1), ("tokenizer.ggml.eot_token_id", 3)]) == [1, 3])
    // gpt-oss goes on behind the end of a message.
    let harmony =
      [3: ("<|end|>", 3), 4: ("<|return|>", 3), 5: ("<|call|>", 3)] as [Int: (String, Int32)]
    #expect(try ends(harmony, [(eos, 4)]) == [4, 5])
    #expect(try ends([3: ("<|end|>", 3)], [(eos, 4)]) == [4, 3])
  }

  @Test(
    "a file has every end token of the folder, and no others", arguments: [[], [5], [5, 7, 2, 9]])
  func writtenEnds(ids: [Int]) throws {
    let config = SmallConfig.llama.with(("eos_token_id", .array(ids.map { .integer($0) })))
    let (_, _, parameters) = try smallParameters(config)
    try withModelFolder(config, parameters) { folder in
      let path = folder + "/model.gguf"
      let names = (0..<17).map { $0 == 11 ? "<|im_end|>" : "t\($0)" }
      let kinds = (0..<17).map { Int32($0 == 11 ? 3 : 1) }
      try ModelConversion.convert(
        folder, to: path, type: .f32,
        metadata: [
          ("tokenizer.ggml.tokens", .array(GGUFArray(names))),
          ("tokenizer.ggml.token_type", .array(GGUFArray(kinds))),
        ])
      // A model that does not say what ends a text has what its tokens say.
      let want = ids.isEmpty ? [11] : ids
      #expect(try LanguageModel(path: path).spec.endTokens == want)
      try ModelConversion.convert(path, to: folder + "/again", type: .f32)
      #expect(try LanguageModel(path: folder + "/again").spec.endTokens == want)
    }
  }

  @Test("a Llama may have biases of queries, keys and values and none of the output")
  func inputBiases() throws {
    let config = SmallConfig.llama.with(("attention_bias", true))
    var (_, _, parameters) = try smallParameters(config)
    for (name, tensor) in parameters where name.hasSuffix("o_proj.bias") {
      parameters[name] = Tensor(zeros: tensor.shape)
    }
    try withModelFolder(config, parameters) { folder in
      let path = folder + "/model.gguf"
      try ModelConversion.convert(folder, to: path, type: .f32)
      let file = try GGUFFile(path: path)
      let tensors = try file.tensorNames.filter { !$0.hasSuffix("attn_output.bias") }.map { name in
        let tensor = try file.tensor(named: name)
        return GGUFTensor(name, shape: tensor.shape, type: .elements(.float32)) { tensor }
      }
      #expect(tensors.count == file.tensorNames.count - 2)
      let changed = folder + "/changed.gguf"
      try GGUFFile.write(metadata: file.metadata, tensors: tensors, to: changed)
      let want = try LanguageModel(folder: folder).logits(ids)
      #expect(bits(try LanguageModel(path: changed).logits(ids)) == bits(want))
      // And on into a folder.
      try ModelConversion.convert(changed, to: folder + "/made", type: .f32)
      #expect(bits(try LanguageModel(path: folder + "/made").logits(ids)) == bits(want))
    }
  }
}
