import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Rotary scaling in GGUF files")
struct GGUFRotaryTests {
  private let ids = [[3, 1, 4, 1, 5, 9, 2]]

  private static let llama3: JSONValue = [
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 4,
  ]

  /// Factors that single precision rounds, other ones beyond the fourth position.
  private static func longRope(_ more: (String, JSONValue?)...) -> JSONValue {
    var scaling: JSONValue = [
      "rope_type": "longrope", "short_factor": [1.0, 1.1, 1.3], "long_factor": [1.2, 2.1, 3.7],
      "original_max_position_embeddings": 4,
    ]
    for member in more { scaling = scaling.with(member) }
    return scaling
  }

  private static let phi3 = SmallConfig.phi3.with(
    ("sliding_window", .null), ("partial_rotary_factor", nil),
    ("original_max_position_embeddings", 4))

  static let scaled: [(config: JSONValue, tensors: [String])] = [
    (SmallConfig.llama.with(("rope_scaling", llama3)), ["rope_freqs.weight"]),
    (
      SmallConfig.mistral.with(("sliding_window", .null), ("rope_scaling", llama3)),
      ["rope_freqs.weight"]
    ),
    (SmallConfig.qwen3.with(("rope_scaling", llama3)), ["rope_freqs.weight"]),
    (
      phi3.with(("rope_scaling", longRope())),
      ["rope_factors_long.weight", "rope_factors_short.weight"]
    ),
    (
      SmallConfig.llama.with(("rope_scaling", longRope(("attention_factor", 1.3)))),
      ["rope_factors_long.weight", "rope_factors_short.weight"]
    ),
    (
      SmallConfig.qwen2.with(("use_sliding_window", false), ("rope_scaling", longRope())),
      ["rope_factors_long.weight", "rope_factors_short.weight"]
    ),
  ]

  @Test(
    "factors lie in tensors, and the logits are those of the folder, there and back",
    arguments: scaled)
  func factors(config: JSONValue, tensors: [String]) throws {
    let (_, _, parameters) = try smallParameters(config)
    try withModelFolder(config, parameters) { folder in
      let file = folder + "/model.gguf"
      try ModelConversion.convert(folder, to: file, type: .f32)
      let names = try GGUFFile(path: file).tensorNames.filter { $0.hasPrefix("rope_") }
      #expect(names == tensors)
      let want = try LanguageModel(folder: folder).logits(ids)
      let largest = want.abs().max().item(as: Float.self)
      func check(_ path: String) throws {
        let difference = (try LanguageModel(path: path).logits(ids) - want).abs().max()
        // A factor in single precision: angles below 7 move by less than one part in 10 million.
        #expect(difference.item(as: Float.self) < 1e-5 * largest)
      }
      try check(file)
      // As a copy, as a folder, and as a file of that.
      try ModelConversion.convert(file, to: folder + "/copy.gguf", type: .f32)
      try check(folder + "/copy.gguf")
      try ModelConversion.convert(file, to: folder + "/made", type: .f32)
      try check(folder + "/made")
      try ModelConversion.convert(folder + "/made", to: folder + "/again.gguf", type: .f32)
      try check(folder + "/again.gguf")
      // Without the factors it would be another model.
      let plain = config.with(("rope_scaling", nil))
      try plain.write(to: folder + "/config.json")
      let other = (try LanguageModel(folder: folder).logits(ids) - want).abs().max()
      #expect(other.item(as: Float.self) > 1e-3 * largest)
    }
  }

  @Test("Llama 3's divisors are one for fast pairs, the factor for slow ones")
  func divisors() throws {
    let config = SmallConfig.llama.with(
      ("rope_scaling", Self.llama3.with(("original_max_position_embeddings", 32))))
    let (_, _, parameters) = try smallParameters(config)
    try withModelFolder(config, parameters) { folder in
      let path = folder + "/model.gguf"
      try ModelConversion.convert(folder, to: path, type: .q8_0)
      let file = try GGUFFile(path: path)
      let values = try file.tensor(named: "rope_freqs.weight").elements(as: Float.self)
      // Wavelengths 6.3, 107, 1837 against the bounds 8 and 32.
      #expect(values == [1, 8, 8])
      #expect(file["llama.rope.scaling.type"] == nil)
    }
  }

  @Test("LongRoPE says its trained length and its factor on queries and keys")
  func longRope() throws {
    let config = Self.phi3.with(("rope_scaling", Self.longRope()))
    let (_, _, parameters) = try smallParameters(config)
    try withModelFolder(config, parameters) { folder in
      let path = folder + "/model.gguf"
      try ModelConversion.convert(folder, to: path, type: .f32)
      let file = try GGUFFile(path: path)
      #expect(file["phi3.rope.scaling.original_context_length"] == .uint32(4))
      // sqrt(1 + ln(64 / 4) / ln(4)).
      #expect(file["phi3.rope.scaling.attn_factor"] == .float32(Float(3).squareRoot()))
      let long = try file.tensor(named: "rope_factors_long.weight").elements(as: Float.self)
      #expect(long == [1.2, 2.1, 3.7])
    }
  }
}
