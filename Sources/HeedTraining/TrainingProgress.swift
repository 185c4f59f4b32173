/// How far a run is; handed to a closure, so that this module never prints.
public struct TrainingProgress: Sendable, Hashable {
  /// Finished steps.
  public let step: Int
  /// Steps of the whole run.
  public let stepCount: Int
  /// Loss of the last step.
  public let loss: Double
  /// The last validation loss, if there was one.
  public let validationLoss: Double?
  /// Tokens learnt from in a second, since the run began or was resumed.
  public let tokensPerSecond: Double
  /// Seconds until the end at this speed.
  public let secondsLeft: Double

  /// Progress with its parts.
  public init(
    step: Int, stepCount: Int, loss: Double, validationLoss: Double?, tokensPerSecond: Double,
    secondsLeft: Double
  ) {
    self.step = step
    self.stepCount = stepCount
    self.loss = loss
    self.validationLoss = validationLoss
    self.tokensPerSecond = tokensPerSecond
    self.secondsLeft = secondsLeft
  }
}
