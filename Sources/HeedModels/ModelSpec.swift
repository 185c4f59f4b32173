public import HeedBlocks

/// A decoder as data: everything that its forward pass needs to know, and no code.
public struct ModelSpec: Sendable, Hashable {
  /// Name of the family, for people.
  public var family: String
  /// V.
  public var vocabularySize: Int
  /// E.
  public var width: Int
  /// The most positions that it was made for.
  public var contextLength: Int
  /// Learned absolute positions: rows of the table; nil when positions come from attention.
  public var learnedPositionCount: Int?
  /// The blocks, in order.
  public var blocks: [BlockSpec]
  /// After the last block.
  public var finalNorm: NormSpec?
  /// Whether the head is the token embedding.
  public var isHeadTied: Bool
  /// Ids that end a text.
  public var endTokens: [Int]

  /// A decoder of the given parts.
  public init(
    family: String, vocabularySize: Int, width: Int, contextLength: Int,
    learnedPositionCount: Int? = nil, blocks: [BlockSpec], finalNorm: NormSpec?,
    isHeadTied: Bool, endTokens: [Int] = []
  ) {
    self.family = family
    self.vocabularySize = vocabularySize
    self.width = width
    self.contextLength = contextLength
    self.learnedPositionCount = learnedPositionCount
    self.blocks = blocks
    self.finalNorm = finalNorm
    self.isHeadTied = isHeadTied
    self.endTokens = endTokens
  }

  /// Every weight that the model has.
  public var slots: [WeightSlot] {
    var slots = [WeightSlot("embedding.weight", shape: [vocabularySize, width])]
    if let learnedPositionCount {
      slots.append(WeightSlot("positions.weight", shape: [learnedPositionCount, width]))
    }
    for (layer, block) in blocks.enumerated() { slots += block.slots(layer: layer, width: width) }
    if let finalNorm { slots += finalNorm.slots("finalNorm", layer: nil, width: width) }
    if !isHeadTied { slots.append(WeightSlot("head.weight", shape: [vocabularySize, width])) }
    return slots
  }
}
