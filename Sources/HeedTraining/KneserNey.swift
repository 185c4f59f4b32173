// What counting alone can do: the baseline beside which a trained language model has to stand. An
// interpolated n-gram model with modified Kneser-Ney smoothing (Kneser & Ney 1995; Chen & Goodman
// 1998, TR-10-98, section 3):
//
//     p_n(w | h) = max(c(h w) - D(c), 0) / c(h) + g(h) p_{n-1}(w | h without its first token)
//
// with a discount D for each of the counts 1, 2 and "3 or more", and g(h) what the discounts took
// away. The longest n-grams are counted; a shorter one counts by how many different tokens stand
// before it. Below single tokens all are equally likely, so nothing is impossible.
//
// An n-gram is a number: that of its beginning (the n-gram without its last token) and the last token
// make a key, and keys are numbered as they come. Numbers of one length are then places in flat
// arrays, and a context needs one look-up for each length. Sorted arrays of n-grams, as toolkits for
// billions of tokens have them, would be smaller and are not needed for millions.

/// An n-gram model of tokens.
///
///     let model = KneserNeyModel(of: trainingIDs, vocabularySize: 4096)
///     let bits = model.bits(of: validationIDs)
public struct KneserNeyModel: Sendable {
  /// The longest n-gram.
  public let order: Int
  /// V.
  public let vocabularySize: Int
  /// N-grams of 1 to `order` tokens.
  private let levels: [Level]

  /// All n-grams of one length.
  private struct Level: Sendable {
    /// `number of the beginning << 32 | last token` to number.
    var numbers: [UInt64: Int32] = [:]
    /// By number: how often it occurs, or after how many different tokens.
    var counts: [Int32] = []
    /// By number: that of the beginning.
    var beginnings: [Int32] = []
    /// By number of the beginning: the sum of the counts.
    var totals: [Int32] = []
    /// By number of the beginning: the mass that the discounts took away.
    var rest: [Double] = []
    /// Of the counts 1, 2, and 3 or more.
    var discounts: [Double] = []

    static func key(_ beginning: Int32, _ token: Int) -> UInt64 {
      UInt64(beginning) << 32 | UInt64(token)
    }

    func discount(_ count: Int32) -> Double { discounts[min(Int(count), 3) - 1] }
  }

  /// Counts the n-grams of a row of tokens.
  ///
  /// - Precondition: tokens are in `0..<vocabularySize`, and fewer than two thousand million.
  /// - Complexity: O(order · tokens) time and, for text, about 100 bytes a token.
  public init(of tokens: [Int], vocabularySize: Int, order: Int = 5) {
    precondition(order > 0 && vocabularySize > 0, "KneserNeyModel: order \(order)")
    precondition(
      tokens.count < Int(Int32.max) && tokens.allSatisfy { (0..<vocabularySize).contains($0) },
      "KneserNeyModel: \(tokens.count) tokens, some not in 0..<\(vocabularySize)")
    self.order = order
    self.vocabularySize = vocabularySize
    var levels: [Level] = []
    // Number of the n-gram of the last length that ends at each place.
    var shorter = [Int32](repeating: 0, count: tokens.count)
    for length in 1...order {
      var level = Level()
      level.numbers.reserveCapacity(length == 1 ? vocabularySize : tokens.count / 2)
      var numbers = [Int32](repeating: -1, count: tokens.count)
      for place in stride(from: length - 1, to: tokens.count, by: 1) {
        let beginning = length == 1 ? 0 : shorter[place - 1]
        let key = Level.key(beginning, tokens[place])
        if let number = level.numbers[key] {
          level.counts[Int(number)] += 1
          numbers[place] = number
          continue
        }
        let number = Int32(level.counts.count)
        level.numbers[key] = number
        level.counts.append(1)
        level.beginnings.append(beginning)
        numbers[place] = number
        // A new n-gram is one more token before the end of it.
        if length > 1 { levels[length - 2].counts[Int(shorter[place])] += 1 }
      }
      if length < order {
        for number in level.counts.indices { level.counts[number] = 0 }
      }
      levels.append(level)
      shorter = numbers
    }
    for length in 1...order {
      Self.smooth(&levels[length - 1], contexts: length == 1 ? 1 : levels[length - 2].counts.count)
    }
    self.levels = levels
  }

