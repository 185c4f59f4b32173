// A rounded model learns to say what the model said before it was rounded (Hinton et al. 2015, arXiv
// 1503.02531). Scales and least values of blocks, gains and biases are moved ("EfficientQAT", Chen et al. 2024,
// arXiv 2407.11062; "Norm Tweaking", Li et al. 2023, arXiv 2309.02784), and with them, where a block has one
// scale, its whole numbers, through which gradients pass as if nothing were rounded ("LLM-QAT", Liu et al.
// 2023, arXiv 2305.17888, also for texts that the model writes itself).
//
// A divergence is a square of distances, so how far weights lie from where they should be goes with its root,
// and so do the rates: a model that lost little moves little. With one rate for all, models of a divergence
// below a hundredth of a nat only became worse.

public import HeedFormats
public import HeedModels
import HeedTensor

/// Brings a rounded model nearer to what it was, by its predictions of a text.
///
/// Seven eighths of the text are learnt from; the last eighth judges, and of what was tried the nearest is
/// kept, the beginning included. The same bits on every run, for any number of threads.
public struct Distillation: RoundedModelTuning {
  /// Weights times tokens that are learnt from: some 20 seconds on two cores.
  private static let mostWork = 4e11
  /// Tokens of a step.
  private static let tokensOfStep = 1024
  /// The fewest steps that are worth the time: one pass over 32,768 tokens.
  private static let fewestSteps = 28
  /// Steps between two judgements.
  private static let stepsOfPass = 14
  /// The shortest text.
  private static let fewestTokens = 2048
  /// The longest window, and the most tokens that judge.
  private static let (longestWindow, mostJudges) = (512, 4096)
  /// Rates of learning by the root of the divergence: of all, and how many times that for some.
  private static let rate = 0.007
  private static let (rateOfLeasts, rateOfSteps) = (4.0, 10.0)
  /// Whole numbers are moved where the divergence is larger: each is a jump, and jumps that a few tokens
  /// ask for cost models that lost little more than they give.
  private static let leastForSteps = 0.01

  private let mostSteps: Int

  /// A tuner.
  ///
  /// - Parameter mostSteps: of 1,024 tokens each; large models get fewer, or none.
  public init(mostSteps: Int = 128) {
    precondition(mostSteps >= Self.fewestSteps, "Distillation: \(mostSteps) steps")
    self.mostSteps = mostSteps
  }

  /// `large` beyond 14 million weights, `short` below 2,048 tokens.
  public func refusal(weightCount: Int, of text: CalibrationText) -> ModelTuning.Reason? {
    if stepCount(weightCount) < Self.fewestSteps { return .large }
    return text.tokens.count < Self.fewestTokens ? .short : nil
  }

  private func stepCount(_ weightCount: Int) -> Int {
    let work = Double(max(1, weightCount)) * Double(Self.tokensOfStep)
    return Int(min(Double(mostSteps), Self.mostWork / work))
  }

  /// Changes scales, least values, whole numbers of types with one scale a block, gains and biases.
  ///
  /// - Complexity: some 40 bytes of memory a weight.
  public func tune(
    _ model: inout RoundedModel, on text: CalibrationText,
    progress: (Double) throws(FormatError) -> Void
  ) throws(FormatError) -> ModelTuning {
    let (weights, original) = (TunedWeights(model), model.original)
    let judges = Self.judges(text.tokens.count)
    let length = min(model.spec.contextLength, Self.longestWindow, judges / 2)
    let windows = TokenWindows(Array(text.tokens.dropLast(judges)), length: length)
    let unseen = Self.windows(Array(text.tokens.suffix(judges)), length)
    func distance(_ parameters: [String: Tensor]) -> Double {
      let student = weights.model(parameters, isWritten: true)
      let sums = unseen.map { window in
        Self.divergence(of: student, from: original, on: [window]).item(as: Float.self)
      }
      return Double(sums.reduce(0, +)) / Double(unseen.count)
    }
    let before = distance(weights.start)
    guard before.isFinite else { return .skipped(.notFinite) }
    let stepCount = stepCount(model.weightCount)
    let movesSteps = before > Self.leastForSteps
    var trainer = Trainer(
      parameters: movesSteps ? weights.start.merging(weights.steps) { $1 } : weights.start,
      settings: Self.settings(Self.rate * before.squareRoot(), stepCount))
    let batch = max(1, Self.tokensOfStep / length)
    var best = before
    for step in 1...stepCount {
      do {
        try trainer.step { parameters, microbatch in
          let read = windows.batch(of: batch, microbatch, microbatchCount: 1, order: .passes)
          return Self.divergence(of: weights.model(parameters), from: original, on: read.inputs)
        }
      } catch {
        break  // no number any more: what was nearest until here stays
      }
      try progress(Double(step) / Double(stepCount))
      guard step % Self.stepsOfPass == 0 || step == stepCount else { continue }
      let now = distance(trainer.parameters)
      if now < best {
        best = now
        model = weights.rounded(trainer.parameters)
      }
    }
    return .tuned(before: before, after: best)
  }

  private static func settings(_ rate: Double, _ stepCount: Int) -> TrainingSettings {
    func group(_ part: TunedWeights.Part, _ factor: Double) -> ParameterGroup {
      ParameterGroup(rateFactor: factor) { name, _ in part.contains(name) }
    }
    return TrainingSettings(
      optimizer: Optimizer(
        .adamW(beta2: 0.99, weightDecay: 0),
        groups: [group(.leasts, rateOfLeasts), group(.steps, rateOfSteps)]),
      schedule: .cosine(peak: rate, final: rate / 50, warmup: 5, total: stepCount))
  }

  /// How many tokens of a text judge.
  private static func judges(_ count: Int) -> Int { min(count / 8, mostJudges) }

  /// Windows of what judges. Texts that a model writes begin where windows would without a shift, and
  /// texts that people give it do not.
  private static func windows(_ tokens: [Int], _ length: Int) -> [[Int]] {
    stride(from: length / 3, through: tokens.count - length, by: length).map {
      Array(tokens[$0..<$0 + length])
    }
  }

  /// In nats a token.
  private static func divergence(
    of student: LanguageModel, from original: LanguageModel, on ids: [[Int]]
  ) -> Tensor {
    HeedTensor.divergence(
      logProbabilities: student.logits(ids).logSoftmax(),
      targets: original.logits(ids).softmax()) / Double(ids[0].count)
  }
}
