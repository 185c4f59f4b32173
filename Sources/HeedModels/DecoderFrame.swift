public import HeedBlocks
public import HeedFormats

/// What a decoder has around its blocks, with the norm of all of them.
public struct DecoderFrame: Sendable {
  /// Name of the family, for people.
  public var family: String
  /// E.
  public var width: Int
  /// V.
  public var vocabularySize: Int
  /// Blocks.
  public var layerCount: Int
  /// Positions that it was made for.
  public var contextLength: Int
  /// Before each branch and at the end.
  public var norm: NormSpec
  /// Whether the head is the token embedding.
  public var isHeadTied: Bool
  /// Ids that end a text.
  public var endTokens: [Int]
  /// Factor on the token embedding.
  public var embeddingScale: Double?

  /// A pre-norm block of two branches.
  public func block(_ attention: OperationSpec, _ second: OperationSpec) -> BlockSpec {
    BlockSpec([
      BranchSpec(inputNorm: norm, operation: attention),
      BranchSpec(inputNorm: norm, operation: second),
    ])
  }

  /// The model whose block number i is `block(i)`.
  public func spec(_ block: (Int) -> BlockSpec) -> ModelSpec {
    var spec = ModelSpec(
      family: family, vocabularySize: vocabularySize, width: width,
      contextLength: contextLength, blocks: (0..<layerCount).map(block), finalNorm: norm,
      isHeadTied: isHeadTied, endTokens: endTokens)
    spec.embeddingScale = embeddingScale
    return spec
  }
}

extension ConfigReader {
  /// The frame of a decoder, from members of the given names.
  ///
  /// - Parameters:
  ///   - width: the names of E, of which the first that is there counts.
  ///   - layers: the names of the number of blocks, likewise.
  ///   - context: the name of the number of positions.
  ///   - contextLength: when the config does not say.
  ///   - isHeadTied: when the config does not say.
  public func frame(
    _ family: String, width: [String] = ["hidden_size"], layers: [String] = ["num_hidden_layers"],
    context: String = "max_position_embeddings", contextLength: Int = 2048, norm: NormSpec,
    isHeadTied: Bool
  ) throws(FormatError) -> DecoderFrame {
    DecoderFrame(
      family: family, width: try count(anyOf: width), vocabularySize: try count("vocab_size"),
      layerCount: try layerCount(layers), contextLength: try count(context, default: contextLength),
      norm: norm, isHeadTied: try flag("tie_word_embeddings", default: isHeadTied),
      endTokens: try tokens("eos_token_id"))
  }

  /// The number of heads, which share the width of the model, and their width.
  public func heads(
    _ keys: String..., in frame: DecoderFrame
  ) throws(FormatError) -> (count: Int, width: Int) {
    let count = try count(anyOf: keys)
    guard frame.width % count == 0 else {
      throw inconsistent("a width of \(frame.width) cannot be shared by \(count) heads")
    }
    return (count, frame.width / count)
  }

  /// A layer norm whose epsilon is 1e-5 when the config does not say.
  public func layerNorm(_ key: String) throws(FormatError) -> NormSpec {
    .layerNorm(epsilon: try epsilon(key, default: 1e-5))
  }
}
