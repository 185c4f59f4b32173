import HeedAttention
public import HeedBlocks
import HeedTensor

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
  /// The row of position 0 in the table of learned positions.
  public var learnedPositionStart = 0
  /// Factor on the token embedding.
  public var embeddingScale: Double?
  /// On the embedding, before the first block.
  public var embeddingNorm: NormSpec?
  /// The blocks, in order.
  public var blocks: [BlockSpec]
  /// After the last block.
  public var finalNorm: NormSpec?
  /// Whether the head is the token embedding.
  public var isHeadTied: Bool
  /// Whether the head has a bias.
  public var hasHeadBias = false
  /// Logits become `cap * tanh(logit / cap)`.
  public var logitSoftCap: Double?
  /// Ids that end a text.
  public var endTokens: [Int]

  /// A decoder of the given parts; what is rarer is set afterwards.
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

  /// The length of a text beyond which all of its tokens are turned by other rotary frequencies
  /// (LongRoPE), the shortest of its layers; nil where there is none.
  public var rotarySwitchLength: Int? {
    blocks.flatMap(\.branches).compactMap { $0.operation.rotary?.scaling.switchLength }.min()
  }

  /// Every weight that the model has.
  public var slots: [WeightSlot] {
    let inBlocks = blocks.enumerated().flatMap { $1.slots(layer: $0, width: width) }
    return slotsBeforeBlocks + inBlocks + slotsAfterBlocks
  }

  /// The weights that belong to no block.
  var slotsOutsideBlocks: [WeightSlot] { slotsBeforeBlocks + slotsAfterBlocks }

  private var slotsBeforeBlocks: [WeightSlot] {
    var slots = [WeightSlot("embedding.weight", shape: [vocabularySize, width])]
    if let learnedPositionCount {
      slots.append(WeightSlot("positions.weight", shape: [learnedPositionCount, width]))
    }
    if let embeddingNorm { slots += embeddingNorm.slots("embeddingNorm", layer: nil, width: width) }
    return slots
  }

  private var slotsAfterBlocks: [WeightSlot] {
    var slots = finalNorm?.slots("finalNorm", layer: nil, width: width) ?? []
    if !isHeadTied { slots.append(WeightSlot("head.weight", shape: [vocabularySize, width])) }
    if hasHeadBias { slots.append(WeightSlot("head.bias", shape: [vocabularySize])) }
    return slots
  }

  /// Blocks that differ from each other, by the first layer that has such a one, and how many there are:
  /// what is added up over all blocks costs as much as over these few, however many a config asks for.
  var kindsOfBlocks: [(block: BlockSpec, layer: Int, count: Int)] {
    var places: [BlockSpec: Int] = [:]
    var kinds: [(block: BlockSpec, layer: Int, count: Int)] = []
    for (layer, block) in blocks.enumerated() {
      if let place = places[block] {
        kinds[place].count += 1
      } else {
        places[block] = kinds.count
        kinds.append((block, layer, 1))
      }
    }
    return kinds
  }
}
