// Keys and values of many sequences in pages of one size, as a server wants them: a sequence takes
// memory by the page, gives it back when it ends, and two sequences that begin alike share the pages
// of their beginning. A page that is shared is copied when one of its sequences writes into it.
//
// A page holds all key/value heads of a layer, so that a page number means the same for each head, and
// the keys of each head one after the other, [G, page size, D]: attention goes through a head's keys, and
// with the heads of a position together it would jump from line to line of memory. The alternative, one growing buffer for each sequence (`KeyValueCache`), wastes what
// it reserved ahead and cannot share; it is simpler, and right for one sequence.
//
// Kwon et al. 2023, "Efficient memory management for large language model serving with
// PagedAttention", arXiv 2309.06180.

public import HeedTensor

/// There are not enough free pages. Nothing was changed; end or shorten a sequence and try again.
public struct PagesExhausted: Error, Sendable, Hashable, CustomStringConvertible {
  /// Pages that the call needed.
  public let needed: Int
  /// Pages that were free.
  public let free: Int

  /// The text for people.
  public var description: String { "the cache needs \(needed) more pages, \(free) are free" }
}

/// The pages of one sequence, in order; made and changed by a `PagedKeyValueCache` alone.
///
/// A copy is the same sequence, not a second one: `PagedKeyValueCache.sharing` makes that.
public struct PagedSequence: Sendable, Hashable {
  /// Page numbers: positions `i * page size ..< (i + 1) * page size` lie in `pages[i]`.
  public fileprivate(set) var pages: [Int] = []
  /// Keys of the sequence: the position of the next one.
  public fileprivate(set) var count = 0

  /// An empty sequence.
  public init() {}
}

/// Keys and values of one layer for many sequences, in pages.
///
///     var cache = PagedKeyValueCache(pageCount: 1024, pageSize: 16, headCount: 8, keyWidth: 64)
///     var sequence = PagedSequence()
///     try cache.append(keys: k, values: v, to: &sequence)
///     let out = attention(q, cache, [sequence])
public struct PagedKeyValueCache: Sendable {
  /// The keys of all pages; `[pages, G, page size, D]`.
  public private(set) var keys: Tensor
  /// The values of all pages; `[pages, G, page size, Dv]`.
  public private(set) var values: Tensor
  /// How many sequences hold each page.
  private var holders: [Int]
  /// Free pages; the last one is taken next.
  private var free: [Int]

  /// Pages of zeros.
  ///
  /// - Parameters:
  ///   - pageCount: how many pages there are, for all sequences.
  ///   - pageSize: keys of a page.
  ///   - headCount: key/value heads.
  ///   - keyWidth: width of a key.
  ///   - valueWidth: width of a value; that of a key when nil.
  ///   - elementType: float32 or bfloat16.
  public init(
    pageCount: Int, pageSize: Int, headCount: Int, keyWidth: Int, valueWidth: Int? = nil,
    elementType: ElementType = .float32
  ) {
    precondition(
      pageCount >= 0 && pageSize >= 0 && headCount >= 0 && keyWidth >= 0,
      "PagedKeyValueCache: \(pageCount) pages of \(pageSize), \(headCount) heads of \(keyWidth)")
    self.init(
      keys: Tensor(zeros: [pageCount, headCount, pageSize, keyWidth], elementType),
      values: Tensor(zeros: [pageCount, headCount, pageSize, valueWidth ?? keyWidth], elementType))
  }

  /// Pages over memory that is there, `[pages, G, page size, D]` and `[pages, G, page size, Dv]`; what
  /// they hold does not matter.
  ///
  /// - Parameter order: all page numbers in the order in which they are to be taken; 0, 1, ... when
  ///   nil.
  /// - Precondition: float32 or bfloat16 of fitting shapes, and an order that names each page once.
  public init(keys: Tensor, values: Tensor, order: [Int]? = nil) {
    let order = order ?? Array(0..<(keys.shape.first ?? 0))
    precondition(
      keys.rank == 4 && values.rank == 4 && keys.shape.dropLast() == values.shape.dropLast()
        && keys.shape[2] > 0 && keys.elementType == values.elementType
        && [.float32, .bfloat16].contains(keys.elementType)
        && order.sorted() == Array(0..<keys.shape[0]),
      "PagedKeyValueCache: keys \(keys.elementType) \(keys.shape), values \(values.elementType) "
        + "\(values.shape), order \(order)")
    self.keys = keys.detached().dense()
    self.values = values.detached().dense()
    holders = Array(repeating: 0, count: keys.shape[0])
    free = order.reversed()
  }

  /// Keys of a page.
  public var pageSize: Int { keys.shape[2] }

  /// Pages that no sequence holds.
  public var freePageCount: Int { free.count }

