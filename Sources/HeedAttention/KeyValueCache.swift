public import HeedTensor

/// Keys and values of one layer, kept from step to step.
///
/// A value: a copy is a snapshot (bytes are shared until one of the two grows). Keys stay in the
/// order of their positions, so masks work as without a cache: the last query stands at the last
/// key.
public struct KeyValueCache: Sendable {
  /// How many keys a cache keeps.
  public enum Policy: Sendable, Hashable {
    /// All of them; the memory at least doubles when it is full.
    case growing
    /// The latest ones: what a window of this many keys may still see.
    case window(Int)
    /// What queries to come may see through a window of this many keys, and a little more: keys go
    /// in whole splits of 1,024, counted from the first key ever, so that sums over the others keep
    /// their order and results their bits.
    case sliding(window: Int)
  }

  /// How many keys it keeps.
  public let policy: Policy
  /// How keys and values are stored: float32, bfloat16, or int8 with one scale for each row.
  public let elementType: ElementType
  /// Keys that are in the cache now.
  public private(set) var count = 0
  /// Keys that were ever appended: the position of the next one.
  public private(set) var position = 0

  /// Keys that are expected before long: room for them is made at once where they are not many more.
  private var expectedCount = 0

  private var store: Store?

  /// The buffers, `[B, G, capacity, D]`, filled from `start` on.
  private struct Store: Sendable {
    var keys: Tensor
    var values: Tensor
    var keyScales: Tensor?
    var valueScales: Tensor?
    var start = 0
    /// B, G, the rows of a head that there is room for, D and Dv.
    let (batch, groups, capacity, width, valueWidth): (Int, Int, Int, Int, Int)
    /// Where the heads lie; nil until `ownHeads` was asked.
    private var heads: (keys: CachedHeads, values: CachedHeads)?

    init(keys: Tensor, values: Tensor, keyScales: Tensor?, valueScales: Tensor?, start: Int = 0) {
      (self.keys, self.values) = (keys, values)
      (self.keyScales, self.valueScales) = (keyScales, valueScales)
      self.start = start
      (batch, groups, capacity) = (keys.shape[0], keys.shape[1], keys.shape[2])
      (width, valueWidth) = (keys.shape[3], values.shape[3])
    }

    /// Rows from `start` on.
    var room: Int { capacity - start }

    func fits(batch: Int, groups: Int, width: Int, valueWidth: Int) -> Bool {
      (self.batch, self.groups, self.width, self.valueWidth) == (batch, groups, width, valueWidth)
    }

    /// Where the heads lie, in buffers that are nobody else's. It looks at little: between two tokens each
    /// line of a cache's objects comes from memory.
    mutating func ownHeads() -> (keys: CachedHeads, values: CachedHeads) {
      if let heads, keys.isOnlyOwner(), values.isOnlyOwner(), heads.keys.begins(keys),
        heads.values.begins(values)
      {
        return heads
      }
      keys.makeUnique()
      values.makeUnique()
      let heads = (CachedHeads(keys), CachedHeads(values))
      self.heads = heads
      return heads
    }
  }

  /// An empty cache.
  ///
  /// - Precondition: `elementType` is float32, bfloat16 or int8.
  public init(policy: Policy = .growing, elementType: ElementType = .float32) {
    precondition(
      [.float32, .bfloat16, .int8].contains(elementType),
      "KeyValueCache: \(elementType) is not float32, bfloat16 or int8")
    self.policy = policy
    self.elementType = elementType
  }

  /// Says that there will be `count` keys, as is known of a text that is generated to a length: a cache that
  /// keeps all of them then makes room once, in place of moving them when it is full.
  public mutating func expect(_ count: Int) { expectedCount = count }

