// Functions of sixteen scores at once. A call of the C library for each lane costs more than the rest
// of a rule; these are short polynomials after an exact reduction, in operations that every vector
// unit has (no fused multiply-add, which would be a call where the processor is not known).
//
// Largest errors, over every 1,009th bit pattern of a float against the C library in binary64, as the
// tests check them: exp 1.4 ulp, tanh 2 ulp, log 1 ulp; the square root is rounded correctly.
//
// Source: the reductions and coefficients of Cephes (S. L. Moshier, 1992), single precision.

extension ScoreLanes {
  /// `yes` in the lanes where `condition` holds, `no` elsewhere.
  @inlinable
  @inline(__always)
  static func select(
    _ condition: SIMDMask<SIMD16<Int32>>, _ yes: SIMD16<Float>, _ no: SIMD16<Float>
  ) -> SIMD16<Float> {
    // By bits: a choice lane by lane does not become vector code.
    let mask = unsafeBitCast(condition, to: SIMD16<UInt32>.self)
    let chosen = unsafeBitCast(yes, to: SIMD16<UInt32>.self) & mask
    let rest = unsafeBitCast(no, to: SIMD16<UInt32>.self) & ~mask
    return unsafeBitCast(chosen | rest, to: SIMD16<Float>.self)
  }

  /// A polynomial of `x`, the coefficient of the highest power first.
  @inlinable
  @inline(__always)
  static func polynomial(
    _ x: SIMD16<Float>, _ a: Float, _ b: Float, _ c: Float, _ d: Float, _ e: Float
  ) -> SIMD16<Float> {
    var sum = x * a + b
    sum = sum * x + c
    sum = sum * x + d
    return sum * x + e
  }

  /// e to the power of each lane: `2^n e^r` with `|r| <= ln(2) / 2`.
  @inlinable
  @inline(__always)
  static func exponential(_ lanes: SIMD16<Float>) -> SIMD16<Float> {
    // Beyond these the result is 0 or infinite anyway.
    let low = SIMD16<Float>(repeating: -104)
    let high = SIMD16<Float>(repeating: 89)
    var x = select(lanes .< low, low, lanes)
    x = select(x .> high, high, x)
    // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits.
    let whole = SIMD16<Float>(repeating: 0x1.8p23)
    let shifted = x * Float(1.442695) + whole
    let n = shifted - whole
    let r = x - n * Float(0.693359375) - n * Float(-2.12194440e-4)
    var sum = r * Float(1.9875691500e-4) + Float(1.3981999507e-3)
    sum = polynomialTail(sum, r)
    let power = sum * (r * r) + r + 1
    // In two halves: 2^-149 and 2^128 are no normal numbers.
    let exponent =
      unsafeBitCast(shifted, to: SIMD16<Int32>.self)
      &- unsafeBitCast(whole, to: SIMD16<Int32>.self)
    let half = exponent &>> 1
    let first = unsafeBitCast((half &+ 127) &<< 23, to: SIMD16<Float>.self)
    let second = unsafeBitCast((exponent &- half &+ 127) &<< 23, to: SIMD16<Float>.self)
    return power * first * second
  }

  @inlinable
  @inline(__always)
  static func polynomialTail(_ start: SIMD16<Float>, _ r: SIMD16<Float>) -> SIMD16<Float> {
    var sum = start * r + Float(8.3334519073e-3)
    sum = sum * r + Float(4.1665795894e-2)
    sum = sum * r + Float(1.6666665459e-1)
    return sum * r + Float(5.0000001201e-1)
  }

  /// tanh of each lane: a polynomial near zero, `1 - 2 / (e^2|x| + 1)` elsewhere.
  @inlinable
  @inline(__always)
  static func hyperbolicTangent(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let sign = unsafeBitCast(x, to: SIMD16<UInt32>.self) & 0x8000_0000
    let size = ScoreLanes(lanes: x).absolute.lanes
    let square = x * x
    let series = polynomial(
      square, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
      -3.33332819422e-1)
    let near = series * square * x + x
    let far = SIMD16<Float>(repeating: 1) - 2 / (exponential(size + size) + 1)
    let signed = unsafeBitCast(
      unsafeBitCast(far, to: SIMD16<UInt32>.self) | sign, to: SIMD16<Float>.self)
    return select(size .< SIMD16(repeating: 0.625), near, signed)
  }

  /// The natural logarithm of each lane: `n ln 2 + log m` with m between 1/sqrt(2) and sqrt(2).
  @inlinable
  @inline(__always)
  static func logarithm(_ lanes: SIMD16<Float>) -> SIMD16<Float> {
    let smallest = SIMD16<Float>(repeating: Float.leastNormalMagnitude)
    let isSmall = lanes .< smallest
    let scaled = select(isSmall, lanes * Float(0x1p23), lanes)
    let bits = unsafeBitCast(scaled, to: SIMD16<Int32>.self)
    // Counted from 1/sqrt(2), whose bits are 0x3f3504f3.
    let counted = bits &- 0x3f35_04f3
    let mantissa = unsafeBitCast((counted & 0x7f_ffff) &+ 0x3f35_04f3, to: SIMD16<Float>.self)
    // Small whole numbers to floats by way of the low bits of 1.5 * 2^23.
    let whole = SIMD16<Float>(repeating: 0x1.8p23)
    let exponent =
      unsafeBitCast(
        (counted &>> 23) &+ unsafeBitCast(whole, to: SIMD16<Int32>.self), to: SIMD16<Float>.self)
      - whole - select(isSmall, SIMD16(repeating: 23), SIMD16(repeating: 0))
    let x = mantissa - 1
    let square = x * x
    var sum = polynomial(
      x, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1)
    sum = sum * x + Float(-1.6668057665e-1)
    sum = sum * x + Float(2.0000714765e-1)
    sum = sum * x + Float(-2.4999993993e-1)
    sum = sum * x + Float(3.3333331174e-1)
    var result = sum * x * square + exponent * Float(-2.12194440e-4)
    result = result - square * Float(0.5) + x
    result = result + exponent * Float(0.693359375)
    let infinity = SIMD16<Float>(repeating: .infinity)
    let zero = SIMD16<Float>(repeating: 0)
    result = select(lanes .== infinity, infinity, result)
    result = select(lanes .== zero, zero - infinity, result)
    result = select(lanes .< zero, SIMD16(repeating: .nan), result)
    return select(lanes .!= lanes, lanes, result)
  }

  /// Sixteen numbers, for tests.
  package init(values: [Float]) { self.init(lanes: SIMD16(values)) }

  /// The sixteen numbers.
  package var values: [Float] { lanes.indices.map { lanes[$0] } }
}
