/// A text cut into tokens, with everything that models and people ask about them.
///
/// All arrays have one element a token.
public struct Encoding: Sendable, Hashable {
  /// What the model reads.
  public var ids: [Int] = []
  /// The tokens as the vocabulary writes them.
  public var tokens: [String] = []
  /// The part of the text that each token stands for, in Unicode code points; empty at 0 for tokens
  /// that were added.
  public var offsets: [Range<Int>] = []
  /// 0 for the first text, 1 for the second, or as the tokenizer's template says.
  public var typeIDs: [Int] = []
  /// The word of the text that each token belongs to; nil for tokens that were added.
  public var words: [Int?] = []
  /// Which text a token comes from, 0 or 1; nil for tokens that were added.
  public var sequences: [Int?] = []
  /// 1 for tokens that were added.
  public var specialTokensMask: [Int] = []
  /// 0 for padding, 1 for everything else.
  public var attentionMask: [Int] = []
  /// What truncation cut off, in pieces that are as long as is allowed.
  public var overflowing: [Encoding] = []

  /// No tokens.
  public init() {}

  /// How many tokens there are.
  public var count: Int { ids.count }

  /// Added tokens, such as the beginning of a sequence.
  init(special: [(id: Int, token: String)], typeID: Int) {
    let count = special.count
    ids = special.map(\.id)
    tokens = special.map(\.token)
    offsets = [Range<Int>](repeating: 0..<0, count: count)
    typeIDs = [Int](repeating: typeID, count: count)
    words = [Int?](repeating: nil, count: count)
    sequences = words
    specialTokensMask = [Int](repeating: 1, count: count)
    attentionMask = specialTokensMask
  }

  func part(_ range: Range<Int>) -> Encoding {
    var part = Encoding()
    part.ids = Array(ids[range])
    part.tokens = Array(tokens[range])
    part.offsets = Array(offsets[range])
    part.typeIDs = Array(typeIDs[range])
    part.words = Array(words[range])
    part.sequences = Array(sequences[range])
    part.specialTokensMask = Array(specialTokensMask[range])
    part.attentionMask = Array(attentionMask[range])
    return part
  }

  mutating func setType(_ type: Int) {
    typeIDs = [Int](repeating: type, count: count)
  }

  mutating func setSequence(_ sequence: Int) {
    sequences = [Int?](repeating: sequence, count: count)
    for place in overflowing.indices { overflowing[place].setSequence(sequence) }
  }

  /// Appends another encoding. What overflowed on either side is combined with the other side.
  mutating func append(_ other: Encoding) {
    var combined: [Encoding] = []
    let others = other.overflowing
    for mine in overflowing {
      for partner in [other.withoutOverflow] + others { combined.append(mine.joined(partner)) }
    }
    for partner in others { combined.append(withoutOverflow.joined(partner)) }
    self = joined(other)
    overflowing = combined
  }

  private var withoutOverflow: Encoding {
    var copy = self
    copy.overflowing = []
    return copy
  }

  private func joined(_ other: Encoding) -> Encoding {
    var result = self
    result.overflowing = []
    result.ids += other.ids
    result.tokens += other.tokens
    result.offsets += other.offsets
    result.typeIDs += other.typeIDs
    result.words += other.words
    result.sequences += other.sequences
    result.specialTokensMask += other.specialTokensMask
    result.attentionMask += other.attentionMask
    return result
  }
}