  /// Adds keys `[B, G, n, D]` and values `[B, G, n, Dv]` behind the others.
  public mutating func append(keys: Tensor, values: Tensor) {
    precondition(
      keys.rank == 4 && values.rank == 4 && keys.shape.dropLast() == values.shape.dropLast(),
      "KeyValueCache: keys \(keys.shape) and values \(values.shape) do not fit")
    var added = keys.shape[2]
    var (keys, values) = (keys.detached(), values.detached())
    if case .sliding(let window) = policy { forgetSplits(before: position - window + 1) }
    position += added
    if case .window(let limit) = policy, added > limit {
      keys = keys.sliced(axis: 2, range: added - limit..<added)
      values = values.sliced(axis: 2, range: added - limit..<added)
      added = limit
      count = 0
      store?.start = 0
    }
    func like(_ rows: Tensor) -> (Int) -> [Int] {
      { [rows.shape[0], rows.shape[1], $0, rows.shape[3]] }
    }
    reserve(added, keys: like(keys), values: like(values))
    guard var open = store else { return }
    store = nil
    let place = open.start + count
    KeyValueCache.write(keys, into: &open.keys, scales: &open.keyScales, at: place)
    KeyValueCache.write(values, into: &open.values, scales: &open.valueScales, at: place)
    count += added
    if case .window(let limit) = policy, count > limit {
      open.start += count - limit
      count = limit
    }
    store = open
  }

  /// Whether rows are numbers that lie one behind the other, whole words of memory each: what
  /// `claimRow(batch:groups:width:valueWidth:)` is for.
  ///
  /// - Parameter width: D, and that of values.
  package func keepsPlainRows(width: Int, valueWidth: Int) -> Bool {
    if case .window = policy { return false }
    return elementType == .float32 || elementType == .bfloat16 && (width | valueWidth) % 2 == 0
  }

  /// Makes room for one more key and value of each head and counts them, but leaves it to
  /// `CachedRows.writeLast(_:keys:values:)` to write them: by the threads that read them next.
  ///
  /// - Parameter rows: becomes what each sequence of the batch sees, itself included, as long as the cache
  ///   is not changed; `[batch]`.
  /// - Precondition: `keepsPlainRows`, and heads and widths are those of the cache.
  package mutating func claimRow(
    batch: Int, groups: Int, width: Int, valueWidth: Int,
    to rows: UnsafeMutablePointer<CachedRows>
  ) {
    precondition(
      keepsPlainRows(width: width, valueWidth: valueWidth)
        && store?.fits(batch: batch, groups: groups, width: width, valueWidth: valueWidth) ?? true,
      "KeyValueCache: rows \([batch, groups, width]) do not fit \(store?.keys.shape ?? [])")
    if case .sliding(let window) = policy { forgetSplits(before: position + 1 - window) }
    reserve(
      1, keys: { [batch, groups, $0, width] }, values: { [batch, groups, $0, valueWidth] })
    count += 1
    position += 1
    guard let heads = store?.ownHeads(), let first = store?.start else { return }
    for sequence in 0..<batch {
      (rows + sequence).initialize(
        to: CachedRows(
          keys: heads.keys.rows(ofSequence: sequence, groups: groups, from: first),
          values: heads.values.rows(ofSequence: sequence, groups: groups, from: first),
          count: count))
    }
  }

  /// Forgets whole splits of keys before the place `first`.
  private mutating func forgetSplits(before first: Int) {
    let kept = position - count
    let forgotten = first / AttentionPlan.splitKeys * AttentionPlan.splitKeys - kept
    guard forgotten > 0 else { return }
    count -= forgotten
    store?.start += forgotten
  }

  /// The keys in the cache; `[B, G, count, D]`, a view, or a float32 copy of 8-bit rows
  /// (`attention(_:_:)` reads those in place).
  public var keys: Tensor? { store.map { view($0.keys, $0.keyScales, $0.start) } }

  /// The values in the cache; `[B, G, count, Dv]`.
  public var values: Tensor? { store.map { view($0.values, $0.valueScales, $0.start) } }

  /// What tiles read in place of tensors: 8-bit rows with their scales; nil for other types.
  var stored: StoredKeyValues? {
    eightBitRows.map {
      StoredKeyValues(keys: .quantized([$0.keys]), values: .quantized([$0.values]))
    }
  }

