public import HeedTensor

/// Central differences with step 1e-5 in float64: truncation 1e-10, rounding 1e-11.
public let differenceTolerance = 1e-6

/// How far gradients of the tape are from central differences in float64, for each of `inputs`: the
/// largest |a - b| / max(1, |b|), infinity where a gradient has another shape.
///
/// - Parameters:
///   - inputs: float64.
///   - upstream: the gradient of the result.
public func gradientErrors(
  _ inputs: [Tensor], upstream: Tensor, _ operation: ([Tensor]) -> Tensor
) -> [Double] {
  let tape = Tape()
  let watched = inputs.map { tape.watch($0) }
  let gradients = tape.gradients(of: operation(watched), for: watched, seed: upstream)
  return inputs.indices.map { place in
    guard gradients[place].shape == inputs[place].shape else { return .infinity }
    let got = gradients[place].converted(to: .float64).elements(as: Double.self)
    let values = inputs[place].elements(as: Double.self)
    let errors = values.indices.map { i -> Double in
      func objective(_ distance: Double) -> Double {
        var changed = values
        changed[i] += distance
        var all = inputs
        all[place] = Tensor(changed, shape: inputs[place].shape)
        return (operation(all) * upstream).sum().item()
      }
      let step = 1e-5
      let want = (objective(step) - objective(-step)) / (2 * step)
      return abs(got[i] - want) / max(1, abs(want))
    }
    return errors.contains { $0.isNaN } ? .infinity : errors.max() ?? 0
  }
}
