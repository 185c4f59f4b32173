public import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Rotary positions: pairs of channels are turned by an angle that grows with the position, so that
/// the product of a query and a key depends on their distance alone.
///
/// Source: Su et al. 2021, arXiv 2104.09864.
public struct Rotary: Sendable, Hashable {
  /// Which channels form a pair.
  public enum Pairing: Sendable, Hashable, BitwiseCopyable {
    /// i and i + width/2 (GPT-NeoX, Llama).
    case halves
    /// 2i and 2i + 1 (GPT-J).
    case neighbours
  }

  /// The base of the geometric series of wavelengths.
  public var base: Double
  /// How many leading channels of a head are turned; the others stay as they are.
  public var width: Int
  /// Which channels form a pair.
  public var pairing: Pairing
  /// How frequencies are stretched.
  public var scaling: RotaryScaling

  /// Positions of plain frequencies, unless a scaling is given.
  ///
  /// - Precondition: `width` is even.
  public init(
    base: Double = 10_000, width: Int, pairing: Pairing = .halves, scaling: RotaryScaling = .none
  ) {
    precondition(width % 2 == 0, "Rotary: a width of \(width) cannot be split into pairs")
    self.base = base
    self.width = width
    self.pairing = pairing
    self.scaling = scaling
  }

  /// Angles per position of each pair; `[width / 2]`.
  ///
  /// - Parameter sequenceLength: largest position + 1; only dynamic and LongRoPE scaling ask for it.
  public func frequencies(sequenceLength: Int = 0) -> [Double] {
    scaling.frequencies(base: base, width: width, sequenceLength: sequenceLength)
  }

  /// What each frequency is divided by, `[width / 2]`, where that is the same at every length and is all
  /// that the scaling does; nil otherwise.
  package var divisors: [Double]? {
    switch scaling {
    case .llama3:
      let plain = Rotary(base: base, width: width).frequencies()
      return zip(plain, frequencies()).map { $0 / $1 }
    case .longRope(let short, let long, _, let factor):
      return short == long && factor == 1 ? short : nil
    case .none, .linear, .dynamic, .yarn: return nil
    }
  }

  /// Cosines and sines of the angles at `positions`, times the attention factor;
  /// `[positions, width / 2]` each. The longest of them is the length of the text for all.
  public func table(positions: [Int]) -> (cosines: [Float], sines: [Float]) {
    let length = (positions.max() ?? -1) + 1
    return table(
      positions: positions, textLengths: [Int](repeating: length, count: positions.count))
  }

  /// The same, with a length of the text for each position, for positions of several texts; only
  /// dynamic and LongRoPE scaling ask for it.
  ///
  /// - Precondition: there are as many lengths as positions.
  public func table(
    positions: [Int], textLengths: [Int]
  ) -> (cosines: [Float], sines: [Float]) {
    precondition(
      textLengths.count == positions.count,
      "Rotary: \(textLengths.count) lengths for \(positions.count) positions")
    var length = 0
    // Angles in float32, as trained models computed them.
    var frequencies = frequencies(sequenceLength: length).map { Float($0) }
    let factor = Float(scaling.attentionFactor)
    var cosines: [Float] = []
    var sines: [Float] = []
    cosines.reserveCapacity(positions.count * frequencies.count)
    sines.reserveCapacity(positions.count * frequencies.count)
    for (position, text) in zip(positions, textLengths) {
      if scaling.decidingLength(text) != length {
        length = scaling.decidingLength(text)
        frequencies = self.frequencies(sequenceLength: length).map { Float($0) }
      }
      for frequency in frequencies {
        let angle = Float(position) * frequency
        cosines.append(cosf(angle) * factor)
        sines.append(sinf(angle) * factor)
      }
    }
    return (cosines, sines)
  }

  /// `x` turned to its positions.
  ///
  /// - Parameters:
  ///   - x: `[B, H, T, D]`, D at least `width`.
  ///   - positions: of each query or key, `[T]` for all sequences or `[B * T]`.
  /// - Returns: `[B, H, T, D]`, of the same element type.
  public func apply(to x: Tensor, positions: [Int]) -> Tensor {
    let (cosines, sines) = table(positions: positions)
    return apply(to: x, cosines: cosines, sines: sines)
  }

