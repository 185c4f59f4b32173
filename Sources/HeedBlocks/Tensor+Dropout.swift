package import HeedTensor

extension Tensor {
  /// A share `rate` of the elements set to zero, the others divided by `1 - rate`.
  ///
  /// Whether an element is dropped is a hash of its index and the seed, so the backward needs to
  /// keep nothing but the seed.
  package func dropout(rate: Float, seed: UInt64) -> Tensor {
    guard rate > 0 else { return self }
    let factors = Tensor.dropoutFactors(shape: shape, rate: rate, seed: seed)
    return Tensor.custom(from: [self], value: detached() * factors) { value, gradient in
      [gradient * Tensor.dropoutFactors(shape: value.shape, rate: rate, seed: seed)]
    }
  }

  private static func dropoutFactors(shape: [Int], rate: Float, seed: UInt64) -> Tensor {
    let threshold = UInt64(Double(rate) * 0x1p32)
    let kept = 1 / (1 - rate)
    let factors = (0..<UInt64(shape.reduce(1, *))).map { index -> Float in
      var z = seed &+ index &* 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
      return z >> 32 < threshold ? 0 : kept
    }
    return Tensor(factors, shape: shape)
  }
}
