import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Buffers that were freed and wait to be used again.
///
/// A training step allocates and frees the same sizes again and again; giving them back to the
/// system each time would cost a page fault and a cleared page for every 4 KB. Buffers under 4 KB
/// go to `malloc` as they are; the others are rounded up to a size class (at most 1/8 more) and
/// kept, as long as the process holds no more than 1.5 times the largest amount that was in use at
/// once. So much because the backward half of a training step wants other sizes than the forward
/// half: with less, each throws away what the other will ask for.
package final class BufferPool: Sendable {
  package static let shared = BufferPool()

  private struct Address: Sendable { let bits: UInt }

  private struct State: Sendable {
    var free: [Int: [Address]] = [:]
    var freeBytes = 0
    var usedBytes = 0
    var peakBytes = 0

    /// What may be held, in use and waiting.
    var limit: Int { peakBytes + peakBytes / 2 }

    /// Buffers that wait, the largest first, until what is held is within the limit.
    mutating func takeSurplus() -> [Address] {
      var surplus: [Address] = []
      while usedBytes + freeBytes > limit,
        let capacity = free.keys.filter({ free[$0]?.isEmpty == false }).max(),
        let address = free[capacity]?.popLast()
      {
        freeBytes -= capacity
        surplus.append(address)
      }
      return surplus
    }
  }

  private let state = Mutex(State())
  private static let smallest = 4096
  private static let hugePage = 2 << 20
  /// MADV_HUGEPAGE, which the C library of Swift does not export.
  private static let adviceHugePages: Int32 = 14

  /// The bytes that a request of `byteCount` really takes.
  package static func capacity(for byteCount: Int) -> Int {
    if byteCount < smallest { return max(64, (byteCount + 63) & ~63) }
    let step = max(4096, 1 << (Int.bitWidth - 1 - byteCount.leadingZeroBitCount - 3))
    return (byteCount + step - 1) / step * step
  }

  package func take(capacity: Int) -> UnsafeMutableRawPointer {
    if capacity >= Self.smallest {
      let (reused, surplus) = state.withLock { state -> (UInt?, [Address]) in
        state.usedBytes += capacity
        state.peakBytes = max(state.peakBytes, state.usedBytes)
        if let address = state.free[capacity]?.popLast() {
          state.freeBytes -= capacity
          return (address.bits, [])
        }
        return (nil, state.takeSurplus())
      }
      for address in surplus { free(UnsafeMutableRawPointer(bitPattern: address.bits)) }
      if let reused, let pointer = UnsafeMutableRawPointer(bitPattern: reused) { return pointer }
    }
    let alignment = capacity >= Self.hugePage ? Self.hugePage : 64
    var pointer: UnsafeMutableRawPointer?
    let status = posix_memalign(&pointer, alignment, capacity)
    guard status == 0, let pointer else {
      preconditionFailure("out of memory: \(capacity) bytes for a tensor")
    }
    #if os(Linux)
      // Fewer page faults and fewer misses of the address cache on large tensors.
      if capacity >= Self.hugePage { madvise(pointer, capacity, Self.adviceHugePages) }
    #endif
    return pointer
  }

  package func give(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
    guard capacity >= Self.smallest else { return free(pointer) }
    let keep = state.withLock { state -> Bool in
      state.usedBytes -= capacity
      guard state.usedBytes + state.freeBytes + capacity <= state.limit else { return false }
      state.free[capacity, default: []].append(Address(bits: UInt(bitPattern: pointer)))
      state.freeBytes += capacity
      return true
    }
    if !keep { free(pointer) }
  }

  /// Gives everything that waits back to the system.
  package func drain() {
    let all = state.withLock { state -> [Address] in
      let all = state.free.values.flatMap { $0 }
      state.free = [:]
      state.freeBytes = 0
      state.peakBytes = state.usedBytes
      return all
    }
    for address in all { free(UnsafeMutableRawPointer(bitPattern: address.bits)) }
  }
}
