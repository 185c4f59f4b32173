import HeedTensor

extension Mask {
  /// Visibility of keys `firstKey ..< firstKey + count` for one query, into `cells` (1 = visible).
  func fill(
    _ cells: UnsafeMutablePointer<UInt8>, batch: Int, head: Int, query: Int, firstKey: Int,
    count: Int, queryCount T: Int, keyCount S: Int
  ) {
    switch self {
    case .documents(let queries, let keys):
      let document = queries[batch][query]
      for i in 0..<count { cells[i] = keys[batch][firstKey + i] == document ? 1 : 0 }
    case .dense(let tensor):
      let strides = DenseView(tensor, rank: 4).strides
      let row =
        tensor.pointer(to: Bool.self) + batch * strides[0] + head * strides[1]
        + query * strides[2] + firstKey * strides[3]
      for i in 0..<count { cells[i] = row[i * strides[3]] ? 1 : 0 }
    case .predicate(let isVisible):
      for i in 0..<count { cells[i] = isVisible(batch, head, query, firstKey + i) ? 1 : 0 }
    case .blocks(let pattern):
      let coverage = pattern.coverage(
        batch: batch, head: head, queries: query..<query + 1, keys: firstKey..<firstKey + count)
      if coverage == .mixed {
        pattern.mask.fill(
          cells, batch: pattern.batchCount == 1 ? 0 : batch,
          head: pattern.headCount == 1 ? 0 : head, query: query, firstKey: firstKey, count: count,
          queryCount: T, keyCount: S)
      } else {
        cells.update(repeating: coverage == .full ? 1 : 0, count: count)
      }
    case .and(let left, let right):
      combine(left, right) { $0 & $1 }
    case .or(let left, let right):
      combine(left, right) { $0 | $1 }
    case .none, .causal, .window, .chunks, .keyLengths, .queryLengths, .prefix, .ranges:
      let (low, high) = keys(of: query, batch: batch, queryCount: T, keyCount: S) ?? (0, S)
      for i in 0..<count { cells[i] = firstKey + i >= low && firstKey + i < high ? 1 : 0 }
    }

    func combine(_ left: Mask, _ right: Mask, _ operation: (UInt8, UInt8) -> UInt8) {
      func fill(_ mask: Mask, _ target: UnsafeMutablePointer<UInt8>) {
        mask.fill(
          target, batch: batch, head: head, query: query, firstKey: firstKey, count: count,
          queryCount: T, keyCount: S)
      }
      fill(left, cells)
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { other in
        guard let base = other.baseAddress else { return }
        fill(right, base)
        for i in 0..<count { cells[i] = operation(cells[i], base[i]) }
      }
    }
  }

  /// True when the rule is the same for every sequence of the batch.
  var isSameForAllSequences: Bool {
    switch self {
    case .none, .causal(.end), .causal(.start), .chunks: true
    case .window(_, _, .end), .window(_, _, .start): true
    case .causal(.lengths), .window(_, _, .lengths), .keyLengths, .queryLengths, .prefix,
      .documents, .predicate:
      false
    case .ranges(let ranges): ranges.count == 1
    case .dense(let tensor): DenseView(tensor, rank: 4).strides[0] == 0
    case .blocks(let pattern): pattern.batchCount == 1
    case .and(let left, let right), .or(let left, let right):
      left.isSameForAllSequences && right.isSameForAllSequences
    }
  }

  /// This mask with its tensors dense, checked against the shape of the scores.
  func prepared(batch B: Int, heads H: Int, queryCount T: Int, keyCount S: Int) -> Mask {
    switch self {
    case .dense(let tensor):
      precondition(
        tensor.elementType == .bool && tensor.rank <= 4
          && zip(tensor.shape.reversed(), [S, T, H, B]).allSatisfy { $0 == $1 || $0 == 1 },
        "attention: a dense mask \(tensor.elementType) \(tensor.shape) does not broadcast to "
          + "\([B, H, T, S])")
      return .dense(tensor.dense())
    case .causal(.lengths(let lengths)), .window(_, _, .lengths(let lengths)),
      .keyLengths(let lengths), .queryLengths(let lengths), .prefix(let lengths):
      precondition(
        lengths.count == B, "attention: \(lengths.count) lengths in the mask for \(B) sequences")
      return self
    case .documents(let queries, let keys):
      precondition(
        queries.count == B && keys.count == B && queries.allSatisfy { $0.count == T }
          && keys.allSatisfy { $0.count == S },
        "attention: document ids do not fit queries \([B, T]) and keys \([B, S])")
      return self
    case .ranges(let ranges):
      precondition(
        (ranges.count == 1 || ranges.count == B) && ranges.allSatisfy { $0.count == T },
        "attention: ranges of \(ranges.map(\.count)) queries in the mask for \([B, T])")
      return self
    case .blocks(let pattern):
      precondition(
        pattern.queryCount == T && pattern.keyCount == S
          && (pattern.batchCount == 1 || pattern.batchCount == B)
          && (pattern.headCount == 1 || pattern.headCount == H),
        "attention: a block pattern for "
          + "\([pattern.batchCount, pattern.headCount, pattern.queryCount, pattern.keyCount]) does "
          + "not fit \([B, H, T, S])")
      return self
    case .and(let left, let right):
      return .and(
        left.prepared(batch: B, heads: H, queryCount: T, keyCount: S),
        right.prepared(batch: B, heads: H, queryCount: T, keyCount: S))
    case .or(let left, let right):
      return .or(
        left.prepared(batch: B, heads: H, queryCount: T, keyCount: S),
        right.prepared(batch: B, heads: H, queryCount: T, keyCount: S))
    default:
      return self
    }
  }
}
