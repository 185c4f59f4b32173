// Connectionist temporal classification: the probability that a sequence of distributions spells a
// target, whatever the alignment. With the target between blanks as L' = (-, a, -, b, -), alpha[t, s]
// is the log-probability of all ways to stand at L'[s] after step t, beta[t, s] that of all ways to
// finish from there. A blank may be skipped between different labels only.
//
// Sums of probabilities of many steps leave the range of float64 after some hundred steps, so
// everything is in logarithms, and in float64 whatever the type of the input: the tables are small
// beside the network that made the distributions. Rescaling each step instead (section 4.1 of the
// paper) loses alignments that are much less likely than the best one.
//
// Graves et al. 2006, "Connectionist temporal classification", ICML.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The loss of connectionist temporal classification (CTC): minus the log-probability of each target,
/// summed over all alignments.
///
///     let loss = alignmentLoss(
///       logits.logSoftmax(), targets: [[3, 1, 1]], stepCounts: [50], blank: 0)
///
/// - Parameters:
///   - logProbabilities: `[T, B, V]`, of each step; for instance from `logSoftmax()`.
///   - targets: the labels of each sequence, none of them the blank; one may be empty.
///   - stepCounts: how many steps each sequence has; the others do not count. All when nil.
///   - blank: the class that spells nothing.
///   - reduction: `.mean` divides each loss by the length of its target (by 1 for an empty one) and
///     takes the mean over sequences; `.sum`; or `.none` for `[B]`.
///   - ignoresImpossible: the loss of a target that no alignment spells, too long for its steps, is 0
///     instead of infinity.
/// - Returns: a scalar, or `[B]`. Gradients are those of `logProbabilities` as independent numbers;
///   zero where a target is impossible.
/// - Precondition: labels and the blank are in `0..<V`, and step counts in `0...T`.
/// - Complexity: O(B·T·L) time and memory for targets of L labels.
/// - Source: Graves et al. 2006, "Connectionist temporal classification".
public func alignmentLoss(
  _ logProbabilities: Tensor, targets: [[Int]], stepCounts: [Int]? = nil, blank: Int = 0,
  reduction: LossReduction = .mean, ignoresImpossible: Bool = false
) -> Tensor {
  logProbabilities.requireMathematics("alignmentLoss")
  let shape = logProbabilities.shape
  precondition(
    shape.count == 3 && shape[1] == targets.count && blank >= 0 && blank < shape[2]
      && targets.allSatisfy { $0.allSatisfy { $0 >= 0 && $0 < shape[2] && $0 != blank } },
    "alignmentLoss: log-probabilities \(shape) with the blank \(blank) for targets \(targets)")
  let (T, B, V) = (shape[0], shape[1], shape[2])
  let steps = stepCounts ?? Array(repeating: T, count: B)
  precondition(
    steps.count == B && steps.allSatisfy { $0 >= 0 && $0 <= T },
    "alignmentLoss: step counts \(steps) for log-probabilities \(shape)")
  let values = logProbabilities.detached().converted(to: .float64).elements(as: Double.self)
  let sequences = (0..<B).map { b in
    AlignmentSums(
      target: targets[b], blank: blank, steps: steps[b],
      logProbability: { t, c in values[(t * B + b) * V + c] })
  }
  let losses = sequences.map { sequence in
    ignoresImpossible && sequence.logLikelihood == -.infinity ? 0 : -sequence.logLikelihood
  }
  let shares = targets.map { target in
    reduction == .mean ? 1 / Double(max(1, target.count) * max(1, B)) : 1
  }
  let type = logProbabilities.elementType
  let value =
    reduction == .none
    ? Tensor(losses)
    : Tensor(scalar: zip(losses, shares).reduce(0) { $0 + $1.0 * $1.1 })
  return Tensor.custom(from: [logProbabilities], value: value.converted(to: type)) { _, upstream in
    let factors = upstream.converted(to: .float64).elements(as: Double.self)
    var gradient = [Double](repeating: 0, count: T * B * V)
    for (b, sequence) in sequences.enumerated() {
      let factor = factors[factors.count == 1 ? 0 : b] * shares[b]
      sequence.addOccupancies(times: -factor) { t, c, share in
        gradient[(t * B + b) * V + c] += share
      }
    }
    return [Tensor(gradient, shape: shape).converted(to: type)]
  }
}

/// All alignments of one sequence.
private struct AlignmentSums: Sendable {
  /// The target between blanks.
  private let labels: [Int]
  private let steps: Int
  /// `[steps][labels]`, log-probability of what lies before and at a place.
  private var forward: [Double]
  /// `[steps][labels]`, log-probability of what lies behind a place.
  private var backward: [Double]
  let logLikelihood: Double

  init(target: [Int], blank: Int, steps: Int, logProbability: (Int, Int) -> Double) {
    let labels = [blank] + target.flatMap { [$0, blank] }
    let count = labels.count
    /// True where the blank before `s` may be skipped.
    func skips(_ s: Int) -> Bool { s >= 2 && labels[s] != blank && labels[s] != labels[s - 2] }
    var forward = [Double](repeating: -.infinity, count: steps * count)
    var backward = forward
    for t in 0..<steps {
      for s in 0..<count {
        var sum = t == 0 ? (s < 2 ? 0 : -Double.infinity) : forward[(t - 1) * count + s]
        if t > 0, s > 0 { sum = logSum(sum, forward[(t - 1) * count + s - 1]) }
        if t > 0, skips(s) { sum = logSum(sum, forward[(t - 1) * count + s - 2]) }
        forward[t * count + s] = sum == -.infinity ? sum : sum + logProbability(t, labels[s])
      }
    }
    for t in (0..<steps).reversed() {
      for s in 0..<count {
        if t == steps - 1 {
          backward[t * count + s] = s >= count - 2 ? 0 : -.infinity
          continue
        }
        /// The ways through place `next` of the following step.
        func through(_ next: Int) -> Double {
          let rest = backward[(t + 1) * count + next]
          return rest == -.infinity ? rest : rest + logProbability(t + 1, labels[next])
        }
        var sum = through(s)
        if s + 1 < count { sum = logSum(sum, through(s + 1)) }
        if s + 2 < count, skips(s + 2) { sum = logSum(sum, through(s + 2)) }
        backward[t * count + s] = sum
      }
    }
    if steps == 0 {
      logLikelihood = target.isEmpty ? 0 : -.infinity
    } else {
      let last = (steps - 1) * count
      logLikelihood = logSum(
        forward[last + count - 1], count > 1 ? forward[last + count - 2] : -.infinity)
    }
    self.labels = labels
    self.steps = steps
    self.forward = forward
    self.backward = backward
  }

  /// Tells how likely the alignments stand at each class of each step, given the target, times
  /// `factor`: the derivative of the log-likelihood.
  func addOccupancies(times factor: Double, _ add: (_ t: Int, _ c: Int, _ share: Double) -> Void) {
    guard logLikelihood > -.infinity, factor != 0 else { return }
    for t in 0..<steps {
      for (s, label) in labels.enumerated() {
        let place = t * labels.count + s
        let share = exp(forward[place] + backward[place] - logLikelihood)
        if share > 0 { add(t, label, factor * share) }
      }
    }
  }
}

/// log(exp(a) + exp(b)).
private func logSum(_ a: Double, _ b: Double) -> Double {
  let (low, high) = a < b ? (a, b) : (b, a)
  return low == -.infinity ? high : high + log1p(exp(low - high))
}
