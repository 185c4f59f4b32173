import ArgumentParser
import Heed
import HeedTensor

/// `heed bench sampling`: choosing a token from the scores of a vocabulary.
struct BenchSampling: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sampling", abstract: "Time the choice of a token from its scores.",
    discussion: """
      Scores are random with a deviation of 3, as peaked as those of trained models or less. Copying \
      them from the model is included.
      """)

  @Option(help: "How many tokens there are.") var vocabulary = 150_000
  @Option(help: "As in `heed generate`.") var temperature: Float = 0.8
  @Option(help: "As in `heed generate`.") var topK: Int?
  @Option(help: "As in `heed generate`.") var topP: Float = 1
  @Option(help: "As in `heed generate`.") var minP: Float = 0
  @OptionGroup var options: BenchOptions

  func validate() throws {
    guard (1...10_000_000).contains(vocabulary) else {
      throw ValidationError("--vocabulary must be from 1 to 10000000, not \(vocabulary)")
    }
    if let problem = settings.problem { throw ValidationError(problem) }
  }

  private var settings: SamplingSettings {
    SamplingSettings(temperature: temperature, topK: topK, topP: topP, minP: minP)
  }

  func run() throws {
    var generator = RandomGenerator(seed: 1)
    let logits = generator.normal([vocabulary], deviation: 3)
    let chooser = TokenChooser(settings, endTokens: [], promptCount: 0)
    var history = TokenHistory(tokens: [], promptCount: 0)
    options.withThreads {
      let measurement = Measurement(seconds: options.seconds) {
        var scores = TokenScores(logits.elements())
        // Each choice is another step, so each draws another number.
        history.tokens.append(chooser.choose(&scores, history) ?? 0)
        if history.tokens.count > 1000 { history.tokens = [] }
      }
      BenchReport(
        name: "sampling \(vocabulary) tokens", measurement: measurement,
        extra: ["tokens_per_s": .number(1 / measurement.median)]
      ).show(options)
    }
  }
}
