// A recipe is data: sizes, settings and the texts. `RecipeRun` carries it out. nanoGPT's setting for
// a CPU: github.com/karpathy/nanoGPT, config/train_shakespeare_char.py and its README.

public import HeedFormats
public import HeedTensor
public import HeedTraining

/// Everything that a training run of a language model depends on.
public struct Recipe: Sendable {
  /// What `heed train` calls it.
  public var name: String
  /// One line for people.
  public var summary: String
  /// Where the texts come from.
  public var source = RecipeSource.shakespeare
  /// What the tokens are.
  public var vocabulary = RecipeVocabulary.characters
  /// `config.json` of the model, without the size of the vocabulary, which the texts give.
  public var config: JSONValue
  /// Members of `config` that `set` changed.
  var changedMembers: [String] = []
  /// T: tokens of a window.
  public var contextLength: Int
  /// Windows of a microbatch.
  public var batchSize: Int
  /// Microbatches of a step.
  public var microbatchCount = 1
  /// Steps.
  public var stepCount: Int
  /// Which windows come when.
  public var order = WindowOrder.drawn
  /// Share of embeddings, branch results and attention weights that become zero in training.
  public var dropout = 0.0
  /// How gradients move the matrices of blocks; the rest is moved by AdamW.
  public var optimizer = RecipeOptimizer.adamW
  /// The highest learning rate.
  public var peakRate: Double
  /// The learning rate of the last step.
  public var finalRate: Double
  /// Steps until the highest rate.
  public var warmupSteps = 100
  /// AdamW's memory of squared gradients.
  public var beta2 = 0.99
  /// Decay of matrices.
  public var weightDecay = 0.1
  /// Longer gradients are shortened to this.
  public var gradientLimit = 1.0
  /// How far a step moves the corrections of routers that balance the loads of experts.
  public var balanceSpeed = LoadBalance.usualSpeed
  /// Precision of products in training.
  public var precision: ProductPrecision
  /// The seed of everything random.
  public var seed: UInt64 = 1337
  /// Steps between two measurements on the validation part.
  public var validationInterval = 250
  /// Share of a single text that is learnt from; the rest validates.
  public var trainingShare = 0.9

  /// All recipes.
  public static let all: [Recipe] = [
    .shakespeareCharacters, .shakespeareCharactersLong, .storyteller,
  ]

  /// The one called `name`.
  public static func named(_ name: String) -> Recipe? { all.first { $0.name == name } }

  /// nanoGPT's small setting for a CPU, but for the rate: with nanoGPT's 1e-3 the validation loss is
  /// 1.899, with 3e-3 it is 1.765.
  public static let shakespeareCharacters = Recipe(
    name: "shakespeare-chars",
    summary: "nanoGPT's CPU setting, higher rate: GPT-2, 4 layers of 128, 2,000 steps of 12 x 64",
    config: [
      "model_type": "gpt2", "n_layer": 4, "n_head": 4, "n_embd": 128, "n_positions": 64,
      "activation_function": "gelu", "tie_word_embeddings": true,
    ],
    contextLength: 64, batchSize: 12, stepCount: 2000, peakRate: 3e-3, finalRate: 1e-4,
    precision: .float32)

  /// The model `shakespeare` that ships.
  public static let shakespeareCharactersLong = Recipe(
    name: "shakespeare-chars-long",
    summary: "the model that ships: Llama blocks, 5 layers of 192, rotary positions, dropout",
    config: [
      "model_type": "llama", "num_hidden_layers": 5, "num_attention_heads": 6, "hidden_size": 192,
      "intermediate_size": 416, "max_position_embeddings": 128, "rope_theta": 10000.0,
      "tie_word_embeddings": true,
    ],
    contextLength: 128, batchSize: 16, stepCount: 3500, dropout: 0.1, peakRate: 3e-3,
    finalRate: 1e-4, precision: .bfloat16)

  /// A model that tells stories. Why this shape and these rates: Resources/storyteller/README.md.
  public static let storyteller = Recipe(
    name: "storyteller",
    summary: "tells stories: Llama blocks, 4 layers of 320, 4,096 pieces learnt from the texts",
    source: .folder,
    vocabulary: .bytePairs(size: 4096, endOfText: "<|endoftext|>"),
    config: [
      "model_type": "llama", "num_hidden_layers": 4, "num_attention_heads": 5, "hidden_size": 320,
      "intermediate_size": 864, "max_position_embeddings": 512, "rope_theta": 10000.0,
      "rms_norm_eps": 1e-6, "tie_word_embeddings": true,
    ],
    contextLength: 512, batchSize: 8, stepCount: 2000, order: .passes, optimizer: .muon,
    peakRate: 8e-3, finalRate: 1e-4, beta2: 0.98, precision: .float32, validationInterval: 200)

  /// The settings of the trainer.
  ///
  /// - Parameters:
  ///   - outside: names of the parameters that belong to no block.
  ///   - corrections: names of those that follow the loads of experts.
  func training(outside: Set<String>, corrections: Set<String>) -> TrainingSettings {
    let adamW = OptimizerRule.adamW(beta2: beta2, weightDecay: weightDecay)
    let rules =
      switch optimizer {
      case .adamW: Optimizer(adamW)
      case .muon:
        Optimizer(
          .muon(weightDecay: weightDecay),
          groups: [
            ParameterGroup(decayFactor: 0, rule: adamW) { _, shape in shape.count < 2 },
            ParameterGroup(rule: adamW) { name, _ in outside.contains(name) },
          ])
      }
    return TrainingSettings(
      optimizer: rules,
      schedule: .cosine(
        peak: peakRate, final: finalRate, warmup: min(warmupSteps, stepCount), total: stepCount),
      gradientLimit: gradientLimit,
      balance: corrections.isEmpty
        ? nil : LoadBalance(corrections: corrections, speed: balanceSpeed),
      microbatchCount: microbatchCount, seed: seed)
  }
}

/// Where the texts of a recipe come from when none are named.
public enum RecipeSource: Sendable, Hashable {
  /// Tiny Shakespeare, which ships.
  case shakespeare
  /// Nowhere: a person names a folder with texts.
  case folder
}

/// How a recipe's gradients move the matrices of blocks.
public enum RecipeOptimizer: String, Sendable, Hashable, CaseIterable {
  /// Adam with decoupled decay.
  case adamW
  /// Orthogonal momentum; see `OptimizerRule.muon`.
  case muon
}
