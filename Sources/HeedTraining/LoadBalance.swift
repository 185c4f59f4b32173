// Experts that get few tokens learn little, and get fewer. A loss that punishes uneven loads bends the model's own
// gradient; a correction that is added to the scores for the choice alone, and moves a little against the load
// after each step, does not ("Auxiliary-loss-free load balancing", Wang et al. 2024, arXiv 2408.15664; DeepSeek-V3,
// arXiv 2412.19437). Its size is that of scores, whatever the learning rate.

public import HeedTensor

/// How the corrections of routers are trained: by counting, not by gradients.
public struct LoadBalance: Sendable, Hashable {
  /// How far corrections move where nobody says so, as those of DeepSeek-V3.
  public static let usualSpeed = 0.001

  /// The names of the corrections among the parameters.
  public var corrections: Set<String>
  /// How far each moves in a step.
  public var speed: Double

  /// Corrections that move by `speed`.
  public init(corrections: Set<String>, speed: Double = usualSpeed) {
    self.corrections = corrections
    self.speed = speed
  }

  /// The correction `[n]` behind a step in which expert i was given `counts[i]` tokens: more for those below
  /// the mean, less for those above.
  ///
  /// - Precondition: there are n counts.
  public func moved(_ correction: Tensor, by counts: [Int]) -> Tensor {
    precondition(
      correction.shape == [counts.count],
      "LoadBalance: \(counts.count) loads for a correction \(correction.shape)")
    let total = counts.reduce(0, +)
    // Exact: the sign of the mean less the load, both times the number of experts.
    let signs = counts.map { Double((total - $0 * counts.count).signum()) }
    return correction.detached() + (Tensor(signs) * speed).converted(to: correction.elementType)
  }
}
