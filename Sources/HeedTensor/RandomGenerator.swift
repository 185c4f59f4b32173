// Random numbers as a function of a key and a counter: Philox 4x32-10 (Salmon et al. 2011,
// "Parallel random numbers: as easy as 1, 2, 3", doi 10.1145/2063384.2063405). Any number of the
// stream can be computed alone, so threads need no order and a backward pass can draw again what
// the forward pass drew. Logarithm and cosine of the normal numbers are computed here from
// additions, products and square roots, which IEEE 754 rounds alike everywhere: the system's
// functions differ in the last bit between platforms.

/// A stream of random numbers, the same on every platform.
///
///     var random = RandomGenerator(seed: 7)
///     let weights = random.normal([768, 768], deviation: 0.02)
///
/// A value: copies continue on their own, and the place in the stream can be saved and restored.
public struct RandomGenerator: Sendable, Hashable {
  /// Which family of streams.
  public let seed: UInt64
  /// Which stream of the family: streams of one seed never meet.
  public let stream: UInt64
  /// Blocks of four 32-bit numbers used so far.
  public private(set) var position: UInt64
  /// A half of a block that `next()` has drawn and not yet given out.
  private var spare: UInt64?

  /// The stream `stream` of `seed`, from block `position` on.
  public init(seed: UInt64, stream: UInt64 = 0, position: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
    self.position = position
  }

  /// Block `position` of a stream: four independent numbers of 32 bits.
  @inline(__always)
  package static func block(seed: UInt64, stream: UInt64, position: UInt64) -> SIMD4<UInt32> {
    var (key0, key1) = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    var (c0, c1) = (
      UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32)
    )
    var (c2, c3) = (UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
    for _ in 0..<10 {
      let a = UInt64(c0) &* 0xD251_1F53
      let b = UInt64(c2) &* 0xCD9E_8D57
      (c0, c1, c2, c3) = (
        UInt32(truncatingIfNeeded: b >> 32) ^ c1 ^ key0, UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: a >> 32) ^ c3 ^ key1, UInt32(truncatingIfNeeded: a)
      )
      key0 &+= 0x9E37_79B9
      key1 &+= 0xBB67_AE85
    }
    return SIMD4(c0, c1, c2, c3)
  }

  /// Numbers spread evenly over `range`, of type `float32`.
  public mutating func uniform(_ shape: [Int], in range: Range<Double> = 0..<1) -> Tensor {
    let (low, width) = (range.lowerBound, range.upperBound - range.lowerBound)
    return filled(shape) { words in
      // 24 bits: every value is a float32 below 1. Rounding must not reach the upper bound.
      func number(_ word: UInt32) -> Float {
        let value = Float(low + width * Double(word >> 8) * 0x1p-24)
        return value < Float(range.upperBound) || width == 0
          ? value : Float(range.upperBound).nextDown
      }
      return SIMD4(number(words[0]), number(words[1]), number(words[2]), number(words[3]))
    }
  }

  /// Numbers with the normal distribution, of type `float32` (Box & Muller 1958).
  public mutating func normal(
    _ shape: [Int], mean: Double = 0, deviation: Double = 1
  ) -> Tensor {
    filled(shape) { words in
      let (a, b) = Self.normalPair(words[0], words[1])
      let (c, d) = Self.normalPair(words[2], words[3])
      return SIMD4(
        Float(mean + deviation * a), Float(mean + deviation * b), Float(mean + deviation * c),
        Float(mean + deviation * d))
    }
  }

  /// Integers spread evenly over `range`, of type `int64`.
  ///
  /// - Precondition: the range is not empty and has at most 2^32 numbers. With n numbers, none is
  ///   likelier than another by more than a share of n / 2^64.
  public mutating func integers(_ shape: [Int], in range: Range<Int>) -> Tensor {
    precondition(
      !range.isEmpty && range.count <= 1 << 32, "integers(_:in:): \(range) is empty or too long")
    let result = Tensor(uninitialized: shape, .int64)
    let target = result.mutablePointer(to: Int64.self)
    for place in 0..<result.count {
      target[place] =
        Int64(range.lowerBound)
        + Int64(next().multipliedFullWidth(by: UInt64(range.count)).high)
    }
    return result
  }

  /// The numbers `0..<count` in random order (Fisher & Yates).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, Int(next().multipliedFullWidth(by: UInt64(last + 1)).high))
    }
    return order
  }

  /// Element i comes from word i % 4 of block i / 4.
  private mutating func filled(
    _ shape: [Int], _ numbers: (SIMD4<UInt32>) -> SIMD4<Float>
  ) -> Tensor {
    let result = Tensor(uninitialized: shape)
    let target = result.mutablePointer(to: Float.self)
    let (seed, stream, start, count) = (seed, stream, position, result.count)
    forChunks((count + 3) / 4, of: 4096) { first, blocks in
      for index in first..<first + blocks {
        let values = numbers(
          Self.block(seed: seed, stream: stream, position: start &+ UInt64(index)))
        for lane in 0..<min(4, count - index * 4) { target[index * 4 + lane] = values[lane] }
      }
    }
    position &+= UInt64((count + 3) / 4)
    spare = nil
    return result
  }
}

