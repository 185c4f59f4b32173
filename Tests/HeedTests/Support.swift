import Foundation
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import HeedText

/// Small models whose weights are random and large enough that every token matters.
enum TinyModel {
  static let letters = "abcdefgh .,{}[]\":0123456789-\n"

  static let gpt2: JSONValue = [
    "model_type": "gpt2", "n_embd": 12, "n_head": 3, "n_layer": 2, "n_positions": 40,
  ]
  static let llama: JSONValue = [
    "model_type": "llama", "hidden_size": 12, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 6, "num_hidden_layers": 2, "intermediate_size": 14,
    "max_position_embeddings": 48, "tie_word_embeddings": false,
  ]
  static let longLlama: JSONValue = [
    "model_type": "llama", "hidden_size": 12, "num_attention_heads": 2,
    "num_key_value_heads": 1, "num_hidden_layers": 2, "intermediate_size": 14,
    "max_position_embeddings": 1024, "tie_word_embeddings": false,
  ]
  static let mistral: JSONValue = [
    "model_type": "mistral", "hidden_size": 12, "num_attention_heads": 2,
    "num_key_value_heads": 1, "num_hidden_layers": 2, "intermediate_size": 14,
    "max_position_embeddings": 48, "sliding_window": 5,
  ]
  static let bloom: JSONValue = [
    "model_type": "bloom", "hidden_size": 12, "n_head": 3, "n_layer": 1, "seq_length": 48,
  ]
  /// Other frequencies beyond 16 tokens, in the midst of prompts and of what follows them.
  static let longRope: JSONValue = [
    "model_type": "phi3", "hidden_size": 12, "num_attention_heads": 3, "num_key_value_heads": 3,
    "num_hidden_layers": 2, "intermediate_size": 14, "max_position_embeddings": 48,
    "original_max_position_embeddings": 16, "tie_word_embeddings": false,
    "rope_scaling": [
      "type": "longrope", "short_factor": [1.0, 1.1], "long_factor": [2.5, 6.0],
    ],
  ]
  static let dynamicRotary: JSONValue = [
    "model_type": "llama", "hidden_size": 12, "num_attention_heads": 3, "num_key_value_heads": 3,
    "num_hidden_layers": 2, "intermediate_size": 14, "max_position_embeddings": 48,
    "tie_word_embeddings": false,
    "rope_scaling": [
      "type": "dynamic", "factor": 4.0, "original_max_position_embeddings": 16,
    ],
  ]
  static let all = [gpt2, llama, mistral, bloom, longRope, dynamicRotary]

  static func text(
    _ config: JSONValue = gpt2, letters: String = letters, seed: UInt64 = 5,
    precision: ProductPrecision = .float32, cacheType: ElementType? = nil
  ) throws -> TextModel {
    let tokenizer = CharacterTokenizer(charactersOf: letters)
    let (spec, binding, parameters) = try smallParameters(
      config.with(("vocab_size", .integer(tokenizer.vocabularySize))), seed: seed, deviation: 0.5)
    return TextModel(
      name: "tiny",
      model: LanguageModel(
        spec: spec, binding: binding, parameters: parameters, precision: precision),
      tokenizer: tokenizer, cacheType: cacheType)
  }
}

func settings(
  temperature: Float = 1, count: Int = 30, seed: UInt64 = 1
) -> GenerationSettings {
  GenerationSettings(
    sampling: SamplingSettings(temperature: temperature, seed: seed), newTokenCount: count)
}

/// Calls `body` with the path of a file that is gone afterwards.
func withFile(_ body: (String) throws -> Void) throws {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}