  private static func smooth(_ level: inout Level, contexts: Int) {
    level.discounts = discounts(level.counts)
    level.totals = [Int32](repeating: 0, count: contexts)
    level.rest = [Double](repeating: 0, count: contexts)
    for (number, count) in level.counts.enumerated() where count > 0 {
      let beginning = Int(level.beginnings[number])
      level.totals[beginning] += count
      level.rest[beginning] += level.discount(count)
    }
    for (context, total) in level.totals.enumerated() where total > 0 {
      level.rest[context] /= Double(total)
    }
    level.beginnings = []
  }

  /// The discounts that leave out one occurrence at a time (Chen & Goodman, equation 26); a half of
  /// each count where the text is too small to say.
  static func discounts(_ counts: [Int32]) -> [Double] {
    var n = [Double](repeating: 0, count: 5)
    for count in counts where (1...4).contains(count) { n[Int(count)] += 1 }
    guard n[1] > 0, n[2] > 0, n[3] > 0 else { return [0.5, 1, 1.5] }
    let y = n[1] / (n[1] + 2 * n[2])
    return (1...3).map { k in
      let discount = Double(k) - Double(k + 1) * y * n[k + 1] / n[k]
      return min(max(discount, 0), Double(k))
    }
  }

  // MARK: Reading

  /// By length, 0 to `order` - 1: the number of the n-gram that ends the context; -1 for one that
  /// was never seen.
  private typealias Context = [Int32]

  private var emptyContext: Context { [0] + [Int32](repeating: -1, count: order - 1) }

  private func extended(_ context: Context, by token: Int) -> Context {
    var result = emptyContext
    for length in stride(from: 1, to: order, by: 1) where context[length - 1] >= 0 {
      result[length] = levels[length - 1].numbers[Level.key(context[length - 1], token)] ?? -1
    }
    return result
  }

  private func probability(of token: Int, in context: Context) -> Double {
    var probability = 1 / Double(vocabularySize)
    for (level, beginning) in zip(levels, context) where beginning >= 0 {
      let total = Double(level.totals[Int(beginning)])
      if total == 0 { continue }
      let number = level.numbers[Level.key(beginning, token)]
      let count = number.map { level.counts[Int($0)] } ?? 0
      let own = count > 0 ? Double(count) - level.discount(count) : 0
      probability = own / total + level.rest[Int(beginning)] * probability
    }
    return probability
  }

  /// How likely `token` is after a row of tokens, of which the last `order` - 1 count.
  ///
  /// - Precondition: all tokens are in `0..<vocabularySize`.
  public func probability(of token: Int, after tokens: [Int]) -> Double {
    requireKnown(tokens + [token])
    let context = tokens.suffix(order - 1).reduce(emptyContext) { extended($0, by: $1) }
    return probability(of: token, in: context)
  }

  /// Bits that a row of tokens costs, each predicted from those before it.
  ///
  /// - Precondition: all tokens are in `0..<vocabularySize`.
  public func bits(of tokens: [Int]) -> Double {
    requireKnown(tokens)
    var context = emptyContext
    var product = 1.0
    var bits = 0.0
    for token in tokens {
      product *= probability(of: token, in: context)
      // One logarithm for many factors: exponents are taken out before they are too small.
      if product < 0x1p-512 {
        bits -= Double(product.exponent)
        product = product.significand
      }
      context = extended(context, by: token)
    }
    return bits - logarithm(product)
  }

  private func requireKnown(_ tokens: [Int]) {
    precondition(
      tokens.allSatisfy { (0..<vocabularySize).contains($0) },
      "KneserNeyModel: tokens outside 0..<\(vocabularySize)")
  }

  /// log2 by halves and squares: the same bits on every platform.
  private func logarithm(_ number: Double) -> Double {
    var (value, result, weight) = (number.significand, Double(number.exponent), 0.5)
    for _ in 0..<52 {
      value *= value
      if value >= 2 {
        result += weight
        value /= 2
      }
      weight /= 2
    }
    return result
  }
}
