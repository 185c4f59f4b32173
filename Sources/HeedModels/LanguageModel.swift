public import HeedAttention
public import HeedBlocks
public import HeedTensor

/// A decoder with its weights: a pure function of them.
///
/// For training, a model is made anew each step from tensors that a tape watches (cheap: it holds
/// references); for inference its weights are packed once.
///
///     let model = try LanguageModel(folder: "models/gpt2")
///     var cache = model.emptyCache()
///     let logits = model.forward([[464, 2068]], cache: &cache).logits   // [1, 2, V]
public struct LanguageModel: Sendable {
  /// What the model is.
  public let spec: ModelSpec
  /// Which parameter fills which slot.
  public let binding: WeightBinding
  /// The parameters by their names in files, but those in blocks.
  public let parameters: [String: Tensor]
  /// The parameters that are blocks of small weights.
  public let blockParameters: [String: BlockTensor]
  /// Precision of products.
  public let precision: ProductPrecision

  private let embedding: TokenEmbedding
  private let blocks: [Block]
  private let finalNorm: Norm?
  private let head: Linear
  /// For tokens that are being generated; nil where a part has only the general way.
  private let tokenPass: TokenPass?

  /// A model of given parameters.
  ///
  /// - Parameters:
  ///   - parameters: by name; floating point, possibly watched by a tape.
  ///   - blockParameters: by name, those that are blocks of small weights; they stay blocks.
  ///   - packed: whether to pack the weights, for inference.
  ///   - quantization: blocks of 32 (`q8_0`, `q5_1`, `q5_0`, `q4_1`, `q4_0`), which matrices that are numbers
  ///     become; packed only.
  /// - Precondition: `binding` was made for `spec` and the parameters have its names.
  public init(
    spec: ModelSpec, binding: WeightBinding, parameters: [String: Tensor],
    blockParameters: [String: BlockTensor] = [:], packed: Bool = true,
    precision: ProductPrecision = .float32, quantization: BlockType? = nil
  ) {
    self.spec = spec
    self.binding = binding
    self.parameters = parameters
    self.blockParameters = blockParameters
    self.precision = precision
    let stored = StoredParameters(parameters, blocks: blockParameters)
    let quantization = packed ? quantization : nil
    let weights = WeightLookup(weights: {
      stored.weight($0, $1, binding).quantized(to: quantization)
    })
    let packing = packed ? precision : nil
    embedding = TokenEmbedding(
      spec, WeightLookup(weights: { stored.weight($0, $1, binding) }), isRowsAlone: packed)
    blocks = spec.blocks.enumerated().map { layer, block in
      Block(block, layer: layer, weights, packing: packing)
    }
    // The system maps pages around one that is read, those of packed neighbours too.
    if packed { Self.releasePages(parameters, blockParameters) }
    finalNorm = spec.finalNorm.map { Norm($0, path: "finalNorm", layer: nil, weights) }
    head = Linear(
      spec.isHeadTied
        ? embedding.table.quantized(to: quantization) : weights.matrix("head.weight", nil),
      bias: spec.hasHeadBias ? weights("head.bias", nil) : nil, packing: packing)
    tokenPass =
      packed ? TokenPass(blocks, finalNorm: finalNorm, head: head, width: spec.width) : nil
    if packed { Self.releasePages(parameters, blockParameters) }
  }

  private static func releasePages(_ tensors: [String: Tensor], _ blocks: [String: BlockTensor]) {
    for tensor in tensors.values { tensor.releasePages() }
    for tensor in blocks.values { tensor.bytes.releasePages() }
  }

  /// Caches for the blocks, empty; those of window layers forget what nobody can see any more.
  ///
  /// - Parameter elementType: float32, bfloat16 or int8.
  public func emptyCache(elementType: ElementType = .float32) -> [KeyValueCache] {
    spec.blocks.map { $0.cache(elementType: elementType) }
  }

  /// What one pass gives.
  public struct Output: Sendable {
    /// `[B, T, V]`, or those of the last positions that were asked for, `[B, lastCount, V]`.
    public let logits: Tensor
    /// The embedding's output, then that of each block, the last after the final norm; empty unless
    /// asked for. `[B, T, E]` each.
    public let hiddenStates: [Tensor]
  }

  /// How one pass runs.
  public struct Options: Sendable {
    /// False for padding; `[B][S]`, earlier tokens of the cache included. Nil: no padding.
    public var visibleKeys: [[Bool]]?
    /// Position of each token, `[T]` or `[B * T]`; counted on from the cache when nil.
    public var positions: [Int]?
    /// The length of each row's text, `[B]`, for the frequencies of dynamic and LongRoPE scaling.
    /// Nil: as far as the row reaches without a cache (as Hugging Face), up to each token itself with
    /// one. A token behind that length always counts the text up to itself, so pieces that are told
    /// the same length agree.
    public var textLengths: [Int]?
    /// Told about every attention.
    public var probe: AttentionProbe?
    /// Dropout, in training.
    public var dropout: DropoutSettings?
    /// Told how many tokens each expert gets, in training.
    public var loads: ExpertLoads?
    /// Whether to return hidden states.
    public var keepsHiddenStates = false
    /// How many of the last positions logits are wanted of, at least one; nil for all. The last block
    /// then leaves out what only the others would read (but not beside a probe, hidden states or dropout).
    public var lastCount: Int?
    /// Whether latent attention, too, must give the same bits at once, in pieces and with a cache;
    /// long prompts then take it several times as long. All other models always do.
    public var keepsBitsInPieces = false