  /// `x` turned by a table made before (`table(positions:)`), so that layers share it.
  public func apply(to x: Tensor, cosines: [Float], sines: [Float]) -> Tensor {
    let half = width / 2
    precondition(
      x.rank == 4 && x.shape[3] >= width && half > 0
        && (cosines.count == x.shape[2] * half || cosines.count == x.shape[0] * x.shape[2] * half),
      "Rotary: \(cosines.count / max(half, 1)) positions and width \(width) do not fit \(x.shape)")
    let type = x.elementType
    let result: Tensor
    switch type {
    case .float32, .float64: result = turned(x.detached().dense(), cosines, sines, sign: 1)
    default:
      result = turned(x.detached().converted(to: .float32).dense(), cosines, sines, sign: 1)
        .converted(to: type)
    }
    guard let tape = Tape.recording(x) else { return result }
    return tape.record(result, from: [x]) { gradient in
      // A turn is orthogonal but for the attention factor: its transpose turns back.
      let dense = type == .float64 ? gradient.dense() : gradient.converted(to: .float32).dense()
      return [turned(dense, cosines, sines, sign: -1).converted(to: type)]
    }
  }

  private func turned(_ x: Tensor, _ cosines: [Float], _ sines: [Float], sign: Float) -> Tensor {
    let result = Tensor(uninitialized: x.shape, x.elementType)
    if x.elementType == .float64 {
      turn(
        x.pointer(to: Double.self), result.mutablePointer(to: Double.self), x.shape, cosines, sines,
        sign: Double(sign))
    } else {
      turn(
        x.pointer(to: Float.self), result.mutablePointer(to: Float.self), x.shape, cosines, sines,
        sign: sign)
    }
    return result
  }

  private func turn<Scalar: BinaryFloatingPoint & Sendable>(
    _ source: UnsafePointer<Scalar>, _ target: UnsafeMutablePointer<Scalar>, _ shape: [Int],
    _ cosines: [Float], _ sines: [Float], sign: Scalar
  ) {
    let (H, T, D) = (shape[1], shape[2], shape[3])
    let half = width / 2
    let isShared = cosines.count == T * half
    let turn = self.turn
    cosines.withUnsafeBufferPointer { cosines in
      sines.withUnsafeBufferPointer { sines in
        guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return }
        ThreadPool.shared.parallel(shape[0] * H) { part in
          for t in 0..<T {
            let row = (isShared ? t : part / H * T + t) * half
            let from = source + (part * T + t) * D
            let to = target + (part * T + t) * D
            turn.row(from, to, cosines + row, sines + row, sign: sign)
            for i in width..<D { to[i] = from[i] }
          }
        }
      }
    }
  }

  /// How rows are turned by given angles.
  package var turn: RotaryTurn { RotaryTurn(width: width, pairing: pairing) }
}

/// Turns of rows by angles that a `Rotary` made.
package struct RotaryTurn: Sendable, BitwiseCopyable {
  /// How many leading channels are turned.
  package let width: Int
  let pairing: Rotary.Pairing

  /// One row, perhaps in place, by its `width / 2` angles.
  @inline(__always)
  func row<Scalar: BinaryFloatingPoint>(
    _ source: UnsafePointer<Scalar>, _ target: UnsafeMutablePointer<Scalar>,
    _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, sign: Scalar
  ) {
    let half = width / 2
    for i in 0..<half {
      let (one, other) = pairing == .halves ? (i, i + half) : (2 * i, 2 * i + 1)
      let (x, y) = (source[one], source[other])
      let c = Scalar(cosines[i])
      let s = Scalar(sines[i]) * sign
      target[one] = x * c - y * s
      target[other] = y * c + x * s
    }
  }

  /// Turns heads of one token, `[heads, D]` with D = `headWidth` at least `width`, in place.
  package func callAsFunction(
    _ x: UnsafeMutablePointer<Float>, heads: Int, headWidth: Int,
    cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>
  ) {
    for head in 0..<heads {
      let place = x + head * headWidth
      row(place, place, cosines, sines, sign: 1)
    }
  }
}
