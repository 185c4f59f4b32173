extension Tensor {
  /// An operation of your own with its gradient.
  ///
  ///     let y = Tensor.custom(from: [x], value: x.detached().exp()) { y, dy in [dy * y] }
  ///
  /// - Parameters:
  ///   - inputs: what the operation read.
  ///   - value: what it computed, from `detached()` inputs, so that nothing is recorded twice.
  ///   - backward: from the value and its gradient to those of the inputs, in order; nil where an
  ///     input does not need one. Called at most once, perhaps on another thread.
  /// - Returns: `value`, followed by the tape of the inputs if one follows them.
  public static func custom(
    from inputs: [Tensor], value: Tensor,
    backward: @escaping @Sendable (_ value: Tensor, _ gradient: Tensor) -> [Tensor?]
  ) -> Tensor {
    guard let tape = inputs.lazy.compactMap({ $0.trace?.tape }).first else { return value }
    let kept = value.detached()
    return tape.record(kept, from: inputs) { backward(kept, $0) }
  }
}
