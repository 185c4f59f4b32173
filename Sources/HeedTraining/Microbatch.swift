// Everything random in a step is a function of (seed, step, microbatch): a training run that was
// stopped and taken up again draws the same batches and the same dropout as one that never stopped.

public import HeedTensor

/// Which part of which step is computed, and the random numbers that belong to it.
public struct Microbatch: Sendable, Hashable {
  /// The seed of the run.
  public let seed: UInt64
  /// Finished steps before this one.
  public let step: Int
  /// 0 for the first microbatch of the step.
  public let index: Int

  /// The microbatch `index` of the step after `step` finished ones.
  ///
  /// - Precondition: `index` is below 65,536.
  public init(seed: UInt64, step: Int, index: Int) {
    precondition(step >= 0 && (0..<65_536).contains(index), "Microbatch: step \(step), \(index)")
    self.seed = seed
    self.step = step
    self.index = index
  }

  /// Draws what the batch is made of.
  public var generator: RandomGenerator { RandomGenerator(seed: seed, stream: stream(1)) }

  /// The seed of the dropout of this microbatch.
  public var dropoutSeed: UInt64 {
    var generator = RandomGenerator(seed: seed, stream: stream(2))
    return generator.next()
  }

  /// Draws the order of pass number `step` over the data.
  var passGenerator: RandomGenerator { RandomGenerator(seed: seed, stream: stream(3)) }

  /// Parameters are drawn from the low streams, so these begin far above them.
  private func stream(_ purpose: UInt64) -> UInt64 {
    purpose << 60 | UInt64(step) << 16 | UInt64(index)
  }
}
