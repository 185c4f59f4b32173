import CHeedKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Threads that go through one program together: each does what all need for itself, shares of what they can
/// divide, and meets the others where a share ends.
///
/// To hand a job to a waiting thread takes several trips of a cache line from core to core, one behind the
/// other: the job, its closure, what that refers to. A thread that runs the same program knows what comes
/// next, and has asked memory for it while it waited; what is left is one trip at each meeting.
package struct ThreadTeam: Sendable {
  private let storage: Storage
  private static let line = 128

  init() {
    storage = Storage(byteCount: (2 * ComputeEnvironment.mostThreads + 1) * Self.line)
    size.initialize(to: Atomic(0))
  }

  /// Its members, once that is settled; 0 before.
  var size: UnsafeMutablePointer<Atomic<Int>> {
    storage.base.assumingMemoryBound(to: Atomic<Int>.self)
  }

  /// Begins anew, for at most `count` members.
  func reset(_ count: Int) {
    size.pointee.store(0, ordering: .relaxed)
    let lines = storage.base + Self.line
    for index in 0..<2 * count {
      (lines + index * Self.line).assumingMemoryBound(to: Atomic<UInt64>.self)
        .initialize(to: Atomic(0))
    }
  }

  /// Member `index` of a team whose size is settled.
  func member(_ index: Int) -> Member {
    Member(
      index: index, count: size.pointee.load(ordering: .acquiring),
      lines: storage.base + Self.line)
  }

  /// One of the threads.
  package struct Member: @unchecked Sendable, BitwiseCopyable {
    package let index: Int
    package let count: Int
    /// Two lines for each member: what is left of its run, and the last share that it is through with.
    /// Nil for one that is alone and lets the pool share.
    private let lines: UnsafeMutableRawPointer?
    private var stage: UInt64 = 0

    fileprivate init(index: Int, count: Int, lines: UnsafeMutableRawPointer?) {
      self.index = index
      self.count = count
      self.lines = lines
    }

    /// The only one, which leaves it to the pool to share.
    package static let alone = Member(index: 0, count: 1, lines: nil)

    /// Whether the parts of a share may run on other threads than those that call it.
    package var isAlone: Bool { lines == nil }

    /// Threads that a share is for.
    package var runCount: Int { lines == nil ? ThreadPool.threadCount : count }

    /// Calls `body(0)` to `body(partCount - 1)`, each by one member: those of its own run, and then what
    /// others have left of theirs. All members call it, with parts that do the same; it returns when all
    /// parts are done.
    ///
    /// - Parameters:
    ///   - work: about how many multiply-adds the parts have together.
    ///   - ahead: what is asked for by those who wait for others.
    /// - Precondition: there are fewer than 2^16 parts.
    package mutating func share(
      _ partCount: Int, work: Int = .max, ahead: ReadAhead? = nil, _ body: (Int) -> Void
    ) {
      guard let lines else {
        return ThreadPool.shared.parallel(
          partCount, work: work, order: .runs, ahead: ahead, body)
      }
      precondition(partCount < 1 << 16, "share: \(partCount) parts")
      stage += 1
      while let part = take(index, partCount, lines, fromEnd: false) { body(part) }
      for turn in 1..<max(count, 1) {
        let other = (index + turn) % count
        while let part = take(other, partCount, lines, fromEnd: true) { body(part) }
      }
      done(index, lines).pointee.store(stage, ordering: .releasing)
      var reader = ahead.map { ReadAhead.Reader($0, run: index, of: count) }
      for turn in 1..<max(count, 1) {
        let other = done((index + turn) % count, lines)
        var spins = 0
        while other.pointee.load(ordering: .acquiring) < stage {
          if reader?.ask() ?? false { continue }
          spins += 1
          if spins > 20_000 { sched_yield() } else { heed_pause() }
        }
      }
    }

    private func done(
      _ member: Int, _ lines: UnsafeMutableRawPointer
    ) -> UnsafeMutablePointer<Atomic<UInt64>> {
      (lines + (2 * member + 1) * ThreadTeam.line).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// A part of the run of a member. What is left of it stands on its line behind the number of the
    /// share, so that it need not be written before: a run of which nobody has taken anything is whole.
    @inline(__always)
    private func take(
      _ member: Int, _ partCount: Int, _ lines: UnsafeMutableRawPointer, fromEnd: Bool
    ) -> Int? {
      let line = (lines + 2 * member * ThreadTeam.line)
        .assumingMemoryBound(to: Atomic<UInt64>.self)
      var known = line.pointee.load(ordering: .acquiring)
      while true {
        var first = member * partCount / count
        var end = (member + 1) * partCount / count
        if known >> 32 == stage {
          first = Int(known >> 16 & 0xffff)
          end = Int(known & 0xffff)
        }
        guard first < end else { return nil }
        let part = fromEnd ? end - 1 : first
        if fromEnd { end -= 1 } else { first += 1 }
        let (taken, original) = line.pointee.weakCompareExchange(
          expected: known, desired: stage << 32 | UInt64(first) << 16 | UInt64(end),
          ordering: .acquiringAndReleasing)
        if taken { return part }
        known = original
      }
    }
  }
}
