// Dropout (Srivastava et al. 2014, jmlr.org/papers/v15/srivastava14a). The mask is a function of
// (seed, counter, place): it is not stored but drawn again in the backward pass.

extension Tensor {
  /// Each element 0 with probability `rate`, otherwise divided by `1 - rate`.
  ///
  /// - Parameters:
  ///   - rate: in `0..<1`; 0 changes nothing.
  ///   - seed: of the run.
  ///   - counter: a number that no other dropout of the run has, for instance made of the step and
  ///     the layer.
  public func dropout(rate: Double, seed: UInt64, counter: UInt64) -> Tensor {
    requireMathematics("dropout(rate:seed:counter:)")
    precondition(rate >= 0 && rate < 1, "dropout(rate:seed:counter:): rate \(rate) for \(shape)")
    if rate == 0 { return self }
    let mask = DropoutMask(rate: rate, seed: seed, counter: counter)
    let result = mask.applied(to: detached())
    guard let tape = Tape.recording(self) else { return result }
    return tape.record(result, from: [self]) { [mask.applied(to: $0)] }
  }
}

private struct DropoutMask: Sendable {
  let rate: Double
  let seed: UInt64
  let counter: UInt64

  func applied(to tensor: Tensor) -> Tensor {
    tensor.elementType == .float64 ? apply(tensor, Double.self) : apply(tensor, Float.self)
  }

  private func apply<S: TensorScalar>(_ tensor: Tensor, _ type: S.Type) -> Tensor {
    let x = tensor.dense()
    let result = Tensor(uninitialized: x.shape, x.elementType)
    let (source, target) = (x.pointer(to: S.self), result.mutablePointer(to: S.self))
    let count = x.count
    // Words below the threshold are dropped: the rate is met to 2^-32.
    let threshold = UInt32(min(rate * 0x1p32, 0x1p32 - 1))
    let scale = S(1 / (1 - rate))
    forChunks((count + 3) / 4, of: elementwiseChunk / 4) { first, blocks in
      for index in first..<first + blocks {
        let words = RandomGenerator.block(seed: seed, stream: counter, position: UInt64(index))
        for lane in 0..<min(4, count - index * 4) {
          let place = index * 4 + lane
          target[place] = words[lane] < threshold ? 0 : source[place] * scale
        }
      }
    }
    withExtendedLifetime(x) {}
    return result
  }
}
