import HeedTensor

/// For each query of one sequence, a range of keys outside which nothing is visible.
///
/// Most masks *are* one range for each query (causal, windows, lengths, prefixes, packed
/// documents), and the intersection of ranges is a range. So the fused attention works with ranges,
/// and asks for single cells only where `exact` is false.
struct MaskRanges: Sendable {
  var low: [Int32]
  var high: [Int32]
  /// True when everything within the ranges is visible.
  var exact: Bool

  init(low: [Int32], high: [Int32], exact: Bool = true) {
    self.low = low
    self.high = high
    self.exact = exact
  }

  /// `range(t)` for each of `queryCount` queries, cut to the keys that exist.
  init(_ queryCount: Int, _ keyCount: Int, exact: Bool = true, _ range: (Int) -> (Int, Int)) {
    self.init(low: [], high: [], exact: exact)
    low.reserveCapacity(queryCount)
    high.reserveCapacity(queryCount)
    for query in 0..<queryCount {
      let (first, end) = range(query)
      let start = min(max(first, 0), keyCount)
      low.append(Int32(start))
      high.append(Int32(max(start, min(end, keyCount))))
    }
  }

  static func all(_ queryCount: Int, _ keyCount: Int, exact: Bool = true) -> MaskRanges {
    MaskRanges(queryCount, keyCount, exact: exact) { _ in (0, keyCount) }
  }

  func intersection(_ other: MaskRanges) -> MaskRanges {
    var result = self
    result.exact = exact && other.exact
    for t in low.indices {
      result.low[t] = max(low[t], other.low[t])
      result.high[t] = max(result.low[t], min(high[t], other.high[t]))
    }
    return result
  }

  /// The hull; exact when both are and no gap lies between them for any query.
  func union(_ other: MaskRanges) -> MaskRanges {
    var result = self
    result.exact = exact && other.exact
    for t in low.indices {
      if other.low[t] == other.high[t] { continue }
      if low[t] == high[t] {
        result.low[t] = other.low[t]
        result.high[t] = other.high[t]
        continue
      }
      result.low[t] = min(low[t], other.low[t])
      result.high[t] = max(high[t], other.high[t])
      if max(low[t], other.low[t]) > min(high[t], other.high[t]) { result.exact = false }
    }
    return result
  }
}

extension Mask {
  /// The ranges of sequence `batch`.
  func ranges(batch: Int, queryCount T: Int, keyCount S: Int) -> MaskRanges {
    switch self {
    case .documents(let queries, let keys):
      return Mask.documentRanges(queries[batch], keys[batch])
    case .dense(let tensor):
      return Mask.denseRanges(tensor, batch, T, S)
    case .predicate:
      return .all(T, S, exact: false)
    case .blocks(let pattern):
      return pattern.ranges(batch: batch)
    case .and(let left, let right):
      return left.ranges(batch: batch, queryCount: T, keyCount: S)
        .intersection(right.ranges(batch: batch, queryCount: T, keyCount: S))
    case .or(let left, let right):
      return left.ranges(batch: batch, queryCount: T, keyCount: S)
        .union(right.ranges(batch: batch, queryCount: T, keyCount: S))
    case .none, .causal, .window, .chunks, .keyLengths, .queryLengths, .prefix, .ranges:
      return MaskRanges(T, S) {
        keys(of: $0, batch: batch, queryCount: T, keyCount: S) ?? (0, S)
      }
    }
  }

  /// First and last key of each document; exact where its keys lie together.
  private static func documentRanges(_ queries: [Int], _ keys: [Int]) -> MaskRanges {
    var places: [Int: (first: Int, end: Int, count: Int)] = [:]
    for (place, document) in keys.enumerated() {
      let known = places[document] ?? (place, place, 0)
      places[document] = (known.first, place + 1, known.count + 1)
    }
    let together = places.values.allSatisfy { $0.end - $0.first == $0.count }
    return MaskRanges(queries.count, keys.count, exact: together) { query in
      guard let place = places[queries[query]] else { return (0, 0) }
      return (place.first, place.end)
    }
  }

  /// The hull of what a dense mask shows; exact for masks that are one run for each query and the
  /// same for all heads (padding, most of all).
  private static func denseRanges(_ tensor: Tensor, _ batch: Int, _ T: Int, _ S: Int) -> MaskRanges
  {
    let view = DenseView(tensor, rank: 4)
    guard view.strides[1] == 0 else { return .all(T, S, exact: false) }
    let cells = tensor.pointer(to: Bool.self)
    var exact = true
    let sameForAll = view.strides[2] == 0
    var last = (0, 0)
    let result = MaskRanges(T, S) { t in
      if sameForAll && t > 0 { return last }
      let row = cells + batch * view.strides[0] + t * view.strides[2]
      let step = view.strides[3]
      var first = 0
      while first < S, !row[first * step] { first += 1 }
      var end = S
      while end > first, !row[(end - 1) * step] { end -= 1 }
      if exact {
        for key in first..<end where !row[key * step] {
          exact = false
          break
        }
      }
      last = (first, end)
      return last
    }
    return MaskRanges(low: result.low, high: result.high, exact: exact)
  }
}

/// A tensor seen as one of higher rank by broadcasting: strides are 0 along broadcast axes.
struct DenseView: Sendable {
  let strides: [Int]

  init(_ tensor: Tensor, rank: Int) {
    precondition(tensor.rank <= rank, "\(tensor.shape) has more than \(rank) axes")
    let missing = rank - tensor.rank
    strides = (0..<rank).map { axis in
      axis < missing || tensor.shape[axis - missing] == 1 ? 0 : tensor.strides[axis - missing]
    }
  }
}
