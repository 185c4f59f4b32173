// A mask seen from afar: for each tile of 64 queries and 128 keys, whether nothing, everything or a
// part of it is visible. Masks that are ranges know that by themselves; a predicate or a dense mask
// would have to be asked cell by cell in every layer and every step. The pattern asks once.
//
// Mixed tiles are asked again cell by cell. Keeping their bits instead would make the pattern O(T·S)
// for a mask without structure, which is what `.dense` is for.
//
// Dong et al. 2024, "Flex Attention", arXiv 2412.05496 (its BlockMask).

import HeedTensor

/// Which tiles of a mask are empty, full or mixed: made once, used in every layer and step.
///
///     let pattern = BlockPattern(
///       .predicate { _, _, query, key in key <= query && (query - key) % 64 < 8 },
///       queryCount: 4096, keyCount: 4096)
///     attention(q, k, v, mask: .blocks(pattern))
///
/// Results have the same bits as with the mask itself.
public struct BlockPattern: Sendable {
  /// Queries of a block; tiles of attention may have other counts.
  public static let queriesPerBlock = 64
  /// Keys of a block.
  public static let keysPerBlock = AttentionPlan.blockKeys

  /// What a tile shows.
  public enum Coverage: UInt8, Sendable, Hashable {
    /// Nothing: the tile is skipped.
    case empty
    /// Everything: no cell is asked.
    case full
    /// A part: cells are asked.
    case mixed
  }

  /// Sequences that have tiles of their own; 1 where the mask is the same for all.
  public let batchCount: Int
  /// Query heads that have tiles of their own; 1 where the mask is the same for all.
  public let headCount: Int
  /// Queries.
  public let queryCount: Int
  /// Keys.
  public let keyCount: Int
  /// The mask, asked in mixed tiles.
  let mask: Mask
  /// `[batch, head, query block, key block]`
  private let tiles: [Coverage]

  private var queryBlocks: Int {
    (queryCount + Self.queriesPerBlock - 1) / Self.queriesPerBlock
  }
  private var keyBlocks: Int { (keyCount + Self.keysPerBlock - 1) / Self.keysPerBlock }

  /// Asks `mask` about every tile.
  ///
  /// - Parameters:
  ///   - mask: any mask.
  ///   - batchCount: 1 when the mask is the same for all sequences (it is asked about sequence 0), B
  ///     otherwise.
  ///   - headCount: 1 when the mask is the same for all heads (it is asked about head 0), H otherwise.
  ///   - queryCount: T of the calls it is for.
  ///   - keyCount: S of the calls it is for.
  /// - Complexity: O(batchCount·headCount·T·S) questions at most, on all threads; memory one byte for
  ///   each tile.
  public init(
    _ mask: Mask, batchCount: Int = 1, headCount: Int = 1, queryCount: Int, keyCount: Int
  ) {
    precondition(
      batchCount >= 1 && headCount >= 1 && queryCount >= 0 && keyCount >= 0,
      "BlockPattern: \([batchCount, headCount, queryCount, keyCount])")
    self.batchCount = batchCount
    self.headCount = headCount
    self.queryCount = queryCount
    self.keyCount = keyCount
    let mask = mask.prepared(
      batch: batchCount, heads: headCount, queryCount: queryCount, keyCount: keyCount)
    self.mask = mask
    let lines = (queryCount + Self.queriesPerBlock - 1) / Self.queriesPerBlock
    let columns = (keyCount + Self.keysPerBlock - 1) / Self.keysPerBlock
    let count = batchCount * headCount * lines * columns
    tiles = [Coverage](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress {
        nonisolated(unsafe) let target = base
        ThreadPool.shared.parallel(count) { tile in
          let (row, column) = tile.quotientAndRemainder(dividingBy: columns)
          let (plane, line) = row.quotientAndRemainder(dividingBy: lines)
          let first = line * Self.queriesPerBlock
          let firstKey = column * Self.keysPerBlock
          (target + tile).initialize(
            to: mask.scannedCoverage(
              batch: plane / headCount, head: plane % headCount,
              queries: first..<min(first + Self.queriesPerBlock, queryCount),
              keys: firstKey..<min(firstKey + Self.keysPerBlock, keyCount),
              queryCount: queryCount, keyCount: keyCount))
        }
      }
      initialized = count
    }
  }

  /// How many tiles are of a kind.
  public func count(of coverage: Coverage) -> Int { tiles.count { $0 == coverage } }

  /// What the tile of a query and a key shows.
  public func coverage(batch: Int, head: Int, query: Int, key: Int) -> Coverage {
    let plane = (batchCount == 1 ? 0 : batch) * headCount + (headCount == 1 ? 0 : head)
    let line = plane * queryBlocks + query / Self.queriesPerBlock
    return tiles[line * keyBlocks + key / Self.keysPerBlock]
  }

  /// What queries and keys show that may lie in several tiles.
  func coverage(batch: Int, head: Int, queries: Range<Int>, keys: Range<Int>) -> Coverage {
    guard let query = queries.first, let key = keys.first else { return .empty }
    let first = coverage(batch: batch, head: head, query: query, key: key)
    for line in query / Self.queriesPerBlock...(queries.upperBound - 1) / Self.queriesPerBlock {
      for column in key / Self.keysPerBlock...(keys.upperBound - 1) / Self.keysPerBlock {
        let other = coverage(
          batch: batch, head: head, query: line * Self.queriesPerBlock,
          key: column * Self.keysPerBlock)
        if other != first { return .mixed }
      }
    }
    return first
  }

  /// The keys between the first and the last tile that shows something, for each query, within what
  /// the mask says itself.
  func ranges(batch: Int) -> MaskRanges {
    let batch = batchCount == 1 ? 0 : batch
    let hulls = (0..<queryBlocks).map { line -> (Int, Int) in
      var (low, high) = (keyCount, 0)
      for column in 0..<keyBlocks {
        let isVisible = (0..<headCount).contains { head in
          coverage(
            batch: batch, head: head, query: line * Self.queriesPerBlock,
            key: column * Self.keysPerBlock) != .empty
        }
        if isVisible {
          low = min(low, column * Self.keysPerBlock)
          high = (column + 1) * Self.keysPerBlock
        }
      }
      return (low, high)
    }
    return mask.ranges(batch: batch, queryCount: queryCount, keyCount: keyCount)
      .intersection(MaskRanges(queryCount, keyCount) { hulls[$0 / Self.queriesPerBlock] })
  }
}

extension Mask {
  /// What a tile shows, by asking its cells until that is known.
  fileprivate func scannedCoverage(
    batch: Int, head: Int, queries: Range<Int>, keys: Range<Int>, queryCount: Int, keyCount: Int
  ) -> BlockPattern.Coverage {
    let known = coverage(
      batch: batch, head: head, queries: queries, keys: keys, queryCount: queryCount,
      keyCount: keyCount)
    if known != .mixed { return known }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: keys.count) { cells in
      guard let base = cells.baseAddress else { return .empty }
      var any: UInt8 = 0
      var all: UInt8 = 1
      for query in queries {
        fill(
          base, batch: batch, head: head, query: query, firstKey: keys.lowerBound,
          count: keys.count, queryCount: queryCount, keyCount: keyCount)
        for cell in cells {
          any |= cell
          all &= cell
        }
        if any == 1 && all == 0 { return .mixed }
      }
      return any == 0 ? .empty : .full
    }
  }
}
