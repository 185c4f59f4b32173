import HeedTensor

extension Mask {
  /// The keys that a query sees, where the mask is one range for each query, whatever the head; nil
  /// for other masks. The range may reach beyond the keys that exist.
  func keys(
    of query: Int, batch: Int, queryCount T: Int, keyCount S: Int
  ) -> (low: Int, high: Int)? {
    /// Where the query stands, and the end of the keys that are no padding.
    func place(_ alignment: Alignment) -> (place: Int, end: Int) {
      switch alignment {
      case .end: (query + S - T, S)
      case .start: (query, S)
      case .lengths(let lengths): (query + lengths[batch] - T, lengths[batch])
      }
    }
    switch self {
    case .none: return (0, S)
    case .causal(let alignment):
      let (place, end) = place(alignment)
      return (0, min(end, place + 1))
    case .window(let left, let right, let alignment):
      let (place, end) = place(alignment)
      return (left.map { place - $0 } ?? 0, right.map { min(end, place + $0 + 1) } ?? end)
    case .ranges(let ranges):
      let range = ranges[ranges.count == 1 ? 0 : batch][query]
      return (range.lowerBound, range.upperBound)
    case .chunks(let length):
      let start = max(query + S - T, 0) / length * length
      return (start, start + length)
    case .keyLengths(let lengths), .prefix(let lengths): return (0, lengths[batch])
    case .queryLengths(let lengths): return (0, query < lengths[batch] ? S : 0)
    case .documents, .dense, .predicate, .blocks, .and, .or: return nil
    }
  }

  /// Whether a tile shows nothing, everything or a part, as far as that is known without asking for
  /// cells: `.mixed` where it is not.
  func coverage(
    batch: Int, head: Int, queries: Range<Int>, keys: Range<Int>, queryCount T: Int,
    keyCount S: Int
  ) -> BlockPattern.Coverage {
    func part(_ mask: Mask) -> BlockPattern.Coverage {
      mask.coverage(
        batch: batch, head: head, queries: queries, keys: keys, queryCount: T, keyCount: S)
    }
    switch self {
    case .documents, .dense, .predicate: return .mixed
    case .blocks(let pattern):
      return pattern.coverage(batch: batch, head: head, queries: queries, keys: keys)
    case .and(let left, let right):
      let (left, right) = (part(left), part(right))
      if left == .empty || right == .empty { return .empty }
      return left == .full && right == .full ? .full : .mixed
    case .or(let left, let right):
      let (left, right) = (part(left), part(right))
      if left == .full || right == .full { return .full }
      return left == .empty && right == .empty ? .empty : .mixed
    default:
      var isEmpty = true
      var isFull = true
      for query in queries {
        let range = self.keys(of: query, batch: batch, queryCount: T, keyCount: S)
        guard let (low, high) = range else { return .mixed }
        if max(low, keys.lowerBound) < min(high, keys.upperBound) { isEmpty = false }
        if low > keys.lowerBound || high < keys.upperBound { isFull = false }
      }
      return isEmpty ? .empty : isFull ? .full : .mixed
    }
  }
}
