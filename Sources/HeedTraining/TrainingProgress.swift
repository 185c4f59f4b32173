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
  /// Bits for each byte of the validation part, if it was measured.
  public let bitsPerByte: Double?
  /// True when the validation loss was measured after this very step.
  public let isMeasured: Bool
  /// Tokens learnt from in a second, since the run began or was resumed.
  public let tokensPerSecond: Double
  /// Seconds of all processors together that the run has taken, earlier parts included.
  public let processorSeconds: Double
  /// Seconds until the end at this speed.
  public let secondsLeft: Double

  /// Progress with its parts.
  public init(
    step: Int, stepCount: Int, loss: Double, validationLoss: Double? = nil,
    bitsPerByte: Double? = nil, isMeasured: Bool = false, tokensPerSecond: Double,
    processorSeconds: Double = 0, secondsLeft: Double
  ) {
    self.step = step
    self.stepCount = stepCount
    self.loss = loss
    self.validationLoss = validationLoss
    self.bitsPerByte = bitsPerByte
    self.isMeasured = isMeasured
    self.tokensPerSecond = tokensPerSecond
    self.processorSeconds = processorSeconds
    self.secondsLeft = secondsLeft
  }
}
