/// What two neighbouring tokens merge to: a table from pairs of ids to the rank of the merge and its
/// result.
struct PairTable: Sendable {
  struct Merge: Sendable {
    /// Lower ranks merge first.
    var rank: UInt32
    var id: UInt32
  }

  private struct Slot: Sendable {
    var key: UInt64
    var merge: Merge
  }

  private var slots: ContiguousArray<Slot>
  private var mask: Int
  private(set) var count = 0

  private static let unused = UInt64.max

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = ContiguousArray(
      repeating: Slot(key: Self.unused, merge: Merge(rank: 0, id: 0)), count: size)
    mask = size - 1
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private static func place(_ key: UInt64) -> Int {
    let mixed = key &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 32)
  }

  /// Sets what a pair merges to; of equal pairs the last one counts.
  mutating func set(_ left: Int32, _ right: Int32, _ merge: Merge) {
    if (count + 1) * 2 > slots.count { grow() }
    let key = Self.key(left, right)
    var slot = Self.place(key) & mask
    while slots[slot].key != Self.unused, slots[slot].key != key { slot = (slot + 1) & mask }
    if slots[slot].key == Self.unused { count += 1 }
    slots[slot] = Slot(key: key, merge: merge)
  }

  private mutating func grow() {
    var larger = PairTable(capacity: slots.count)
    for slot in slots where slot.key != Self.unused {
      larger.set(
        Int32(truncatingIfNeeded: slot.key >> 32), Int32(truncatingIfNeeded: slot.key), slot.merge)
    }
    self = larger
  }

  /// What a pair merges to, if it does.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> Merge? {
    let key = Self.key(left, right)
    var slot = Self.place(key) & mask
    while true {
      let entry = slots[slot]
      if entry.key == key { return entry.merge }
      if entry.key == Self.unused { return nil }
      slot = (slot + 1) & mask
    }
  }
}
