import Foundation
import HeedTensor
import HeedTraining
import Testing

@Suite("Kneser-Ney")
struct KneserNeyTests {
  @Test("a text of six tokens, by hand")
  func byHand() {
    // a b a b a c. Too few counts of counts, so the discounts are 1/2, 1 and 3/2.
    let model = KneserNeyModel(of: [0, 1, 0, 1, 0, 2], vocabularySize: 4, order: 2)
    // Each of a, b, c stands after one kind of token: (1 - 1/2) / 3, and half of the mass is left
    // for all four alike.
    let single = 0.5 / 3 + 0.5 / 4
    // After a: b twice, c once. (3 - 1 - 1/2 taken away) leaves 1/2 for single tokens.
    #expect(close(model.probability(of: 1, after: [0]), (2 - 1) / 3.0 + 0.5 * single))
    #expect(close(model.probability(of: 2, after: [0]), (1 - 0.5) / 3.0 + 0.5 * single))
    #expect(close(model.probability(of: 0, after: [0]), 0.5 * single))
    #expect(close(model.probability(of: 3, after: [0]), 0.5 * 0.5 / 4))
    // After b: a twice. Nothing was ever seen after c.
    #expect(close(model.probability(of: 0, after: [2, 1]), (2 - 1) / 2.0 + 0.5 * single))
    #expect(close(model.probability(of: 0, after: [2]), single))
    let bits = model.bits(of: [0, 2, 3])
    let wanted = -(log2(single) + log2(0.5 / 3 + 0.5 * single) + log2(0.5 / 4))
    #expect(close(bits, wanted))
  }

  @Test("probabilities sum to one after any context, known or not", arguments: [1, 2, 3, 5])
  func sums(order: Int) {
    let tokens = sample(2000)
    let model = KneserNeyModel(of: tokens, vocabularySize: 13, order: order)
    for start in stride(from: 0, to: 60, by: 7) {
      for context in [[], Array(tokens[start..<start + 3]), [start % 13, 12, 12, 5, 12]] {
        let sum = (0..<13).reduce(0.0) { $0 + model.probability(of: $1, after: context) }
        #expect(abs(sum - 1) < 1e-12)
      }
    }
  }

  @Test("what the arrays give is what the definition says")
  func definition() {
    let tokens = sample(700)
    for order in [1, 3, 4] {
      let model = KneserNeyModel(of: tokens, vocabularySize: 13, order: order)
      let plain = PlainKneserNey(tokens, 13, order)
      var total = 0.0
      let text = sample(120, seed: 9)
      for (place, token) in text.enumerated() {
        let context = Array(text[..<place])
        let wanted = plain.probability(token, context[...], order)
        #expect(close(model.probability(of: token, after: context), wanted))
        total -= log2(wanted)
      }
      #expect(close(model.bits(of: text), total))
    }
  }

  @Test("a text costs few bits once it was seen")
  func learns() {
    let tokens = sample(3000)
    let model = KneserNeyModel(of: tokens, vocabularySize: 13)
    #expect(model.bits(of: Array(tokens[100..<300])) < 0.7 * model.bits(of: sample(200, seed: 8)))
  }

  /// Tokens of which some are much more likely after others.
  private func sample(_ count: Int, seed: UInt64 = 4) -> [Int] {
    var generator = RandomGenerator(seed: seed)
    var last = 0
    return (0..<count).map { _ in
      let draw = Int.random(in: 0..<20, using: &generator)
      last = draw < 12 ? (last * 5 + draw % 3) % 12 : draw - 8
      return last
    }
  }

  private func close(_ got: Double, _ wanted: Double) -> Bool {
    abs(got - wanted) < 1e-12 * max(1, abs(wanted))
  }
}

/// The definition, with n-grams as arrays and sums over all that was seen.
private struct PlainKneserNey {
  let vocabularySize: Int
  var counts: [[[Int]: Int]] = []
  var discounts: [[Double]] = []

  init(_ tokens: [Int], _ vocabularySize: Int, _ order: Int) {
    self.vocabularySize = vocabularySize
    func grams(_ length: Int) -> [[Int]] {
      guard tokens.count >= length else { return [] }
      return (0...tokens.count - length).map { Array(tokens[$0..<$0 + length]) }
    }
    for length in 1...order {
      var table: [[Int]: Int] = [:]
      if length == order {
        for gram in grams(length) { table[gram, default: 0] += 1 }
      } else {
        for gram in Set(grams(length + 1)) { table[Array(gram.dropFirst()), default: 0] += 1 }
      }
      counts.append(table)
      let n = (0...4).map { k in Double(table.values.count { $0 == k }) }
      if n[1] > 0, n[2] > 0, n[3] > 0 {
        let y = n[1] / (n[1] + 2 * n[2])
        discounts.append([
          1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3],
        ])
      } else {
        discounts.append([0.5, 1, 1.5])
      }
    }
  }

  func probability(_ token: Int, _ context: ArraySlice<Int>, _ order: Int) -> Double {
    if order == 0 { return 1 / Double(vocabularySize) }
    let context = context.suffix(order - 1)
    if context.count < order - 1 { return probability(token, context, order - 1) }
    let lower = probability(token, context.dropFirst(), order - 1)
    let table = counts[order - 1]
    let after = table.filter { Array($0.key.dropLast()) == Array(context) }.values
    let total = Double(after.reduce(0, +))
    if total == 0 { return lower }
    func discount(_ count: Int) -> Double {
      count == 0 ? 0 : min(max(discounts[order - 1][min(count, 3) - 1], 0), Double(min(count, 3)))
    }
    let own = table[Array(context) + [token]] ?? 0
    let rest = after.reduce(0.0) { $0 + discount($1) } / total
    return (Double(own) - discount(own)) / total + rest * lower
  }
}
