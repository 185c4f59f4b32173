// How far one model is from another, token by token over the same text. What small weights cost is
// often less than the noise of a perplexity: a change of rounding makes some tokens likelier and others
// less so, and the sum of both says little. The divergence counts every change, and none cancels.

import HeedModels
public import HeedTensor
import HeedText

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How far the predictions of a model are from those of a reference, over the same text.
public struct Divergence: Sendable, Hashable {
  /// Mean of `sum_v p(v) log(p(v) / q(v))` over tokens, in nats: p of the reference, q of the model.
  public let nats: Double
  /// Its standard error, over windows.
  public let natsError: Double
  /// Mean cross entropy of the model less that of the reference, in nats a token.
  public let lossChange: Double
  /// Its standard error, over windows.
  public let lossChangeError: Double
  /// Share of tokens for which both find the same one likeliest.
  public let agreement: Double
  /// How many tokens were predicted.
  public let tokens: Int
}

extension TextModel {
  /// How far this model is from `reference` on `text`, in windows of its context length.
  ///
  /// - Parameters:
  ///   - reference: a model of the same vocabulary; it reads keys and values as they are computed.
  ///   - cacheType: how this model keeps them before it reads them, as where texts are generated with
  ///     such caches; nil reads them as they are computed.
  /// - Throws: `TokenizerError` when the text cannot be encoded, is too short, or the vocabularies
  ///   differ in size; `GenerationError` when a model gives no numbers.
  /// - Complexity: two passes over the text, and 16 bytes for each token of a window and id.
  public func divergence(
    from reference: TextModel, on text: String, cacheType: ElementType? = nil
  ) throws -> Divergence {
    let ids = try tokenizer.encode(text)
    guard ids.count > 1 else { throw TokenizerError("the text is too short to evaluate") }
    let (size, other) = (model.spec.vocabularySize, reference.model.spec.vocabularySize)
    guard size == other, try reference.tokenizer.encode(text) == ids else {
      throw TokenizerError(
        "\(name) and \(reference.name) do not cut the text into the same tokens of \(size) and "
          + "\(other)")
    }
    let window = min(model.spec.contextLength, reference.model.spec.contextLength)
    var nats = WeightedMean()
    var change = WeightedMean()
    var agreed = 0
    for start in stride(from: 0, to: ids.count - 1, by: window) {
      let end = min(start + window, ids.count - 1)
      let input = Array(ids[start..<end])
      let targets = Array(ids[start + 1...end])
      let shape = [end - start, size]
      let p = reference.logits(ofWindow: input, cacheType: nil).reshaped(to: shape)
        .logSoftmax()  // [T, V]
      let q = logits(ofWindow: input, cacheType: cacheType).reshaped(to: shape)
        .logSoftmax()  // [T, V]
      let rows = (p.exp() * (p - q)).sum(alongAxes: [1]).elements(as: Float.self)  // [T]
      nats.add(rows.reduce(0) { $0 + Double($1) }, count: rows.count)
      let (likely, found) = (p.elements(as: Float.self), q.elements(as: Float.self))
      var difference = 0.0
      for (row, target) in targets.enumerated() {
        difference += Double(likely[row * size + target]) - Double(found[row * size + target])
      }
      change.add(difference, count: targets.count)
      let best = p.argmax().elements(as: Int64.self)
      agreed += zip(best, q.argmax().elements(as: Int64.self)).count { $0 == $1 }
    }
    guard nats.mean.isFinite, change.mean.isFinite else {
      throw GenerationError(
        .scores, "the model's scores are no numbers", hint: "its weights may be damaged")
    }
    return Divergence(
      nats: nats.mean, natsError: nats.error, lossChange: change.mean,
      lossChangeError: change.error, agreement: Double(agreed) / Double(ids.count - 1),
      tokens: ids.count - 1)
  }
}

/// A mean over all tokens, and how sure it is, from the means of windows.
private struct WeightedMean {
  private var sum = 0.0
  private var count = 0.0
  private var windows: [(mean: Double, weight: Double)] = []

  mutating func add(_ total: Double, count added: Int) {
    sum += total
    count += Double(added)
    windows.append((total / Double(added), Double(added)))
  }

  var mean: Double { sum / max(1, count) }

  /// Zero for a single window, from which nothing can be told.
  var error: Double {
    guard windows.count > 1 else { return 0 }
    let share = Double(windows.count) / Double(windows.count - 1)
    let squares = windows.reduce(0) { sum, window in
      let part = window.weight / count * (window.mean - mean)
      return sum + part * part
    }
    return (share * squares).squareRoot()
  }
}
