public import Heed
import HeedAttention
import HeedModels
import HeedTensor
import HeedText

/// What a model read from when it read a text: exact weights, computed after the fused pass.
///
/// "Reads from" is all that it says. A weight shows where a head takes its values from, not why the
/// model answers as it does (Jain & Wallace 2019, arXiv 1902.10186; Wiegreffe & Pinter 2019,
/// arXiv 1908.04626).
public struct Explanation: Sendable {
  /// The model's name.
  public let model: String
  /// The tokens of the text, as text.
  public let tokens: [String]
  /// Blocks and heads of each.
  public let layerCount: Int
  /// Heads of a block.
  public let headCount: Int
  /// The position that is looked at.
  public let query: Int
  /// Likeliest next tokens after the text, with their probabilities.
  public let next: [(token: String, probability: Double)]
  /// What it was made of.
  public let provenance: Provenance
  private let records: [AttentionRecord]

  /// Runs `text` on `prompt` with a probe.
  ///
  /// - Parameter query: the position to look at; the last one when nil.
  /// - Throws: `TokenizerError` when the text is empty, too long or cannot be encoded,
  ///   `GenerationError` when the model gives no numbers.
  public init(_ text: TextModel, prompt: String, query: Int? = nil) throws {
    try self.init(text, ids: text.tokenizer.encode(prompt), query: query)
  }

  /// Runs `text` on ids, such as those that it has generated itself.
  ///
  /// - Precondition: the ids are of its vocabulary.
  public init(_ text: TextModel, ids: [Int], query: Int? = nil) throws {
    let limit = text.model.spec.contextLength
    guard !ids.isEmpty else { throw TokenizerError("there is no text to explain") }
    guard ids.count <= limit else {
      throw TokenizerError(
        "the text has \(ids.count) tokens, the model sees \(limit): give a shorter one")
    }
    let chosen = query ?? ids.count - 1
    guard ids.indices.contains(chosen) else {
      throw TokenizerError("position \(chosen) is not within the \(ids.count) tokens of the text")
    }
    let probe = AttentionProbe()
    var options = LanguageModel.Options()
    options.probe = probe
    let logits = text.model.logits([ids], options: options)
      .sliced(axis: 1, range: ids.count - 1..<ids.count).softmax()
    let probabilities: [Float] = logits.reshaped(to: [text.model.spec.vocabularySize]).elements()
    guard probabilities.allSatisfy(\.isFinite) else {
      throw GenerationError(
        .scores, "the model's scores are no numbers", hint: "its weights may be damaged")
    }
    let best = probabilities.indices.sorted {
      probabilities[$0] == probabilities[$1] ? $0 < $1 : probabilities[$0] > probabilities[$1]
    }
    model = text.name
    tokens = ids.map { text.tokenizer.decode([$0]) }
    provenance = Provenance(text, ids: ids)
    records = probe.records
    layerCount = records.count
    headCount = records.first?.shape[1] ?? 0
    self.query = chosen
    next = best.prefix(5).map { (text.tokenizer.decode([$0]), Double(probabilities[$0])) }
  }

  /// All heads, layer by layer.
  public var allHeads: [(layer: Int, head: Int)] {
    (0..<layerCount).flatMap { layer in (0..<headCount).map { (layer, $0) } }
  }

  /// Weights of one head: a row for each position, `[T][T]`.
  public func weights(layer: Int, head: Int) -> [[Float]] {
    let flat: [Float] = records[layer].weights(batch: 0, head: head).elements()
    let count = tokens.count
    return (0..<count).map { Array(flat[$0 * count..<($0 + 1) * count]) }
  }

  /// Which positions each one may see in a head, by its mask; `[T][T]`.
  public func visibility(layer: Int, head: Int) -> [[Bool]] {
    tokens.indices.map { records[layer].visibleKeys(batch: 0, head: head, query: $0) }
  }

  /// What the sink of a head takes of the chosen position's weights; 0 where there is none.
  public func sinkMass(layer: Int, head: Int) -> Float {
    records[layer].sinkMass(batch: 0, head: head)[query]
  }

  /// What the chosen position reads from in one head; `[T]`.
  public func reading(layer: Int, head: Int) -> [Float] {
    records[layer].weights(batch: 0, head: head, rows: query..<query + 1).elements()
  }

  /// What the chosen position reads from, the mean over all heads of all layers; `[T]`.
  public func meanReading() -> [Float] {
    var sums = [Float](repeating: 0, count: tokens.count)
    for layer in 0..<layerCount {
      for head in 0..<headCount {
        for (i, weight) in reading(layer: layer, head: head).enumerated() { sums[i] += weight }
      }
    }
    let count = Float(max(layerCount * headCount, 1))
    return sums.map { $0 / count }
  }

  /// Mean entropy of a head's rows, in nats.
  public func entropy(layer: Int, head: Int) -> Double {
    let rows = records[layer].entropy(batch: 0, head: head)
    return rows.reduce(0) { $0 + Double($1) } / Double(max(rows.count, 1))
  }

  /// What kind of head this is, where one kind is clear: its mean score is above 0.4, and above three
  /// times what a head scores that looks everywhere alike, which is much in a short text.
  public func badge(layer: Int, head: Int) -> String? {
    let rows = weights(layer: layer, head: head)
    guard rows.count > 3 else { return nil }
    let queries = 2..<rows.count
    func mean(_ kind: HeadKind, _ weight: (Int, Int) -> Float) -> Float {
      queries.reduce(0) { sum, query in
        sum + kind.score(query, tokens) { weight(query, $0) }
      } / Float(queries.count)
    }
    return HeadKind.allCases.map { kind in
      (kind, mean(kind) { rows[$0][$1] }, mean(kind) { query, _ in 1 / Float(query + 1) })
    }.filter { $0.1 > 0.4 && $0.1 > 3 * $0.2 }.max { $0.1 < $1.1 }?.0.rawValue
  }
}

/// Kinds of heads that are told apart.
private enum HeadKind: String, CaseIterable {
  case previous = "previous token"
  case first = "first token"
  case itself
  case same = "the same token before"

  /// What a head of this kind has much of.
  ///
  /// - Parameter weight: of a key, as `query` sees it.
  func score(_ query: Int, _ tokens: [String], _ weight: (Int) -> Float) -> Float {
    switch self {
    case .previous: weight(query - 1)
    case .first: weight(0)
    case .itself: weight(query)
    case .same:
      (0..<query).reduce(0) { $0 + (tokens[$1] == tokens[query] ? weight($1) : 0) }
    }
  }
}