extension RandomGenerator: RandomNumberGenerator {
  /// 64 bits; each block of the stream gives two of them.
  public mutating func next() -> UInt64 {
    if let half = spare {
      spare = nil
      return half
    }
    let words = Self.block(seed: seed, stream: stream, position: position)
    position &+= 1
    spare = UInt64(words[3]) << 32 | UInt64(words[2])
    return UInt64(words[1]) << 32 | UInt64(words[0])
  }
}

extension RandomGenerator {
  /// Two independent normal numbers from two words.
  package static func normalPair(_ first: UInt32, _ second: UInt32) -> (Double, Double) {
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2 * naturalLogarithm((Double(first) + 1) * 0x1p-32)).squareRoot()
    let (cosine, sine) = circle(Double(second) * 0x1p-32)
    return (radius * cosine, radius * sine)
  }

  /// log(x) for x in (0, 1]: 2 artanh((m - 1) / (m + 1)) of the significand, as a series.
  private static func naturalLogarithm(_ x: Double) -> Double {
    var (m, e) = (x.significand, Double(x.exponent))
    if m > 1.4142135623730951 {
      m *= 0.5
      e += 1
    }
    let z = (m - 1) / (m + 1)
    let square = z * z
    // |z| < 0.172: the term after the last one is below 2^-60.
    var sum = 1.0 / 23
    sum = sum * square + 1.0 / 21
    sum = sum * square + 1.0 / 19
    sum = sum * square + 1.0 / 17
    sum = sum * square + 1.0 / 15
    sum = sum * square + 1.0 / 13
    sum = sum * square + 1.0 / 11
    sum = sum * square + 1.0 / 9
    sum = sum * square + 1.0 / 7
    sum = sum * square + 1.0 / 5
    sum = sum * square + 1.0 / 3
    sum = sum * square + 1
    return 2 * z * sum + e * 0.6931471805599453
  }

  /// Cosine and sine of `turn` whole turns, `turn` in [0, 1): series within an eighth of a turn.
  private static func circle(_ turn: Double) -> (cosine: Double, sine: Double) {
    let quarter = (turn * 4).rounded()
    let x = (turn - quarter / 4) * 6.283185307179586
    let square = x * x
    // Each factor divides by the next two numbers of the factorial.
    var cosine = 1 - square * (1.0 / 240)
    cosine = 1 - square * (1.0 / 182) * cosine
    cosine = 1 - square * (1.0 / 132) * cosine
    cosine = 1 - square * (1.0 / 90) * cosine
    cosine = 1 - square * (1.0 / 56) * cosine
    cosine = 1 - square * (1.0 / 30) * cosine
    cosine = 1 - square * (1.0 / 12) * cosine
    cosine = 1 - square * 0.5 * cosine
    var sine = 1 - square * (1.0 / 272)
    sine = 1 - square * (1.0 / 210) * sine
    sine = 1 - square * (1.0 / 156) * sine
    sine = 1 - square * (1.0 / 110) * sine
    sine = 1 - square * (1.0 / 72) * sine
    sine = 1 - square * (1.0 / 42) * sine
    sine = 1 - square * (1.0 / 20) * sine
    sine = x * (1 - square * (1.0 / 6) * sine)
    switch Int(quarter) % 4 {
    case 0: return (cosine, sine)
    case 1: return (-sine, cosine)
    case 2: return (-cosine, -sine)
    default: return (sine, -cosine)
    }
  }
}