  /// The same where the keys are latents and the values rotary keys: the keys of the absorbed form are
  /// both side by side, its values the latents.
  var storedLatents: StoredKeyValues? {
    eightBitRows.map {
      StoredKeyValues(keys: .quantized([$0.keys, $0.values]), values: .quantized([$0.keys]))
    }
  }

  private var eightBitRows: (keys: QuantizedRows, values: QuantizedRows)? {
    guard let store, let keyScales = store.keyScales, let valueScales = store.valueScales else {
      return nil
    }
    func part(_ buffer: Tensor) -> Tensor {
      buffer.sliced(axis: 2, range: store.start..<store.start + count)
    }
    return (
      QuantizedRows(rows: part(store.keys), scales: part(keyScales)),
      QuantizedRows(rows: part(store.values), scales: part(valueScales))
    )
  }

  /// Forgets the last `dropped` keys, as when guesses of a draft model are refused.
  public mutating func removeLast(_ dropped: Int) {
    precondition(dropped <= count, "KeyValueCache: cannot drop \(dropped) of \(count) keys")
    count -= dropped
    position -= dropped
  }

  /// Whether `truncate(to:)` can go back to this position: every key that a query there may see has
  /// to be in the cache still.
  public func canTruncate(to position: Int) -> Bool {
    guard position >= 0, position <= self.position else { return false }
    let forgotten = self.position - count
    return switch policy {
    case .growing: true
    case .window(let window):
      position == self.position || position - window >= forgotten || forgotten == 0
    case .sliding(let window): max(0, position - window + 1) >= forgotten
    }
  }

  /// Forgets the keys from `position` on, as when a sequence goes on differently from there.
  ///
  /// - Precondition: `canTruncate(to: position)`.
  public mutating func truncate(to position: Int) {
    precondition(
      canTruncate(to: position),
      "KeyValueCache: cannot go back to \(position) from \(self.position) with \(count) keys")
    removeLast(min(count, self.position - position))
    self.position = position
  }

  /// The cache of other rows of the batch: row b of the result is row `rows[b]` of this one. Rows may
  /// be left out or taken several times, as beam search does.
  ///
  /// - Precondition: each is a row of the cache, unless that is empty.
  /// - Complexity: O(rows · keys).
  public func reordered(_ rows: [Int]) -> KeyValueCache {
    guard let store else { return self }
    precondition(
      rows.allSatisfy { $0 >= 0 && $0 < store.keys.shape[0] },
      "KeyValueCache: rows \(rows) of a batch of \(store.keys.shape[0])")
    func picked(_ buffer: Tensor) -> Tensor { buffer.gathered(atIndices: rows) }
    var result = self
    result.store = Store(
      keys: picked(store.keys), values: picked(store.values),
      keyScales: store.keyScales.map(picked), valueScales: store.valueScales.map(picked),
      start: store.start)
    return result
  }

  /// The cache as tensors, to be written to a file: keys, values, and for 8 bits their scales; empty
  /// when nothing was appended.
  public var tensors: [String: Tensor] {
    guard let store else { return [:] }
    func kept(_ buffer: Tensor) -> Tensor {
      buffer.sliced(axis: 2, range: store.start..<store.start + count)
    }
    var result = ["keys": kept(store.keys), "values": kept(store.values)]
    result["key_scales"] = store.keyScales.map(kept)
    result["value_scales"] = store.valueScales.map(kept)
    return result
  }

