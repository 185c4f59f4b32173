// Cross entropy of logits and class numbers, fused: forward keeps one number a row (log-sum-exp),
// backward writes the gradient of the logits in one pass. No probabilities, no one-hot targets.

/// How the losses of single items become one number.
public enum LossReduction: String, Sendable, CaseIterable {
  /// The mean; of a weighted loss, the sum divided by the sum of the weights. 0 without items.
  case mean
  case sum
  /// One loss for each item.
  case none
}

/// -log softmax(logits)[target], over the last axis of `logits`.
///
/// With smoothing s and class weights w, a row's loss is
/// `(1 - s) w[y] (-log p[y]) + s / V sum_c w[c] (-log p[c])`.
///
/// - Parameters:
///   - logits: `[.., V]`.
///   - targets: integers of the shape of `logits` without its last axis.
///   - ignoreIndex: rows with this target do not count.
///   - labelSmoothing: share of the target that is spread over all classes (Szegedy et al. 2015,
///     arXiv 1512.00567).
///   - classWeights: `[V]`; ones when nil. A constant.
/// - Returns: a scalar; with `.none` the shape of `targets`, zeros at ignored rows.
/// - Precondition: targets other than `ignoreIndex` are in `0..<V`.
public func crossEntropy(
  _ logits: Tensor, targets: Tensor, ignoreIndex: Int? = -100, labelSmoothing: Double = 0,
  classWeights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  logits.requireMathematics("crossEntropy")
  precondition(
    logits.rank >= 1 && Array(logits.shape.dropLast()) == targets.shape,
    "crossEntropy: logits \(logits.shape) for targets \(targets.shape)")
  let loss = CrossEntropy(
    logits, targets.integers("crossEntropy"), ignoreIndex, labelSmoothing, classWeights)
  return logits.elementType == .float64
    ? loss.value(logits, reduction, Double.self) : loss.value(logits, reduction, Float.self)
}

private struct CrossEntropy: Sendable {
  let targets: [Int]
  let isIgnored: [Bool]
  let classes: Int
  let smoothing: Double
  let weights: Tensor?
  let weightValues: [Double]?
  /// Sum of the weights of all classes.
  let weightSum: Double

  init(
    _ logits: Tensor, _ targets: [Int], _ ignoreIndex: Int?, _ smoothing: Double, _ weights: Tensor?
  ) {
    self.targets = targets
    self.smoothing = smoothing
    classes = logits.shape[logits.rank - 1]
    isIgnored = targets.map { $0 == ignoreIndex }
    let count = classes
    for (target, ignored) in zip(targets, isIgnored) where !ignored {
      precondition(
        target >= 0 && target < count, "crossEntropy: target \(target) for logits \(logits.shape)")
    }
    precondition(
      weights == nil || weights?.shape == [count] && weights?.elementType == logits.elementType,
      "crossEntropy: class weights \(weights?.shape ?? []) for logits \(logits.shape)")
    self.weights = weights?.detached().dense()
    weightValues = weights?.detached().converted(to: .float64).elements(as: Double.self)
    weightSum = weightValues?.reduce(0, +) ?? Double(count)
  }

  private func weight(_ row: Int) -> Double { weightValues?[targets[row]] ?? 1 }

  func value<S: TensorScalar>(
    _ logits: Tensor, _ reduction: LossReduction, _ type: S.Type
  ) -> Tensor {
    let x = logits.detached().dense()
    let rows = targets.count
    let (losses, logSums) = (
      Tensor(uninitialized: [rows], .float64), Tensor(uninitialized: [rows], .float64)
    )
    forwardRows(x, losses, logSums, S.self)
    let values = losses.elements(as: Double.self)
    var divisor = 1.0
    if reduction == .mean {
      divisor = (0..<rows).reduce(0) { isIgnored[$1] ? $0 : $0 + weight($1) }
      if divisor == 0 { divisor = 1 }
    }
    let result: Tensor
    if reduction == .none {
      result = Tensor(values.map { S($0) }, shape: logits.shape.dropLast())
    } else {
      result = Tensor(scalar: S(values.reduce(0, +) / divisor))
    }
    guard let tape = Tape.recording(logits) else { return result }
    return tape.record(result, from: [logits]) { [divisor] gradient in
      let factors = gradient.converted(to: .float64).elements(as: Double.self).map { $0 / divisor }
      return [gradientRows(x, logSums, factors, S.self)]
    }
  }

  private func forwardRows<S: TensorScalar>(
    _ x: Tensor, _ losses: Tensor, _ logSums: Tensor, _ type: S.Type
  ) {
    let n = classes
    let source = x.pointer(to: S.self)
    let (loss, logSum) = (
      losses.mutablePointer(to: Double.self), logSums.mutablePointer(to: Double.self)
    )
    let w = weights?.pointer(to: S.self)
    forRows(targets.count, width: n) { start, count in
      for row in start..<start + count {
        loss[row] = 0
        logSum[row] = 0
        if isIgnored[row] { continue }
        let x = source + row * n
        let l = Double(S.logSumExp(n, x))
        logSum[row] = l
        loss[row] = (1 - smoothing) * weight(row) * (l - Double(x[targets[row]]))
        if smoothing > 0 {
          let sum = w.map { Double(S.dot(n, $0, x)) } ?? S.sum(n, x)
          loss[row] += smoothing / Double(n) * (weightSum * l - sum)
        }
      }
    }
    withExtendedLifetime((x, weights)) {}
  }

  /// dx[c] = p[c] ((1 - s) w[y] + s / V sum w) - (1 - s) w[y] [c = y] - s / V w[c].
  private func gradientRows<S: TensorScalar>(
    _ x: Tensor, _ logSums: Tensor, _ factors: [Double], _ type: S.Type
  ) -> Tensor {
    let n = classes
    let result = Tensor(uninitialized: x.shape, x.elementType)
    let (source, target) = (x.pointer(to: S.self), result.mutablePointer(to: S.self))
    let logSum = logSums.pointer(to: Double.self)
    let w = weights?.pointer(to: S.self)
    let spread = smoothing / Double(n)
    forRows(targets.count, width: n) { start, count in
      for row in start..<start + count {
        let dx = target + row * n
        let factor = factors.count == 1 ? factors[0] : factors[row]
        if isIgnored[row] || factor == 0 {
          dx.update(repeating: 0, count: n)
          continue
        }
        let own = (1 - smoothing) * weight(row)
        let scale = S(factor * (own + spread * weightSum))
        let even = S(factor * spread)
        S.softmaxWeights(n, source + row * n, S(logSum[row]), dx)
        if smoothing == 0 {
          for i in 0..<n { dx[i] *= scale }
        } else if let w {
          for i in 0..<n { dx[i] = dx[i] * scale - even * w[i] }
        } else {
          for i in 0..<n { dx[i] = dx[i] * scale - even }
        }
        dx[targets[row]] -= S(factor * own)
      }
    }
    withExtendedLifetime((x, logSums, weights)) {}
    return result
  }
}
