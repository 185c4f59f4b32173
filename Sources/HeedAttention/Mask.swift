public import HeedTensor

/// Which keys a query may see: a value, composed with `&` and `|`.
///
/// A mask says what is *visible*. It is never stored as a matrix unless it was given as one: the
/// attention asks it, tile by tile, whether all, none or some of the tile is visible, and skips
/// what is not.
///
///     let mask: Mask = .causal & .window(left: 255, right: 0) & .keyLengths([17, 32])
public indirect enum Mask: Sendable {
  /// Where queries stand among the keys: the diagonal of a causal mask, the middle of a window.
  public enum Alignment: Sendable, Hashable {
    /// The last query stands at the last key: earlier keys come from a cache.
    case end
    /// The first query stands at the first key, as under `is_causal` of PyTorch.
    case start
    /// The last query of sequence b stands at the key before `lengths[b]`: keys from there on are
    /// padding, and nobody sees them.
    case lengths([Int])
  }

  /// Everything is visible.
  case none
  /// Query t sees key s when s <= t + S - T (`.end`), s <= t (`.start`), or s <= t + length - T.
  case causal(Alignment)
  /// Query t, at position p = t + S - T (`.end`), t (`.start`) or t + length - T, sees keys
  /// p - left ... p + right; nil is no limit.
  case window(left: Int?, right: Int?, alignment: Alignment = .end)
  /// Queries see the keys of their own block of `length` positions.
  case chunks(of: Int)
  /// Sequence b has this many keys; the rest is padding.
  case keyLengths([Int])
  /// Sequence b has this many queries; the rest is padding and sees nothing.
  case queryLengths([Int])
  /// Keys of sequence b before this place are visible to every query.
  case prefix([Int])
  /// A query sees the keys of its own document: ids of queries `[B][T]` and of keys `[B][S]`.
  case documents(queries: [[Int]], keys: [[Int]])
  /// The keys that each query sees: `[T]` ranges for each sequence, or once for all.
  case ranges([[Range<Int>]])
  /// True where visible; `bool`, broadcastable to `[B, H, T, S]`.
  case dense(Tensor)
  /// Any rule of batch, head, query and key.
  case predicate(@Sendable (_ batch: Int, _ head: Int, _ query: Int, _ key: Int) -> Bool)
  /// A mask whose empty and full tiles are known.
  case blocks(BlockPattern)
  /// Visible by both.
  case and(Mask, Mask)
  /// Visible by either.
  case or(Mask, Mask)

  /// The causal mask of a decoder: aligned to the end of the keys.
  public static var causal: Mask { .causal(.end) }

  /// Documents packed one after the other into one sequence: a query sees keys of its own document,
  /// and of these, where limits are given, those from `left` before to `right` behind its place.
  ///
  ///     Mask.packedDocuments(queries: [0, 3, 5], keys: [0, 3, 5], right: 0)   // causal
  ///
  /// - Parameters:
  ///   - queries: 0, then the end of each document's queries.
  ///   - keys: 0, then the end of each document's keys; the last query of a document stands at its
  ///     last key.
  ///   - left: how many keys before its own place a query sees; nil is no limit.
  ///   - right: how many keys behind it; 0 is causal.
  /// - Precondition: there are as many documents of queries as of keys, and ends do not fall.
  public static func packedDocuments(
    queries: [Int], keys: [Int], left: Int? = nil, right: Int? = nil
  ) -> Mask {
    precondition(
      queries.count == keys.count && queries.first ?? 0 == 0 && keys.first ?? 0 == 0
        && zip(queries, queries.dropFirst()).allSatisfy { $0 <= $1 }
        && zip(keys, keys.dropFirst()).allSatisfy { $0 <= $1 },
      "packedDocuments: ends of queries \(queries) and keys \(keys) do not fit")
    let ranges = queries.indices.dropFirst().flatMap { document in
      let (first, end) = (keys[document - 1], keys[document])
      return (queries[document - 1]..<queries[document]).map { query -> Range<Int> in
        let place = end - (queries[document] - query)
        let low = max(first, left.map { place - $0 } ?? first)
        return low..<max(low, min(end, right.map { place + $0 + 1 } ?? end))
      }
    }
    return .ranges([ranges])
  }

  /// Visible by both masks.
  public static func & (left: Mask, right: Mask) -> Mask {
    switch (left, right) {
    case (.none, let other), (let other, .none): other
    default: .and(left, right)
    }
  }

  /// Visible by either mask.
  public static func | (left: Mask, right: Mask) -> Mask {
    switch (left, right) {
    case (.none, _), (_, .none): .none
    default: .or(left, right)
    }
  }
}
