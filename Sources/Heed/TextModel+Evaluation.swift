import HeedModels
import HeedTensor
import HeedText

extension TextModel {
  /// How well the model predicts `text`: nats for each token, bits for each byte.
  ///
  /// The text is cut into windows of the context length. Without a stride each window begins where the
  /// one before ended, and its first tokens are predicted from little; with one, each window moves by
  /// `stride` tokens, and only those are counted, so that every token is predicted from at least
  /// `context - stride` others (where there are so many). That costs `context / stride` as much.
  ///
  /// - Parameter stride: tokens by which windows move, from 1 to the context length.
  /// - Throws: `TokenizerError` when the text cannot be encoded or has no token to predict.
  public func evaluate(_ text: String, stride: Int? = nil) throws -> Evaluation {
    let ids = try tokenizer.encode(text)
    guard ids.count > 1 else { throw TokenizerError("the text is too short to evaluate") }
    let window = model.spec.contextLength
    let step = max(1, min(stride ?? window, window))
    var sum = 0.0
    var count = 0
    for start in Swift.stride(from: 0, to: ids.count - 1, by: step) {
      let end = min(start + step, ids.count - 1)
      let begin = max(0, start + step - window)
      let logits = model.logits([Array(ids[begin..<end])])  // [1, T, V]
      let targets = Tensor(ids[start + 1...end].map { Int64($0) }, shape: [1, end - start])
      let loss: Float = crossEntropy(
        logits.sliced(axis: 1, range: start - begin..<end - begin), targets: targets
      ).item()
      sum += Double(loss) * Double(end - start)
      count += end - start
    }
    // The first token is not predicted, so its text does not count.
    let first = tokenizer.bytes(ofToken: ids[0])?.count ?? 0
    return Evaluation(
      loss: sum / Double(count), tokens: count, bytes: max(1, text.utf8.count - first))
  }

  /// How well a model predicts a text.
  public struct Evaluation: Sendable, Hashable {
    /// Mean cross entropy in nats for each token.
    public let loss: Double
    /// How many tokens were predicted.
    public let tokens: Int
    /// How many bytes of text these tokens are.
    public let bytes: Int
    /// Bits for each token.
    public var bitsPerToken: Double { loss / 0.6931471805599453 }
    /// Bits for each byte of text: comparable between vocabularies.
    public var bitsPerByte: Double { bitsPerToken * Double(tokens) / Double(bytes) }
    /// How many tokens the model hesitates between, on average: e to the loss.
    public var perplexity: Double { exponential(loss) }
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

private func exponential(_ x: Double) -> Double { exp(x) }