  /// Adds keys `[1, G, n, D]` and values `[1, G, n, Dv]` to the end of a sequence.
  ///
  /// A page that other sequences hold too is copied before it is written.
  ///
  /// - Throws: `PagesExhausted` when there are too few free pages; nothing is changed then.
  public mutating func append(
    keys newKeys: Tensor, values newValues: Tensor, to sequence: inout PagedSequence
  ) throws(PagesExhausted) {
    let (G, D, Dv) = (keys.shape[1], keys.shape[3], values.shape[3])
    let added = newKeys.rank == 4 ? newKeys.shape[2] : 0
    precondition(
      newKeys.shape == [1, G, added, D] && newValues.shape == [1, G, added, Dv],
      "PagedKeyValueCache: keys \(newKeys.shape) and values \(newValues.shape) for pages "
        + "\(keys.shape) and \(values.shape)")
    check([sequence])
    guard added > 0 else { return }
    let isLastShared =
      sequence.count % pageSize != 0 && sequence.pages.last.map { holders[$0] > 1 } == true
    let pageCount = (sequence.count + added + pageSize - 1) / pageSize
    let needed = pageCount - sequence.pages.count + (isLastShared ? 1 : 0)
    guard needed <= free.count else { throw PagesExhausted(needed: needed, free: free.count) }
    if isLastShared, let shared = sequence.pages.popLast() {
      let own = takePage()
      holders[shared] -= 1
      keys.copyPage(shared, to: own)
      values.copyPage(shared, to: own)
      sequence.pages.append(own)
    }
    while sequence.pages.count < pageCount { sequence.pages.append(takePage()) }
    let positions = sequence.count..<sequence.count + added
    keys.writePages(newKeys, positions, sequence)
    values.writePages(newValues, positions, sequence)
    sequence.count += added
  }

  /// A second sequence that begins with the first `count` keys of this one, and shares their pages.
  ///
  /// - Parameter count: all keys when nil.
  public mutating func sharing(_ sequence: PagedSequence, count: Int? = nil) -> PagedSequence {
    check([sequence])
    let count = count ?? sequence.count
    precondition(
      count >= 0 && count <= sequence.count,
      "PagedKeyValueCache: cannot share \(count) of \(sequence.count) keys")
    var result = PagedSequence()
    result.count = count
    result.pages = Array(sequence.pages.prefix((count + pageSize - 1) / pageSize))
    for page in result.pages { holders[page] += 1 }
    return result
  }

  /// Forgets the last keys of a sequence, as when guesses of a draft model are refused; pages that
  /// nobody holds any more become free.
  public mutating func removeLast(_ dropped: Int, of sequence: inout PagedSequence) {
    check([sequence])
    precondition(
      dropped >= 0 && dropped <= sequence.count,
      "PagedKeyValueCache: cannot drop \(dropped) of \(sequence.count) keys")
    sequence.count -= dropped
    let kept = (sequence.count + pageSize - 1) / pageSize
    while sequence.pages.count > kept, let page = sequence.pages.popLast() {
      holders[page] -= 1
      if holders[page] == 0 { free.append(page) }
    }
  }

  /// Ends a sequence: it is empty afterwards.
  public mutating func remove(_ sequence: inout PagedSequence) {
    removeLast(sequence.count, of: &sequence)
  }

  private mutating func takePage() -> Int {
    let page = free.removeLast()
    holders[page] = 1
    return page
  }

  /// Stops a sequence that was ended, or is another cache's.
  func check(_ sequences: [PagedSequence]) {
    for sequence in sequences {
      precondition(
        sequence.pages.count == (sequence.count + pageSize - 1) / pageSize
          && sequence.pages.allSatisfy { $0 < holders.count && holders[$0] > 0 },
        "PagedKeyValueCache: pages \(sequence.pages) of \(sequence.count) keys are not held here")
    }
  }
}

extension Tensor {
  /// Copies a page of `[pages, G, page size, D]` over another.
  fileprivate mutating func copyPage(_ source: Int, to target: Int) {
    makeUnique()
    let bytes = shape[1] * shape[2] * shape[3] * elementType.byteCount
    (rawPointer + target * bytes).copyMemory(from: rawPointer + source * bytes, byteCount: bytes)
  }

  /// Writes rows `[1, G, n, D]` to the positions of a sequence.
  fileprivate mutating func writePages(
    _ rows: Tensor, _ positions: Range<Int>, _ sequence: PagedSequence
  ) {
    makeUnique()
    let source = rows.detached().converted(to: elementType).dense()
    let (groups, pageSize) = (shape[1], shape[2])
    let bytes = shape[3] * elementType.byteCount
    for (i, position) in positions.enumerated() {
      let (page, slot) = position.quotientAndRemainder(dividingBy: pageSize)
      for group in 0..<groups {
        let row = (sequence.pages[page] * groups + group) * pageSize + slot
        (rawPointer + row * bytes).copyMemory(
          from: source.rawPointer + (group * positions.count + i) * bytes, byteCount: bytes)
      }
    }
    withExtendedLifetime(source) {}
  }
}
