// What leaves unlikely tokens out. Each keeps at least `keeping` tokens, so that something is left to
// choose from.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Divides scores: below 1 the likely become likelier.
public struct Temperature: ScoreProcessor {
  /// More than 0.
  public var temperature: Float

  /// Scores divided by `temperature`.
  public init(_ temperature: Float) { self.temperature = temperature }

  /// Divides.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let temperature = temperature
    scores.change { $0 / temperature }
  }
}

/// Only the likeliest tokens (Fan et al. 2018, arXiv 1805.04833); all of several equal ones.
public struct TopK: ScoreProcessor {
  /// How many.
  public var count: Int

  /// The `count` likeliest.
  public init(_ count: Int) { self.count = count }

  /// Forbids the others.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    guard count < scores.candidates?.count ?? scores.count else { return }
    let limit = scores.largest(max(count, 1))
    scores.keepOnly { $0 >= limit }
  }
}

/// Only the likeliest tokens that together reach a mass (Holtzman et al. 2020, arXiv 1904.09751).
public struct TopP: ScoreProcessor {
  /// From 0 to 1.
  public var mass: Float
  /// At least this many tokens.
  public var keeping: Int

  /// The likeliest tokens of this mass.
  public init(_ mass: Float, keeping: Int = 1) {
    self.mass = mass
    self.keeping = keeping
  }

  /// Forbids the others.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let probabilities = scores.openProbabilities
    let places = placesReaching(Double(mass), keys: probabilities, masses: probabilities)
    if places.count >= keeping { return scores.keep(places.map { scores.id(at: $0) }) }
    TopK(keeping).process(&scores, history)
  }
}

/// Only tokens at least this likely, measured by the likeliest (Nguyen et al. 2024, arXiv 2407.01082).
public struct MinP: ScoreProcessor {
  /// From 0 to 1.
  public var share: Float
  /// At least this many tokens.
  public var keeping: Int

  /// Tokens of at least this share of the likeliest.
  public init(_ share: Float, keeping: Int = 1) {
    self.share = share
    self.keeping = keeping
  }

  /// Forbids the others.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let best = scores.largest(1)
    let least = keeping > 1 ? scores.largest(keeping) : best
    let limit = min(best + logf(share), least)
    scores.keepOnly { $0 >= limit }
  }
}

/// Only tokens whose surprise is closest to the expected one (Meister et al. 2022, arXiv 2202.00666).
public struct TypicalMass: ScoreProcessor {
  /// The mass that they reach together, from 0 to 1.
  public var mass: Float
  /// At least this many tokens.
  public var keeping: Int

  /// The most typical tokens of this mass.
  public init(_ mass: Float, keeping: Int = 1) {
    self.mass = mass
    self.keeping = keeping
  }

  /// Forbids the others.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let (ids, probabilities) = scores.probabilities()
    let surprises = probabilities.map { $0 > 0 ? -logf($0) : .infinity }
    var entropy: Float = 0
    for (probability, surprise) in zip(probabilities, surprises) where probability > 0 {
      entropy += probability * surprise
    }
    let keys = surprises.map { -abs($0 - entropy) }
    let places = placesReaching(Double(mass), keys: keys, masses: probabilities)
    // All that are as typical as the last one taken, and no fewer than asked for.
    var limit = places.lazy.map { keys[$0] }.min() ?? -.infinity
    if places.count < keeping {
      let sorted = keys.sorted(by: >)
      limit = sorted.isEmpty ? limit : sorted[min(keeping, sorted.count) - 1]
    }
    scores.keep(ids.indices.filter { keys[$0] >= limit }.map { ids[$0] })
  }
}

/// Only tokens of at least a probability (Hewitt et al. 2022, arXiv 2210.15191).
public struct EpsilonCutoff: ScoreProcessor {
  /// From 0 to 1.
  public var probability: Float
  /// At least this many tokens.
  public var keeping: Int

  /// Tokens of at least this probability.
  public init(_ probability: Float, keeping: Int = 1) {
    self.probability = probability
    self.keeping = keeping
  }

  /// Forbids the others.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let (ids, probabilities) = scores.probabilities()
    let limit = scores.largest(max(keeping, 1))
    scores.keep(
      ids.indices.filter { probabilities[$0] >= probability || scores[ids[$0]] >= limit }
        .map { ids[$0] })
  }
}

/// Only tokens over a probability that falls with the entropy (Hewitt et al. 2022, arXiv 2210.15191).
public struct EtaCutoff: ScoreProcessor {
  /// From 0 to 1.
  public var epsilon: Float
  /// At least this many tokens.
  public var keeping: Int

  /// Tokens of at least `min(epsilon, sqrt(epsilon) exp(-entropy))`.
  public init(_ epsilon: Float, keeping: Int = 1) {
    self.epsilon = epsilon
    self.keeping = keeping
  }

  /// Forbids the others.
  public func process(_ scores: inout TokenScores, _ history: TokenHistory) {
    let (_, probabilities) = scores.probabilities()
    let entropy = probabilities.reduce(Float(0)) { $1 > 0 ? $0 - $1 * logf($1) : $0 }
    let eta = min(epsilon, epsilon.squareRoot() * expf(-entropy))
    EpsilonCutoff(eta, keeping: keeping).process(&scores, history)
  }
}

extension TokenScores {
  /// Keeps the ids whose scores pass.
  mutating func keepOnly(_ passes: (Float) -> Bool) {
    var kept: [Int] = []
    forEach { id, score in
      if passes(score), score > -.infinity { kept.append(id) }
    }
    keep(kept)
  }
}
