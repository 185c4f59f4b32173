// How well a model predicts a text, counted so that it can be compared with anything: bits for each
// byte of the text, as a compressor would need them. Tokens differ between models, bytes do not.

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

/// How well a model predicts a text.
public struct Evaluation: Sendable, Hashable {
  /// Mean cross entropy in nats for each predicted token.
  public let loss: Double
  /// How many tokens were predicted.
  public let tokens: Int
  /// Bytes of the text in UTF-8.
  public let bytes: Int
  /// Bits of the tokens that nothing came before, so that they were not predicted.
  public let unpredictedBits: Double

  /// Bits for each predicted token.
  public var bitsPerToken: Double { loss / Self.nats }
  /// Bits for each byte of the text, all of its tokens together.
  public var bitsPerByte: Double {
    (loss * Double(tokens) / Self.nats + unpredictedBits) / Double(max(1, bytes))
  }

  /// How many tokens the model hesitates between, on average: e to the loss.
  public var perplexity: Double { exp(loss) }

  /// Nats of a bit.
  private static let nats = 0.6931471805599453

  /// A text of `tokens` + 1 tokens, of which all but the first were predicted; the first costs as
  /// much as any of the vocabulary.
  public init(loss: Double, tokens: Int, bytes: Int, vocabularySize: Int) {
    var bits = 0.0
    while vocabularySize > 1 << Int(bits), bits < 62 { bits += 1 }
    self.init(loss: loss, tokens: tokens, bytes: bytes, unpredictedBits: bits)
  }

  /// A text that costs `bits`, all of its tokens predicted.
  public init(bits: Double, tokens: Int, bytes: Int) {
    self.init(
      loss: bits * Self.nats / Double(max(1, tokens)), tokens: tokens, bytes: bytes,
      unpredictedBits: 0)
  }

  private init(loss: Double, tokens: Int, bytes: Int, unpredictedBits: Double) {
    self.loss = loss
    self.tokens = tokens
    self.bytes = bytes
    self.unpredictedBits = unpredictedBits
  }
}

extension TextModel {
  /// Bits that the model needs for each byte of `text`, and nats for each token.
  ///
  /// The text is cut into windows of the context length; each token but the first of the text is
  /// predicted from those before it in its window. Tokens at the beginning of a window know little;
  /// with an overlap, each window but the first begins with that many tokens of the one before.
  ///
  /// - Parameters:
  ///   - cacheType: how keys and values are kept before they are read: float32, bfloat16 or int8, as where
  ///     texts are generated with such caches; nil reads them as they were computed. In float32 both are the same.
  ///   - progress: told after each window how many tokens of how many are predicted.
  /// - Throws: `TokenizerError` when the text cannot be encoded or is too short, `GenerationError` when
  ///   the model gives no numbers.
  public func evaluate(
    _ text: String, overlap: Int = 0, cacheType: ElementType? = nil,
    progress: (Int, Int) -> Void = { _, _ in }
  ) throws -> Evaluation {
    let ids = try tokenizer.encode(text)
    guard ids.count > 1 else { throw TokenizerError("the text is too short to evaluate") }
    let window = model.spec.contextLength
    guard overlap >= 0, overlap < window else {
      throw TokenizerError(
        "an overlap of \(overlap) tokens in windows of \(window): it must be at most \(window - 1)")
    }
    var sum = 0.0
    // Tokens before this one are predicted, or the first of all.
    var done = 1
    while done < ids.count {
      let start = max(0, done - 1 - overlap)
      let end = min(start + window, ids.count - 1)
      let known = done - 1 - start
      var targets = Array(ids[start + 1...end])
      for place in 0..<known { targets[place] = -100 }  // no target
      let loss: Float = crossEntropy(
        logits(ofWindow: Array(ids[start..<end]), cacheType: cacheType),
        targets: Tensor(targets.map { Int64($0) }, shape: [1, end - start])
      ).item()
      sum += Double(loss) * Double(end + 1 - done)
      done = end + 1
      progress(end, ids.count - 1)
    }
    guard sum.isFinite else {
      throw GenerationError(
        .scores, "the model's scores are no numbers", hint: "its weights may be damaged")
    }
    return Evaluation(
      loss: sum / Double(ids.count - 1), tokens: ids.count - 1, bytes: text.utf8.count,
      vocabularySize: model.spec.vocabularySize)
  }

  /// Logits of the token after each of `ids`, the first of a text; `[1, T, V]`.
  ///
  /// An attention reads keys and values of the same pass from its cache too, rounded as later passes
  /// find them: one pass over a window predicts what reading it token by token would.
  ///
  /// - Parameter cacheType: how keys and values are kept before they are read; nil for no cache.
  func logits(ofWindow ids: [Int], cacheType: ElementType?) -> Tensor {
    var options = LanguageModel.Options()
    // Those of the whole window, as without a cache.
    options.textLengths = [ids.count]
    var caches = cacheType.map { model.emptyCache(elementType: $0) } ?? []
    return model.forward([ids], cache: &caches, options: options).logits
  }
}
