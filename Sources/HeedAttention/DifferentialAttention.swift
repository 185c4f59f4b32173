// Differential attention: a head looks twice, with two halves of its queries and keys, and what both
// see is subtracted, as noise is in a differential amplifier.
//
//   out = (1 - lambda0) RMSNorm((softmax(q1 k1) - lambda softmax(q2 k2)) v)
//   lambda = exp(lq1 . lk1) - exp(lq2 . lk2) + lambda0,  lambda0 = 0.8 - 0.6 exp(-0.3 layer)
//
// Ye et al. 2024, arXiv 2410.05258, eq. (1) to (3). The difference is taken after the values, so each
// look is the fused attention and no weight is stored.

public import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How much of the second look is subtracted: four learned vectors, and where they start.
public struct DifferentialFactor: Sendable {
  /// Of the first look, added; `[D]`, D the width of one look.
  public var query1: Tensor
  /// Of the first look, added; `[D]`.
  public var key1: Tensor
  /// Of the second look, taken away; `[D]`.
  public var query2: Tensor
  /// Of the second look, taken away; `[D]`.
  public var key2: Tensor
  /// The factor when the vectors are zero.
  public var initial: Double

  /// The factor of the given vectors.
  ///
  /// - Parameter layer: counted from 0; deeper layers start with a larger factor.
  public init(query1: Tensor, key1: Tensor, query2: Tensor, key2: Tensor, layer: Int) {
    (self.query1, self.key1, self.query2, self.key2) = (query1, key1, query2, key2)
    initial = 0.8 - 0.6 * exp(-0.3 * Double(layer))
  }

  /// The factor itself; a scalar, followed by the tape of the vectors.
  public var value: Tensor {
    (query1 * key1).sum().exp() - (query2 * key2).sum().exp() + initial
  }

  /// What the first look saw and the second did not, normalised for each head.
  ///
  /// - Parameters:
  ///   - first: context of the first look, `[B, H, T, Dv]`.
  ///   - second: of the second, likewise.
  ///   - gain: of the norm, `[Dv]`; ones when nil.
  ///   - epsilon: of the norm.
  public func difference(
    _ first: Tensor, _ second: Tensor, gain: Tensor?, epsilon: Double
  ) -> Tensor {
    (first - value * second).rmsNorm(gain: gain, epsilon: epsilon) * (1 - initial)
  }
}

/// Attention that subtracts a second look from the first, normalised for each head.
///
/// Gradients flow to queries, keys, values, the vectors of `factor` and `gain`.
///
/// - Parameters:
///   - queries: `[B, H, T, 2D]`, those of the first look before those of the second.
///   - keys: `[B, G, S, 2D]`, likewise; H a multiple of G.
///   - values: `[B, G, S, Dv]`.
///   - factor: of the second look.
///   - gain: of the norm, `[Dv]`; ones when nil.
///   - epsilon: of the norm.
///   - scale: factor on the dot products; `1/sqrt(D)` when nil.
///   - mask: which keys a query may see.
///   - probe: is told of two calls, the first look and the second.
/// - Returns: `[B, H, T, Dv]`; zeros for a query that may see no key.
/// - Precondition: the widths of queries and keys are even and equal.
/// - Source: Ye et al. 2024, arXiv 2410.05258.
public func differentialAttention(
  _ queries: Tensor, _ keys: Tensor, _ values: Tensor, factor: DifferentialFactor,
  gain: Tensor? = nil, epsilon: Double = 1e-5, scale: Float? = nil, mask: Mask = .none,
  probe: AttentionProbe? = nil
) -> Tensor {
  precondition(
    queries.rank == 4 && keys.rank == 4 && queries.shape[3] == keys.shape[3]
      && queries.shape[3] % 2 == 0,
    "differentialAttention: queries \(queries.shape) and keys \(keys.shape) have no two halves")
  let q = queries.split(count: 2, alongAxis: 3)  // [B, H, T, D] each
  let k = keys.split(count: 2, alongAxis: 3)  // [B, G, S, D] each
  let looks = zip(q, k).map {
    attention($0, $1, values, scale: scale, mask: mask, probe: probe)
  }
  return factor.difference(looks[0], looks[1], gain: gain, epsilon: epsilon)
}
