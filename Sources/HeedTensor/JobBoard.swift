import Synchronization

/// Where the threads of a pool meet: the open job, who has joined it, and who has left it, without locks.
///
/// Things that different threads write lie on cache lines of their own: who waits at one of them is not
/// disturbed by those who write to another. A worker that has joined a job may read it until it leaves; the
/// caller waits for all who joined, so a job's memory is never read after its caller has gone.
struct JobBoard<Job: BitwiseCopyable>: Sendable {
  private static var line: Int { 128 }
  private static var jobPlace: Int { 16 }
  private let storage: Storage

  init() {
    storage = Storage(byteCount: 6 * Self.line + Self.jobPlace + MemoryLayout<Job>.stride)
    place(0, UInt64.self).initialize(to: Atomic(0))
    left.initialize(to: Atomic(0))
    sleepers.initialize(to: Atomic(0))
    busy.initialize(to: Atomic(false))
    workers.initialize(to: Atomic(0))
  }

  private func place<Value: AtomicRepresentable>(
    _ line: Int, _: Value.Type
  ) -> UnsafeMutablePointer<Atomic<Value>> {
    (storage.base + line * Self.line).assumingMemoryBound(to: Atomic<Value>.self)
  }

  /// Workers that have left the job.
  var left: UnsafeMutablePointer<Atomic<Int>> { place(1, Int.self) }
  /// Workers that sleep.
  var sleepers: UnsafeMutablePointer<Atomic<Int>> { place(2, Int.self) }
  /// Whether somebody has the pool.
  var busy: UnsafeMutablePointer<Atomic<Bool>> { place(3, Bool.self) }
  /// Workers that were started.
  var workers: UnsafeMutablePointer<Atomic<Int>> { place(4, Int.self) }

  /// What workers watch; the job is on the same line.
  private var door: UnsafeMutablePointer<Atomic<UInt64>> { place(5, UInt64.self) }

  private func notice() -> Notice {
    Notice(word: door.pointee.load(ordering: .sequentiallyConsistent))
  }

  /// Workers that have joined the job.
  var joined: Int { Int(notice().joined) }

  /// Counts jobs.
  var generation: UInt64 { notice().generation }

  /// The job: for its caller, and for those who joined it.
  var job: UnsafeMutablePointer<Job> {
    (storage.base + 5 * Self.line + Self.jobPlace).assumingMemoryBound(to: Job.self)
  }

  /// Opens a job for at most `places` workers.
  ///
  /// - Precondition: the caller has the pool, and the job before is closed and left by all.
  func open(_ new: Job, places: Int) {
    left.pointee.store(0, ordering: .relaxed)
    job.initialize(to: new)
    let next = Notice(generation: generation &+ 1, places: UInt64(places))
    door.pointee.store(next.word, ordering: .sequentiallyConsistent)
  }

  /// Lets nobody in any more.
  ///
  /// - Returns: how many have joined.
  func close() -> Int {
    let closed = Notice(generation: generation, places: 0)
    let last = door.pointee.exchange(closed.word, ordering: .acquiringAndReleasing)
    return Int(Notice(word: last).joined)
  }

  /// Joins job number `generation`.
  ///
  /// - Returns: 1 for the first who joins, and so on; nil where it is closed or has no place.
  func join(_ generation: UInt64) -> Int? {
    var known = notice()
    while known.generation == generation, known.places > 0 {
      let next = Notice(
        generation: generation, places: known.places - 1, joined: known.joined + 1)
      let (joined, original) = door.pointee.weakCompareExchange(
        expected: known.word, desired: next.word, ordering: .acquiringAndReleasing)
      if joined { return Int(next.joined) }
      known = Notice(word: original)
    }
    return nil
  }
}

/// What is written on the door: the number of the job, places that are left, and how many have joined.
private struct Notice {
  static let bits: UInt64 = 12
  static let mask: UInt64 = 1 << bits - 1
  let word: UInt64

  init(word: UInt64) { self.word = word }

  init(generation: UInt64, places: UInt64, joined: UInt64 = 0) {
    word = generation << (2 * Self.bits) | places << Self.bits | joined
  }

  var generation: UInt64 { word >> (2 * Self.bits) }
  var places: UInt64 { word >> Self.bits & Self.mask }
  var joined: UInt64 { word & Self.mask }
}
