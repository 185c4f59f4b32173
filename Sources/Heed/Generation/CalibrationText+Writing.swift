// A text to calibrate with where none is at hand: the model writes it. What a model draws from its own
// predictions is like the texts that it has learnt from, and so are the inputs of its layers ("LLM-QAT", Liu
// et al. 2023, arXiv 2305.17888, trains with such texts; "Self-calibration", Williams et al. 2024,
// arXiv 2410.17170, rounds with them). Tokens are drawn as they are predicted, with no temperature and no
// filter. By the divergence of q4_1 over the four models of docs/PERFORMANCE.md, a temperature of 0.8 is 5 to
// 21 % further on three of them, and 1.2 is 1 % further on one and up to 4 % nearer on the others, which luck
// in rounding may be; a quarter of the tokens is up to 7 % further, three times as many are no nearer.
//
// Texts go on behind end tokens, as texts do that models learn from, and are short: as long as the context
// they are no better, and caches of many long texts are large. Those have 8 bits: what that changes is far less
// than the luck of a draw.

public import HeedModels
import HeedTensor

extension CalibrationText {
  /// Tokens of a text that a model writes where nobody says how many.
  public static let usualCount = 1 << 15
  /// Texts that are written at a time.
  private static let textsAtOnce = 32
  /// The most tokens of one of them.
  private static let longestText = 256

  /// A text that a model writes, to be calibrated with.
  ///
  /// - Parameters:
  ///   - model: who writes, and no tokenizer.
  ///   - beginningToken: what its texts begin with; nil draws a token for each round of texts.
  ///   - tokenCount: how long the text is.
  ///   - seed: of the draws of the first round; each of the others has the next.
  ///   - progress: told how many tokens there are, after each of all texts of a round; what it throws ends
  ///     it.
  /// - Returns: the same text on every run, for any number of threads.
  /// - Throws: `GenerationError` when the model's scores are no numbers, and what `progress` throws.
  /// - Complexity: one pass over `tokenCount` tokens, 32 at a time; caches of 8 bits of 8,192 tokens.
  public static func written(
    by model: LanguageModel, beginningToken: Int? = nil, tokenCount: Int = usualCount,
    seed: UInt64 = 0, progress: (Int) throws -> Void = { _ in }
  ) throws -> CalibrationText {
    let length = max(1, min(model.spec.contextLength, longestText))
    let texts = min(textsAtOnce, (tokenCount + length - 1) / length)
    var tokens: [Int] = []
    var seed = seed
    while tokens.count < tokenCount {
      let first = beginningToken ?? drawn(below: model.spec.vocabularySize, seed: seed)
      var loop = loop(of: model, from: first, texts: texts, length: length, seed: seed)
      var written = texts
      while let events = loop.next() {
        written += events.count
        try progress(min(tokens.count + written, tokenCount))
      }
      for text in loop.results {
        guard text.tokens.count == length - 1 else {
          throw GenerationError(
            .scores, "the model's scores are no numbers", hint: "its weights may be damaged")
        }
        tokens += [first] + text.tokens.map(\.id)
      }
      seed &+= 1
    }
    return CalibrationText(
      Array(tokens.prefix(tokenCount)), place: "the text that the model has written")
  }

  private static func drawn(below count: Int, seed: UInt64) -> Int {
    var generator = RandomGenerator(seed: seed)
    return Int.random(in: 0..<count, using: &generator)
  }

  /// Texts of `length` tokens that begin with one token.
  private static func loop(
    of model: LanguageModel, from first: Int, texts: Int, length: Int, seed: UInt64
  ) -> GenerationLoop<DecoderSteps> {
    var settings = GenerationSettings(
      sampling: SamplingSettings(seed: seed), newTokenCount: length - 1)
    settings.resultCount = texts
    settings.stopTokens = []
    let steps = DecoderSteps(model, cacheType: .int8)
    return GenerationLoop(steps, prompts: [[first]], settings: settings)
  }
}
