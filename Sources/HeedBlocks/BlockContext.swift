public import HeedAttention
public import HeedTensor

/// What all blocks of one forward pass share.
public struct BlockContext: Sendable {
  /// Who may see whom, on top of what the attention of a block says itself.
  public var mask: Mask
  /// False for padding; `bool`, `[B, 1, 1, S]`, earlier tokens of the caches included. Nil: none.
  public var visibleKeys: Tensor?
  /// The position of each token: `[T]` for all sequences or `[B * T]`.
  public var positions: [Int]
  /// The length of the text that decides the frequencies of each token, as many as `positions`: dynamic
  /// and LongRoPE scaling ask for it. Nil: the longest position of each sequence of this pass.
  public var textLengths: [Int]?
  /// Precision of products and attention.
  public var precision: ProductPrecision
  /// Told about every attention.
  public var probe: AttentionProbe?
  /// Dropout, in training.
  public var dropout: DropoutSettings?
  /// Told how many tokens each expert gets, in training.
  public var loads: ExpertLoads?
  /// Keys and values of earlier steps, one for each block; empty without a cache.
  public var caches: [KeyValueCache]
  /// In place of `caches`: those of each sequence, which may be of different lengths; `[B][layers]`.
  /// Products then run over the whole batch, attention over one sequence after the other, with the
  /// same bits as if each sequence were alone.
  public var sequenceCaches: [[KeyValueCache]] = []
  /// Whether results must have the same bits at once, in pieces and with a cache, also where
  /// another order of sums would be faster (latent attention). Everything else always has.
  public var keepsBitsInPieces = false
  /// Whether keys and values are kept for later steps.
  var hasCaches: Bool { !caches.isEmpty || !sequenceCaches.isEmpty }
  /// One for each rotary of the model: so few that comparing them is quicker than a dictionary.
  private var tables: [RotaryTable] = []

  /// Cosines and sines, made once for all blocks that share a rotary.
  struct RotaryTable: Sendable {
    fileprivate let rotary: Rotary
    let cosines: [Float]
    let sines: [Float]
  }

  /// A context for tokens at `positions`.
  public init(
    mask: Mask, positions: [Int], precision: ProductPrecision = .float32,
    probe: AttentionProbe? = nil, dropout: DropoutSettings? = nil, caches: [KeyValueCache] = []
  ) {
    self.mask = mask
    self.positions = positions
    self.precision = precision
    self.probe = probe
    self.dropout = dropout
    self.caches = caches
  }

  /// Who may see whom among the last `keyCount` keys, all that an attention has, through a window
  /// of the latest `window` keys.
  func mask(keyCount: Int, window: Int? = nil) -> Mask {
    var mask = mask
    if let visibleKeys {
      // A window's cache has forgotten the first keys.
      let all = visibleKeys.shape[3]
      mask = mask & .dense(visibleKeys.sliced(axis: 3, range: max(0, all - keyCount)..<all))
    }
    return window.map { mask & .window(left: $0 - 1, right: nil) } ?? mask
  }

  /// Whether this is a pass over one token of each of a few sequences, which have caches and no padding.
  package func isOneToken(of ids: [[Int]]) -> Bool {
    hasCaches && visibleKeys == nil && (1...RowProduct.mostRows).contains(ids.count)
      && ids[0].count == 1
  }

  /// What `look` sees of the keys and values of block `layer`, earlier ones included: all sequences at
  /// once, or each with its own cache.
  ///
  /// - Parameters:
  ///   - queries: one or more tensors `[B, ...]`.
  ///   - keys: `[B, G, T, D]`, those of this pass.
  ///   - values: `[B, G, T, Dv]`.
  ///   - window: the latest keys that are visible; nil for all.
  ///   - look: queries, keys, values and a mask to a result `[B, ...]`.
  mutating func attended(
    _ queries: [Tensor], keys: Tensor, values: Tensor, layer: Int, window: Int? = nil,
    _ look: ([Tensor], SeenKeys, Mask) -> Tensor
  ) -> Tensor {
    guard !sequenceCaches.isEmpty || layer < caches.count else {
      return look(
        queries, .tensors(keys: keys, values: values),
        mask(keyCount: keys.shape[2], window: window))
    }
    append(keys: keys, values: values, layer: layer)
    return attended(queries, layer: layer, window: window, look)
  }

  /// What `look` sees of the keys and values that the caches of block `layer` hold.
  func attended(
    _ queries: [Tensor], layer: Int, window: Int? = nil,
    _ look: ([Tensor], SeenKeys, Mask) -> Tensor
  ) -> Tensor {
    guard !sequenceCaches.isEmpty else {
      let cache = caches[layer]
      return look(queries, .cached(cache), mask(keyCount: cache.count, window: window))
    }
    precondition(visibleKeys == nil, "attended: sequences with caches of their own have no padding")
    let seen = sequenceCaches.map { $0[layer] }
    let masks = seen.map { mask(keyCount: $0.count, window: window) }
    func result(of row: Int) -> Tensor {
      look(
        queries.map { $0.sliced(axis: 0, range: row..<row + 1) }, .cached(seen[row]), masks[row])
    }
    // A probe hears of one sequence after the other.
    let looks =
      probe == nil
      ? ThreadPool.shared.map(seen.count, result) : seen.indices.map(result)
    return Tensor(concatenating: looks, alongAxis: 0)
  }