  /// A cache like this one that holds what `tensors` gave and stands at `position`; nil when they do
  /// not fit together or to this kind of cache.
  public func restored(from tensors: [String: Tensor], position: Int) -> KeyValueCache? {
    var result = KeyValueCache(policy: policy, elementType: elementType)
    guard let keys = tensors["keys"], let values = tensors["values"] else {
      return tensors.isEmpty && position == 0 ? result : nil
    }
    guard keys.rank == 4, values.rank == 4, keys.shape.dropLast() == values.shape.dropLast(),
      keys.elementType == elementType, values.elementType == elementType,
      keys.shape[2] <= position
    else { return nil }
    let forgotten = position - keys.shape[2]
    switch policy {
    case .growing where forgotten != 0: return nil
    case .sliding where forgotten % AttentionPlan.splitKeys != 0: return nil
    case .window(let limit) where keys.shape[2] > limit || (forgotten > 0 && keys.shape[2] < limit):
      return nil
    default: break
    }
    let scaleShape = Array(keys.shape.dropLast()) + [1]
    let scales = [tensors["key_scales"], tensors["value_scales"]]
    if elementType == .int8 {
      guard scales.allSatisfy({ $0?.shape == scaleShape && $0?.elementType == .float32 }) else {
        return nil
      }
    }
    result.store = Store(
      keys: keys.copied(), values: values.copied(),
      keyScales: elementType == .int8 ? scales[0]?.copied() : nil,
      valueScales: elementType == .int8 ? scales[1]?.copied() : nil)
    result.count = keys.shape[2]
    result.position = position
    return result
  }

  private func view(_ buffer: Tensor, _ scales: Tensor?, _ start: Int) -> Tensor {
    let rows = buffer.sliced(axis: 2, range: start..<start + count)
    guard let scales else { return rows }
    return rows.dequantized(scales: scales.sliced(axis: 2, range: start..<start + count))
  }

  /// Room that is made for keys that are only expected: a text may end before.
  private static let mostExpected = 1024

  /// Makes room for `added` keys. A window uses a buffer of twice its size and moves its rows to
  /// the front when it reaches the end: each row is moved at most once for each window of steps.
  ///
  /// - Parameters:
  ///   - keys: the shape of the buffer of keys of a capacity.
  ///   - values: that of values.
  private mutating func reserve(_ added: Int, keys: (Int) -> [Int], values: (Int) -> [Int]) {
    if let room = store?.room, count + added <= room { return }
    var needed = count + added
    if policy == .growing {
      needed = max(needed, min(expectedCount, needed + Self.mostExpected))
    }
    let capacity =
      switch policy {
      case .growing, .sliding: max(64, 2 * count, (needed + 63) / 64 * 64)
      case .window(let limit): 2 * max(limit, added)
      }
    // Not zeroed: pages that no row was written to yet are memory that the process does not have.
    func scales(_ shape: [Int]) -> Tensor? {
      elementType == .int8 ? Tensor(uninitialized: shape.dropLast() + [1]) : nil
    }
    var next = Store(
      keys: TensorPieces.caches.tensor(keys(capacity), elementType),
      values: TensorPieces.caches.tensor(values(capacity), elementType),
      keyScales: scales(keys(capacity)), valueScales: scales(values(capacity)))
    if var store, count > 0 {
      self.store = nil
      let kept = store.start..<store.start + count
      next.keys.replaceRows(at: 0, with: store.keys.sliced(axis: 2, range: kept))
      next.values.replaceRows(at: 0, with: store.values.sliced(axis: 2, range: kept))
      if let old = store.keyScales {
        next.keyScales?.replaceRows(at: 0, with: old.sliced(axis: 2, range: kept))
      }
      if let old = store.valueScales {
        next.valueScales?.replaceRows(at: 0, with: old.sliced(axis: 2, range: kept))
      }
      // Their like is not wanted soon: caches of all layers grow, and each only once for each doubling.
      store.keys.discardElements()
      store.values.discardElements()
    }
    store = next
  }

  private static func write(
    _ rows: Tensor, into buffer: inout Tensor, scales: inout Tensor?, at place: Int
  ) {
    guard buffer.elementType == .int8 else {
      buffer.replaceRows(at: place, with: rows.converted(to: buffer.elementType))
      return
    }
    let (quantized, rowScales) = rows.converted(to: .float32).quantizedRows()
    buffer.replaceRows(at: place, with: quantized)
    scales?.replaceRows(at: place, with: rowScales)
  }
}
