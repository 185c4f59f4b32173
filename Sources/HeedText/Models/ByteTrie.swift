/// A tree of byte strings: which of them begin at a place of a text?
///
/// Nodes are numbers; the edges of all nodes lie in one table keyed by node and byte, those of the
/// root, where every search begins, in one of their own.
struct ByteTrie: Sendable {
  private var root: [Int32]
  private var edges: PairTable
  private var values: ContiguousArray<Int32> = [-1]

  init(capacity: Int) {
    root = [Int32](repeating: -1, count: 256)
    edges = PairTable(capacity: capacity)
  }

  /// True when there is no string in it.
  var isEmpty: Bool { values.count == 1 }

  /// Adds a string that is not empty; of equal ones the last value counts.
  mutating func insert(_ text: some Sequence<UInt8>, value: Int32) {
    var node: Int32 = 0
    for byte in text {
      if let next = child(node, byte) {
        node = next
        continue
      }
      let next = Int32(values.count)
      values.append(-1)
      if node == 0 {
        root[Int(byte)] = next
      } else {
        edges.set(node, Int32(byte), .init(rank: 0, id: UInt32(next)))
      }
      node = next
    }
    if node != 0 { values[Int(node)] = value }
  }

  /// The node below `node` (0 is the root) for a byte.
  @inline(__always)
  func child(_ node: Int32, _ byte: UInt8) -> Int32? {
    if node == 0 {
      let next = root[Int(byte)]
      return next < 0 ? nil : next
    }
    return edges.merge(node, Int32(byte)).map { Int32(truncatingIfNeeded: $0.id) }
  }

  /// The value of the string that ends at a node; negative when none does.
  @inline(__always)
  func value(_ node: Int32) -> Int32 { values[Int(node)] }

  /// The longest string that begins at `start`: its value and where it ends.
  func longest(in text: [UInt8], from start: Int, end: Int) -> (value: Int32, end: Int)? {
    var node: Int32 = 0
    var place = start
    var best: (value: Int32, end: Int)?
    while place < end, let next = child(node, text[place]) {
      node = next
      place += 1
      let value = value(node)
      if value >= 0 { best = (value, place) }
    }
    return best
  }
}
