#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How rotary frequencies are stretched for sequences longer than those trained on.
public enum RotaryScaling: Sendable, Hashable {
  /// As trained.
  case none
  /// All frequencies divided by `factor` (Chen et al. 2023, arXiv 2306.15595).
  case linear(factor: Double)
  /// The base grows with the sequence beyond `trainedLength` (dynamic NTK).
  case dynamic(factor: Double, trainedLength: Int)
  /// Each frequency between its own and the stretched one, by its wavelength (Peng et al. 2023,
  /// arXiv 2309.00071).
  case yarn(YaRN)
  /// Low frequencies stretched, high ones kept, a ramp between (Llama 3.1, arXiv 2407.21783).
  case llama3(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, trainedLength: Int)
  /// One factor for each frequency, other ones beyond `trainedLength` (LongRoPE, arXiv 2402.13753).
  case longRope(
    shortFactors: [Double], longFactors: [Double], trainedLength: Int, attentionFactor: Double)

  /// The numbers of YaRN, with the names of `config.json`.
  public struct YaRN: Sendable, Hashable {
    /// How many times longer than trained.
    public var factor: Double
    /// Positions of the training.
    public var trainedLength: Int
    /// Rotations above which a frequency is kept.
    public var betaFast: Double
    /// Rotations below which a frequency is stretched in full.
    public var betaSlow: Double
    /// Factor on rotated vectors; computed from `factor` when nil.
    public var attentionFactor: Double?
    /// DeepSeek's two scales of the attention factor.
    public var mscale: Double?
    /// See `mscale`.
    public var mscaleAllDimensions: Double?
    /// Whether the ramp starts and ends at whole dimensions.
    public var truncates: Bool

    /// The numbers as given, others at their published defaults.
    public init(
      factor: Double, trainedLength: Int, betaFast: Double = 32, betaSlow: Double = 1,
      attentionFactor: Double? = nil, mscale: Double? = nil, mscaleAllDimensions: Double? = nil,
      truncates: Bool = true
    ) {
      self.factor = factor
      self.trainedLength = trainedLength
      self.betaFast = betaFast
      self.betaSlow = betaSlow
      self.attentionFactor = attentionFactor
      self.mscale = mscale
      self.mscaleAllDimensions = mscaleAllDimensions
      self.truncates = truncates
    }

    /// 0.1 m ln(factor) + 1.
    package static func scale(_ factor: Double, _ m: Double = 1) -> Double {
      factor <= 1 ? 1 : 0.1 * m * log(factor) + 1
    }

    var resolvedAttentionFactor: Double {
      if let attentionFactor { return attentionFactor }
      if let mscale, let mscaleAllDimensions, mscale != 0, mscaleAllDimensions != 0 {
        return YaRN.scale(factor, mscale) / YaRN.scale(factor, mscaleAllDimensions)
      }
      return YaRN.scale(factor)
    }
  }

  /// The factor on rotated vectors.
  public var attentionFactor: Double {
    switch self {
    case .yarn(let yarn): yarn.resolvedAttentionFactor
    case .longRope(_, _, _, let factor): factor
    case .none, .linear, .dynamic, .llama3: 1
    }
  }

  /// The shortest length with the frequencies of `length`.
  func decidingLength(_ length: Int) -> Int {
    switch self {
    case .none, .linear, .yarn, .llama3: 0
    case .dynamic(_, let trained): length > trained ? length : 0
    case .longRope(_, _, let trained, _): length > trained ? trained + 1 : 0
    }
  }

  /// The length of a text beyond which every token of it, also its first, is turned by other
  /// frequencies; nil where there is none. Dynamic scaling has other ones for each length.
  public var switchLength: Int? {
    guard case .longRope(let short, let long, let trained, _) = self, short != long else {
      return nil
    }
    return trained
  }

  /// Angles per position of each pair of channels; `[width / 2]`.
  func frequencies(base: Double, width: Int, sequenceLength: Int) -> [Double] {
    // In float32, as the models that were trained with them computed them: at position 60,000 the
    // last bit of a frequency is the third digit of a cosine.
    func plain(_ base: Double) -> [Double] {
      stride(from: 0, to: width, by: 2).map {
        Double(1 / powf(Float(base), Float($0) / Float(width)))
      }
    }
    switch self {
    case .none:
      return plain(base)
    case .linear(let factor):
      return plain(base).map { $0 / factor }
    case .dynamic(let factor, let trained):
      let length = Double(max(sequenceLength, trained))
      let growth = factor * length / Double(trained) - (factor - 1)
      return plain(base * pow(growth, Double(width) / Double(width - 2)))
    case .yarn(let yarn):
      return RotaryScaling.yarnFrequencies(plain(base), yarn, base: base, width: width)
    case .llama3(let factor, let low, let high, let trained):
      return plain(base).map { frequency in
        let wavelength = 2 * Double.pi / frequency
        if wavelength < Double(trained) / high { return frequency }
        if wavelength > Double(trained) / low { return frequency / factor }
        let smooth = (Double(trained) / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    case .longRope(let short, let long, let trained, _):
      let factors = sequenceLength > trained ? long : short
      return zip(plain(base), factors).map { $0 / $1 }
    }
  }

  private static func yarnFrequencies(
    _ plain: [Double], _ yarn: YaRN, base: Double, width: Int
  ) -> [Double] {
    func dimension(_ rotations: Double) -> Double {
      Double(width) * log(Double(yarn.trainedLength) / (rotations * 2 * .pi)) / (2 * log(base))
    }
    var low = dimension(yarn.betaFast)
    var high = dimension(yarn.betaSlow)
    if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    low = max(low, 0)
    high = min(high, Double(width - 1))
    if low == high { high += 0.001 }
    return plain.enumerated().map { i, frequency in
      let ramp = min(max((Double(i) - low) / (high - low), 0), 1)
      return frequency / yarn.factor * ramp + frequency * (1 - ramp)
    }
  }
}

extension RotaryScaling {
  /// The attention factor of LongRoPE for a context `factor` times longer than trained.
  public static func longRopeAttentionFactor(factor: Double, trainedLength: Int) -> Double {
    factor <= 1 ? 1 : (1 + log(factor) / log(Double(trainedLength))).squareRoot()
  }
}