  /// Makes room for a key and a value of each head of `rows` tokens in the caches of block `layer`.
  ///
  /// - Parameter seen: becomes what each token sees, where it lies, itself included, which is still to be
  ///   written; `[rows]`.
  /// - Returns: false where a cache keeps its rows otherwise, and nothing was done.
  mutating func claimRows(
    _ rows: Int, layer: Int, groups: Int, width: Int, to seen: UnsafeMutablePointer<CachedRows>
  ) -> Bool {
    if sequenceCaches.isEmpty {
      guard caches[layer].keepsPlainRows(width: width, valueWidth: width) else { return false }
      caches[layer].claimRow(
        batch: rows, groups: groups, width: width, valueWidth: width, to: seen)
      return true
    }
    guard
      sequenceCaches.allSatisfy({
        $0[layer].keepsPlainRows(width: width, valueWidth: width)
      })
    else { return false }
    for row in 0..<rows {
      sequenceCaches[row][layer].claimRow(
        batch: 1, groups: groups, width: width, valueWidth: width, to: seen + row)
    }
    return true
  }

  /// Adds keys and values `[B, G, T, D]` to the caches of block `layer`.
  mutating func append(keys: Tensor, values: Tensor, layer: Int) {
    if sequenceCaches.isEmpty {
      caches[layer].append(keys: keys, values: values)
    }
    for row in sequenceCaches.indices {
      sequenceCaches[row][layer].append(
        keys: keys.sliced(axis: 0, range: row..<row + 1),
        values: values.sliced(axis: 0, range: row..<row + 1))
    }
  }

  /// How block `layer` keeps its keys and values; nil without a cache.
  func cacheType(layer: Int) -> ElementType? {
    let caches = sequenceCaches.first ?? caches
    return layer < caches.count ? caches[layer].elementType : nil
  }

  /// Dropout of the attention weights of block `layer`.
  func attentionDropout(layer: Int) -> AttentionDropout? {
    dropout.flatMap { settings in
      settings.attentionRate > 0
        ? AttentionDropout(
          rate: settings.attentionRate,
          seed: settings.seed ^ settings.counter(layer: layer, branch: 1000)) : nil
    }
  }

  /// `x` `[B, H, T, D]` turned to the positions of this pass.
  ///
  /// - Parameter tokenCount: T, where `x` has only the latest of the tokens.
  mutating func turned(_ x: Tensor, _ rotary: Rotary, tokenCount: Int? = nil) -> Tensor {
    let T = tokenCount ?? x.shape[2]
    let table = table(rotary, tokenCount: T)
    let missing = T - x.shape[2]
    /// The part of a table that belongs to the latest tokens of each sequence.
    func latest(_ table: [Float]) -> [Float] {
      guard missing > 0 else { return table }
      let width = table.count / positions.count
      return stride(from: 0, to: positions.count, by: T).flatMap {
        table[($0 + missing) * width..<($0 + T) * width]
      }
    }
    return rotary.apply(to: x, cosines: latest(table.cosines), sines: latest(table.sines))
  }

  /// The angles of all positions of this pass of T = `tokenCount` tokens.
  mutating func table(_ rotary: Rotary, tokenCount: Int) -> RotaryTable {
    if let known = tables.first(where: { $0.rotary == rotary }) { return known }
    let (cosines, sines) = rotary.table(
      positions: positions, textLengths: textLengths ?? longestPositions(of: tokenCount))
    let table = RotaryTable(rotary: rotary, cosines: cosines, sines: sines)
    tables.append(table)
    return table
  }

  /// Decides frequencies by the text up to each token, or by a length of its row that is greater.
  ///
  /// - Parameter lengths: of each of `rowCount` rows of `tokenCount` tokens; 0 for all when nil.
  package mutating func countTexts(atLeast lengths: [Int]?, rowCount: Int, tokenCount: Int) {
    guard let lengths else {
      textLengths = positions.map { $0 + 1 }
      return
    }
    precondition(
      lengths.count == rowCount, "forward: \(lengths.count) text lengths for \(rowCount) rows")
    if positions.count == tokenCount {
      positions = lengths.flatMap { [positions] _ in positions }
    }
    textLengths = positions.enumerated().map { place, position in
      max(position + 1, lengths[place / tokenCount])
    }
  }

  /// For each token the length of its sequence in this pass of `count` tokens each.
  private func longestPositions(of count: Int) -> [Int] {
    stride(from: 0, to: positions.count, by: max(count, 1)).flatMap { first in
      let row = positions[first..<min(first + count, positions.count)]
      return [Int](repeating: (row.max() ?? -1) + 1, count: row.count)
    }
  }
}

/// Dropout of a training step: rates, and the seed from which every draw of the step follows.
public struct DropoutSettings: Sendable, Hashable {
  /// Share of the elements of embeddings and branch results that become zero.
  public var residualRate: Float
  /// Share of the attention weights that become zero.
  public var attentionRate: Float
  /// Another one for each step and microbatch.
  public var seed: UInt64

  /// The same rate everywhere.
  public init(rate: Float, seed: UInt64) {
    residualRate = rate
    attentionRate = rate
    self.seed = seed
  }

  /// The counter of one place: layers and branches draw different numbers.
  package func counter(layer: Int, branch: Int) -> UInt64 {
    UInt64(layer + 1) << 20 | UInt64(branch + 1)
  }
}