    /// A plain pass.
    public init() {}
  }

  /// Logits of the next token at each position.
  ///
  /// - Parameters:
  ///   - ids: `[B][T]`, rows of equal length.
  ///   - cache: keys and values of earlier tokens, which these are appended to; empty for none.
  ///   - options: how the pass runs.
  /// - Precondition: ids are in the vocabulary, and positions within the learned table.
  public func forward(
    _ ids: [[Int]], cache: inout [KeyValueCache], options: Options = Options()
  ) -> Output {
    let B = ids.count
    let T = ids.first?.count ?? 0
    precondition(
      ids.allSatisfy { $0.count == T }, "forward: rows of \(ids.map(\.count)) ids differ")
    let earlier = cache.first?.position ?? 0
    let positions = options.positions ?? Array(earlier..<earlier + T)
    var context = BlockContext(
      mask: .causal, positions: positions, precision: precision, probe: options.probe,
      dropout: options.dropout, caches: cache)
    if options.textLengths != nil || !cache.isEmpty {
      context.countTexts(atLeast: options.textLengths, rowCount: B, tokenCount: T)
    }
    context.keepsBitsInPieces = options.keepsBitsInPieces
    context.visibleKeys = options.visibleKeys.map { visible in
      precondition(
        visible.count == B && visible.allSatisfy { $0.count == earlier + T },
        "forward: visibleKeys of \(visible.map(\.count)) for \(B) rows of \(earlier + T) keys")
      return Tensor(visible.flatMap { $0 }, shape: [B, 1, 1, earlier + T])
    }
    cache = []  // the context owns the caches now, so that they grow in place
    let output = run(ids, context: &context, options: options)
    cache = context.caches
    return output
  }

  /// Logits after more tokens of several sequences, each with caches of its own: they may be of
  /// different lengths, and each gets the bits that it would get alone.
  ///
  /// - Parameters:
  ///   - ids: `[B][T]`, rows of equal length.
  ///   - sequences: the caches of each row, `[B][layers]`, made by `emptyCache`.
  ///   - options: how the pass runs; positions are counted on from each row's cache.
  /// - Precondition: ids are in the vocabulary, positions within the learned table, and there is no
  ///   padding.
  public func forward(
    _ ids: [[Int]], sequences: inout [[KeyValueCache]], options: Options = Options()
  ) -> Output {
    let T = ids.first?.count ?? 0
    precondition(
      ids.count == sequences.count && ids.allSatisfy { $0.count == T },
      "forward: rows of \(ids.map(\.count)) ids for \(sequences.count) sequences")
    let positions = sequences.flatMap { caches in
      let earlier = caches.first?.position ?? 0
      return earlier..<earlier + T
    }
    var context = BlockContext(
      mask: .causal, positions: positions, precision: precision, probe: options.probe,
      dropout: options.dropout)
    context.countTexts(atLeast: options.textLengths, rowCount: ids.count, tokenCount: T)
    context.keepsBitsInPieces = options.keepsBitsInPieces
    context.sequenceCaches = sequences
    sequences = []
    let output = run(ids, context: &context, options: options)
    sequences = context.sequenceCaches
    return output
  }

  /// The pass itself.
  private func run(_ ids: [[Int]], context: inout BlockContext, options: Options) -> Output {
    context.loads = options.loads
    // What is asked for beside logits is asked of all positions, and dropout counts them.
    let isLogitsAlone =
      options.probe == nil && options.dropout == nil && !options.keepsHiddenStates
    var x = embedding(ids, positions: context.positions)  // [B, T, E]
    if let dropout = options.dropout {
      x = x.dropout(
        rate: Double(dropout.residualRate), seed: dropout.seed,
        counter: dropout.counter(layer: -1, branch: 0))
    }
    if let tokenPass, isLogitsAlone, options.loads == nil, context.isOneToken(of: ids) {
      return Output(logits: capped(tokenPass(x, context: &context)), hiddenStates: [])
    }
    var hidden = options.keepsHiddenStates ? [x] : []
    for (index, block) in blocks.enumerated() {
      let isLast = index == blocks.count - 1
      x = block(x, last: isLast && isLogitsAlone ? options.lastCount : nil, context: &context)
      if options.keepsHiddenStates { hidden.append(x) }
    }
    x = finalNorm?(x) ?? x
    if options.keepsHiddenStates { hidden[hidden.count - 1] = x }
    let T = x.shape[1]
    if let count = options.lastCount, count < T { x = x.sliced(axis: 1, range: T - count..<T) }
    return Output(logits: capped(head(x, precision: precision)), hiddenStates: hidden)
  }

  /// Logits as the model has them.
  private func capped(_ logits: Tensor) -> Tensor {
    spec.logitSoftCap.map { (logits / $0).tanh() * $0 } ?? logits
  }

  /// Logits without a cache; `[B, T, V]`.
  public func logits(_ ids: [[Int]], options: Options = Options()) -> Tensor {
    var none: [KeyValueCache] = []
    return forward(ids, cache: &none, options: options).logits
  }

  /// Mean cross entropy of each next token, in nats.
  public func loss(_ ids: [[Int]], targets: [[Int]], options: Options = Options()) -> Tensor {
    let labels = Tensor(targets.flatMap { $0.map { Int64($0) } }, shape: [ids.count, ids[0].count])
    return crossEntropy(logits(ids, options: options), targets: labels)
  }
}
