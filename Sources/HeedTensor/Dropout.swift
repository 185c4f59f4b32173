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
    // 16 bits decide about an element, so that one block of the stream serves eight. What is kept is
    // divided by its exact share: the rate is met to 2^-17, the mean exactly.
    let threshold = min(UInt32((rate * 65536).rounded()), 65535)
    let scale = S(1 / (1 - Double(threshold) / 65536))
    forChunks((count + 7) / 8, of: elementwiseChunk / 8) { first, blocks in
      for index in first..<first + blocks {
        let words = RandomGenerator.block(seed: seed, stream: counter, position: UInt64(index))
        let (x, y) = (source + index * 8, target + index * 8)
        if index * 8 + 8 <= count {
          for lane in 0..<4 {
            let word = words[lane]
            y[2 * lane] = word & 0xffff < threshold ? 0 : x[2 * lane] * scale
            y[2 * lane + 1] = word >> 16 < threshold ? 0 : x[2 * lane + 1] * scale
          }
        } else {
          for place in 0..<count - index * 8 {
            let draw = words[place / 2] >> (place % 2 == 0 ? 0 : 16) & 0xffff
            y[place] = draw < threshold ? 0 : x[place] * scale
          }
        }
      }
    }
    withExtendedLifetime(x) {}
    return result
  }
}
