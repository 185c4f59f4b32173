/// Dropout of attention weights, drawn from a counter, so that the backward draws it again.
///
/// A hash of the cell's coordinates (the finaliser of SplitMix64), not a stream: cells are visited in
/// any order, and the same cell draws the same number. The model that ships was trained with these
/// draws, so its recipe remakes it only while they stay.
public struct AttentionDropout: Sendable {
  /// The share of weights that become zero; the others are divided by `1 - rate`.
  public let rate: Float
  /// The seed of the draw. Use another one for each layer and step.
  public let seed: UInt64

  /// Dropout of a share `rate` of the weights.
  public init(rate: Float, seed: UInt64) {
    precondition(rate >= 0 && rate < 1, "AttentionDropout: a rate of \(rate) is not in 0..<1")
    self.rate = rate
    self.seed = seed
  }

  /// What the weights of one query are multiplied by.
  struct Row {
    /// Sequence and head, mixed.
    fileprivate let bits: UInt64
    fileprivate let place: UInt64
    /// Draws of 24 bits below this one become zero.
    fileprivate let threshold: UInt64
    fileprivate let kept: Float

    /// 0 or `1 / (1 - rate)`.
    @inline(__always)
    func factor(key: Int) -> Float {
      let draw = AttentionDropout.mixed(bits ^ (place | UInt64(truncatingIfNeeded: key)))
      return draw >> 40 < threshold ? 0 : kept
    }
  }

  /// The factors of the weights of a query, which stands at `place` among the keys.
  @inline(__always)
  func row(batch: Int, head: Int, place: Int) -> Row {
    let plane = UInt64(truncatingIfNeeded: batch) << 32 | UInt64(truncatingIfNeeded: head)
    return Row(
      bits: Self.mixed((seed &+ 0x9E37_79B9_7F4A_7C15) ^ plane),
      place: UInt64(truncatingIfNeeded: place) << 32,
      threshold: UInt64((Double(rate) * 0x1p24).rounded(.up)), kept: 1 / (1 - rate))
  }

  @inline(__always)
  fileprivate static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
