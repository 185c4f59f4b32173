// Attention with linear biases: keys far away count less, by a slope for each head. The fused
// attention takes slopes and computes distances in the tile; here are the slopes, and the form that
// Bloom's weights were trained with.

public import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Slopes of ALiBi: a geometric series over the heads.
///
/// Source: Press et al. 2021, arXiv 2108.12409; head counts that are no power of two take every
/// second slope of the next series.
public func alibiSlopes(headCount: Int) -> [Float] {
  func series(_ count: Int) -> [Double] {
    let ratio = pow(2, -8 / Double(count))
    return (1...count).map { pow(ratio, Double($0)) }
  }
  precondition(headCount > 0, "alibiSlopes: \(headCount) heads")
  var power = 1
  while power * 2 <= headCount { power *= 2 }
  var slopes = series(power)
  if power < headCount {
    let extra = series(2 * power).enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    slopes += extra.prefix(headCount - power)
  }
  return slopes.map { Float($0) }
}

/// ALiBi as a bias of the keys alone, counted over tokens that are no padding: Bloom's form.
///
/// A key's bias is its slope times its place among the tokens; softmax does not see the difference to
/// `-slope * distance`, which is one number for each query. Padding has bias 0 and takes no place.
///
/// - Parameter isToken: for each sequence, false where there is padding.
/// - Returns: `[B, H, 1, S]`, for `attention(bias:)`.
/// - Precondition: all sequences have one length.
/// - Source: Press et al. 2021, arXiv 2108.12409; Le Scao et al. 2022, arXiv 2211.05100.
public func alibiKeyBias(headCount: Int, isToken: [[Bool]]) -> Tensor {
  let count = isToken.first?.count ?? 0
  precondition(
    isToken.allSatisfy { $0.count == count },
    "alibiKeyBias: sequences of \(isToken.map(\.count)) places are not of one length")
  let places = isToken.flatMap { sequence in
    var seen: Float = 0
    return sequence.map { isToken -> Float in
      if isToken { seen += 1 }
      return isToken ? seen - 1 : 0
    }
  }
  return Tensor(alibiSlopes(headCount: headCount), shape: [1, headCount, 1, 1])
    * Tensor(places, shape: [isToken.count, 1, 1, count])
}
