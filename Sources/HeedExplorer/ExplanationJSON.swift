#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Explanation {
  /// The explanation as one JSON document: tokens, what the chosen position reads from in every
  /// head, and their mean.
  public var json: String { json(heads: allHeads) }

  /// The same of chosen heads.
  ///
  /// - Parameter withMatrices: whether the rows of all positions are in it, `[T][T]` for each head.
  public func json(heads: [(layer: Int, head: Int)], withMatrices: Bool = false) -> String {
    let heads = heads.map { layer, head in
      Head(
        layer: layer, head: head, badge: badge(layer: layer, head: head),
        entropy: entropy(layer: layer, head: head), sink: sinkMass(layer: layer, head: head),
        weights: reading(layer: layer, head: head),
        matrix: withMatrices ? weights(layer: layer, head: head) : nil)
    }
    let document = Document(
      model: model, tokens: tokens, query: query,
      next: next.map { Next(token: $0.token, probability: $0.probability) },
      mean: meanReading(), heads: heads)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    // The words of `JSONValue.text`.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? encoder.encode(document)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  private struct Document: Encodable {
    let model: String
    let tokens: [String]
    let query: Int
    let next: [Next]
    let mean: [Float]
    let heads: [Head]
  }

  private struct Next: Encodable {
    let token: String
    let probability: Double
  }

  private struct Head: Encodable {
    let layer: Int
    let head: Int
    let badge: String?
    let entropy: Double
    let sink: Float
    let weights: [Float]
    let matrix: [[Float]]?
  }
}
