public import HeedTensor

/// Which keys a query may see: a value, composed with `&` and `|`.
///
/// A mask says what is *visible*. It is never stored as a matrix unless it was given as one: the
/// attention asks it, tile by tile, whether all, none or some of the tile is visible, and skips
/// what is not.
///
///     let mask: Mask = .causal & .window(left: 255, right: 0) & .keyLengths([17, 32])
public indirect enum Mask: Sendable {
  /// Where the diagonal of a causal mask ends when there are more keys than queries.
  public enum Alignment: Sendable, Hashable {
    /// The last query sees the last key: earlier keys come from a cache.
    case end
    /// The first query sees the first key only, as `is_causal` of PyTorch.
    case start
    /// The last query of sequence b sees the key before `lengths[b]` last: keys from there on are
    /// padding, and nobody sees them.
    case lengths([Int])
  }

  /// Everything is visible.
  case none
  /// Query t sees key s when s <= t + S - T (`.end`), s <= t (`.start`), or s <= t + length - T.
  case causal(Alignment)
  /// Query t, at position p = t + S - T, sees keys p - left ... p + right; nil is no limit.
  case window(left: Int?, right: Int?)
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

  /// Queries and keys of one packed batch of documents, given by cumulative lengths.
  ///
  /// - Parameter cumulativeLengths: 0, then the end of each document.
  public static func packedDocuments(
    queries: [Int], keys: [Int]
  ) -> Mask {
    .documents(queries: [documentIdentifiers(queries)], keys: [documentIdentifiers(keys)])
  }

  /// The document of each place of a packed sequence.
  private static func documentIdentifiers(_ cumulativeLengths: [Int]) -> [Int] {
    zip(cumulativeLengths, cumulativeLengths.dropFirst()).enumerated().flatMap { document, ends in
      [Int](repeating: document, count: ends.1 - ends.0)
    }
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
