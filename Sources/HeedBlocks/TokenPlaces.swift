import HeedAttention
import HeedTensor

/// The memory behind the places of tokens, for one pass.
package struct TokenPlaces: ~Copyable {
  private var memory: [UnsafeMutableRawPointer] = []
  /// The table that the block before read, and where it was copied to.
  private var last: (table: UnsafePointer<Float>, place: TokenPlace)?

  package init() {}

  deinit { for memory in memory { memory.deallocate() } }

  /// Memory for what the tokens of a block see.
  mutating func rows(_ count: Int) -> UnsafeMutablePointer<CachedRows> {
    let rows = UnsafeMutablePointer<CachedRows>.allocate(capacity: count)
    memory.append(UnsafeMutableRawPointer(rows))
    return rows
  }

  mutating func addAngles(of table: BlockContext.RotaryTable, to place: inout TokenPlace) {
    let count = table.cosines.count
    table.cosines.withUnsafeBufferPointer { cosines in
      guard let first = cosines.baseAddress else { return }
      if let last, last.table == first {
        (place.cosines, place.sines) = (last.place.cosines, last.place.sines)
        return
      }
      let copy = UnsafeMutablePointer<Float>.allocate(capacity: 2 * count)
      copy.initialize(from: first, count: count)
      (copy + count).initialize(from: table.sines, count: count)
      memory.append(UnsafeMutableRawPointer(copy))
      (place.cosines, place.sines) = (UnsafePointer(copy), UnsafePointer(copy + count))
      last = (first, place)
    }
  }
}
