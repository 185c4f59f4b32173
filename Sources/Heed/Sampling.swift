import HeedTensor

/// How the next token is chosen from its logits.
public struct SamplingSettings: Sendable, Hashable {
  /// Logits are divided by this; 0 takes the likeliest token.
  public var temperature: Float
  /// Only this many likeliest tokens; nil is no limit.
  public var topK: Int?
  /// Only the likeliest tokens that together reach this mass (Holtzman et al. 2020, arXiv
  /// 1904.09751); 1 is no limit.
  public var topP: Float
  /// Only tokens at least this likely, measured by the likeliest (Nguyen et al. 2024, arXiv
  /// 2407.01082); 0 is no limit.
  public var minP: Float
  /// Logits of tokens that stand in the text are divided by this where positive, multiplied where
  /// negative (Keskar et al. 2019, arXiv 1909.05858); 1 changes nothing.
  public var repetitionPenalty: Float
  /// The seed of the draws: the same seed gives the same text.
  public var seed: UInt64

  /// Plain sampling, unless told otherwise.
  public init(
    temperature: Float = 1, topK: Int? = nil, topP: Float = 1, minP: Float = 0,
    repetitionPenalty: Float = 1, seed: UInt64 = 0
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.seed = seed
  }

  /// What is wrong with the numbers; nil when nothing is.
  public var problem: String? {
    if !(temperature >= 0 && temperature.isFinite) {
      return "the temperature must be 0 or more, not \(temperature)"
    }
    if let topK, topK < 1 { return "top-k must be 1 or more, not \(topK)" }
    if !(topP > 0 && topP <= 1) { return "top-p must be over 0 and at most 1, not \(topP)" }
    if !(minP >= 0 && minP <= 1) { return "min-p must be from 0 to 1, not \(minP)" }
    if !(repetitionPenalty > 0 && repetitionPenalty.isFinite) {
      return "the repetition penalty must be over 0, not \(repetitionPenalty)"
    }
    return nil
  }

  /// The token after `history`, from its logits `[V]`.
  ///
  /// - Parameter step: counts draws: a step draws the same number whatever came before.
  public func token(from logits: [Float], history: [Int], step: Int) -> Int {
    var logits = logits
    if repetitionPenalty != 1 {
      for id in Set(history) where logits.indices.contains(id) {
        logits[id] =
          logits[id] > 0 ? logits[id] / repetitionPenalty : logits[id] * repetitionPenalty
      }
    }
    // Equal logits are taken in the order of ids, so that nothing depends on how sorting breaks ties.
    var order = logits.indices.sorted {
      logits[$0] == logits[$1] ? $0 < $1 : logits[$0] > logits[$1]
    }
    guard temperature > 0, let best = order.first else { return order.first ?? 0 }
    if let topK { order = Array(order.prefix(topK)) }
    let high = logits[best] / temperature
    var weights = order.map { Double(exponential(logits[$0] / temperature - high)) }
    if minP > 0 {
      let count = weights.prefix { $0 >= Double(minP) }.count
      weights = Array(weights.prefix(max(count, 1)))
    }
    if topP < 1 {
      let total = weights.reduce(0, +)
      var sum = 0.0
      let count = weights.prefix { weight in
        defer { sum += weight }
        return sum < Double(topP) * total
      }.count
      weights = Array(weights.prefix(max(count, 1)))
    }
    var generator = RandomGenerator(seed: seed, stream: UInt64(step))
    var mark = Double.random(in: 0..<1, using: &generator) * weights.reduce(0, +)
    for (place, weight) in weights.enumerated() {
      mark -= weight
      if mark < 0 { return order[place] }
    }
    return order[weights.count - 1]
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

private func exponential(_ x: Float) -> Float { expf(x) }
