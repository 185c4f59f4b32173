// Losses that are a formula of each element and then a mean or a sum.

extension Tensor {
  /// One number of the losses of single elements.
  public func reduced(_ reduction: LossReduction) -> Tensor {
    switch reduction {
    case .mean: mean()
    case .sum: sum()
    case .none: self
    }
  }
}

/// Squared distance of `predictions` and `targets`, of one shape.
public func meanSquaredError(
  _ predictions: Tensor, targets: Tensor, reduction: LossReduction = .mean
) -> Tensor {
  precondition(
    predictions.shape == targets.shape,
    "meanSquaredError: \(predictions.shape) and \(targets.shape)")
  return (predictions - targets).squared().reduced(reduction)
}

/// Cross entropy of independent yes/no answers: `-(t log sigmoid(x) + (1 - t) log sigmoid(-x))`,
/// computed as `max(x, 0) - x t + log(1 + exp(-|x|))`, which does not overflow.
///
/// - Parameters:
///   - logits: of any shape.
///   - targets: probabilities, of the same shape.
public func binaryCrossEntropy(
  logits: Tensor, targets: Tensor, reduction: LossReduction = .mean
) -> Tensor {
  precondition(
    logits.shape == targets.shape, "binaryCrossEntropy: \(logits.shape) and \(targets.shape)")
  return (logits.activated(.softplus) - logits * targets).reduced(reduction)
}

/// Kullback-Leibler divergence of `targets` from the distribution whose logarithms are given:
/// `t (log t - logProbabilities)`, 0 where t is 0.
///
/// - Parameters:
///   - logProbabilities: `[B, ..]`, for instance from `logSoftmax(alongAxis:)`.
///   - targets: probabilities of the same shape. A constant.
///   - reduction: `.mean` divides the sum by B, which is the mean over items of a batch.
public func divergence(
  logProbabilities: Tensor, targets: Tensor, reduction: LossReduction = .mean
) -> Tensor {
  precondition(
    logProbabilities.shape == targets.shape && targets.rank >= 1,
    "divergence: \(logProbabilities.shape) and \(targets.shape)")
  let constant = targets.detached()
  let entropies = constant.mapped(TimesLogarithm(), "divergence")
  let parts = entropies - constant * logProbabilities
  return reduction == .mean
    ? parts.sum() / Double(max(1, targets.shape[0])) : parts.reduced(reduction)
}

/// x log x, 0 at 0.
private struct TimesLogarithm: UnaryFormula {
  func value<S: TensorScalar>(_ x: S) -> S { x == 0 ? 0 : x * S.logarithm(x) }
  func derivative<S: TensorScalar>(_ x: S, _ y: S) -> S { S.logarithm(x) + 1 }
}
