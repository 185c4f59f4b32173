import CHeedKernels
import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Threads that stay alive and share out the parts of one operation.
///
/// Parts are numbered; which thread takes which part is not fixed, what a part computes is. So the
/// results cannot depend on the number of threads. Workers spin for a moment after the last work
/// (the next operation usually follows at once) and then sleep.
public final class ThreadPool: Sendable {
  /// The pool of the process.
  public static let shared = ThreadPool()

  /// The number of processors, or `HEED_THREADS` where it is set.
  public static let defaultThreadCount: Int =
    ComputeEnvironment.threadCount ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

  @TaskLocal private static var limit: Int?

  /// Threads that an operation started here may use.
  public static var threadCount: Int { limit ?? defaultThreadCount }

  /// Runs `body` with operations limited to `count` threads.
  public static func withThreadCount<Result>(
    _ count: Int, _ body: () throws -> Result
  ) rethrows -> Result {
    precondition(count > 0, "withThreadCount: \(count) is not a number of threads")
    return try $limit.withValue(count, operation: body)
  }

  /// How threads share out parts.
  package enum Order: Sendable {
    /// Whoever is free takes the next: neighbouring parts run at about the same time and share what
    /// they read in the last cache.
    case next
    /// Each thread takes a run of neighbours, and then what others have left of theirs: parts that
    /// are read from memory one after the other are streams that the processor foresees.
    case runs
  }

  private struct Job: Sendable {
    let body: @Sendable (Int) -> Void
    let count: Int
    let order: Order
    /// Threads that were asked for.
    let threads: Int
    /// Workers that may still join.
    var places: Int

    var runCount: Int { order == .next ? 1 : threads }

    /// The parts of one run.
    func run(_ index: Int) -> Range<Int> {
      index * count / runCount..<(index + 1) * count / runCount
    }
  }

  /// The open job, if any. A worker joins under the lock, so that a late one never touches a job
  /// whose caller has gone.
  private let job = Mutex<Job?>(nil)
  /// Counts jobs; what idle workers watch.
  private let generation = Atomic<Int>(0)
  /// The next part of each run of the open job that nobody has taken; one run where the order is
  /// `next`. A cache line apart.
  private let cursors = Cursors()
  /// Workers that joined the open job and have not left it.
  private let active = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let wake = DispatchSemaphore(value: 0)
  private let workerCount = Mutex<Int>(0)
  /// One operation at a time; a second caller, or an operation inside a part, runs its own parts.
  private let busy = Atomic<Bool>(false)

  private init() {}

  /// Calls `body(0)` to `body(count - 1)`, on several threads; returns when all are done.
  ///
  /// `body` runs concurrently with itself: different parts must write to different places.
  ///
  /// - Parameter work: about how many multiply-adds the parts have together; so few that waking a
  ///   thread would take longer are done by the caller alone.
  package func parallel(
    _ count: Int, work: Int = .max, order: Order = .next, _ body: (Int) -> Void
  ) {
    let helpers =
      work < 1 << 17 ? 0 : min(Self.threadCount, count, ComputeEnvironment.mostThreads) - 1
    guard helpers > 0,
      busy.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing)
        .exchanged
    else {
      for part in 0..<max(count, 0) { body(part) }
      return
    }
    defer { busy.store(false, ordering: .releasing) }
    startWorkers(helpers)
    withoutActuallyEscaping(body) { body in
      // The closure is called from several threads although it is not marked so: its callers in
      // this package write disjoint memory (see `Storage`), and no worker keeps it past this call.
      nonisolated(unsafe) let shared = body
      let open = Job(
        body: { shared($0) }, count: count, order: order, threads: helpers + 1, places: helpers)
      for run in 0..<open.runCount { cursors.set(run, to: open.run(run).lowerBound) }
      job.withLock { $0 = open }
      generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
      let asleep = sleepers.load(ordering: .sequentiallyConsistent)
      for _ in 0..<min(asleep, helpers) { wake.signal() }
      takeParts(of: open, first: 0)
      job.withLock { $0 = nil }
      var spins = 0
      while active.load(ordering: .acquiring) > 0 {
        spins += 1
        if spins > 20_000 { sched_yield() } else { heed_pause() }
      }
    }
  }

  /// Takes parts until none is left, beginning with run `first`.
  private func takeParts(of job: Job, first: Int) {
    for turn in 0..<job.runCount {
      let run = (first + turn) % job.runCount
      let end = job.run(run).upperBound
      while true {
        let part = cursors.advance(run)
        if part >= end { break }
        job.body(part)
      }
    }
  }

  private func startWorkers(_ wanted: Int) {
    let missing = workerCount.withLock { count -> Range<Int> in
      let range = count..<max(count, wanted)
      count = range.upperBound
      return range
    }
    let start = generation.load(ordering: .sequentiallyConsistent)
    for worker in missing {
      DispatchQueue(label: "heed.worker.\(worker)", qos: .userInitiated).async {
        ThreadPool.shared.work(since: start)
      }
    }
  }

  private func work(since start: Int) {
    var seen = start
    while true {
      waitForWork(after: seen)
      seen = generation.load(ordering: .sequentiallyConsistent)
      if help() { active.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
    }
  }

  /// Joins the open job, if it has a place, and takes its parts. A function of its own, so that
  /// every reference to the job is gone when the caller is told that this worker has left it.
  @inline(never)
  private func help() -> Bool {
    let joined = job.withLock { job -> Job? in
      guard let open = job, open.places > 0 else { return nil }
      job?.places -= 1
      active.wrappingAdd(1, ordering: .acquiringAndReleasing)
      return open
    }
    guard let joined else { return false }
    takeParts(of: joined, first: joined.threads - joined.places)
    return true
  }

  private func waitForWork(after seen: Int) {
    for _ in 0..<30_000 {
      if generation.load(ordering: .acquiring) != seen { return }
      heed_pause()
    }
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while generation.load(ordering: .sequentiallyConsistent) == seen { wake.wait() }
    sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }
}

/// Counters that threads advance, each in a cache line of its own.
private struct Cursors: Sendable {
  private static let step = 64
  private let storage = Storage(byteCount: ComputeEnvironment.mostThreads * Cursors.step)

  init() {
    for index in 0..<ComputeEnvironment.mostThreads { self[index].initialize(to: Atomic(0)) }
  }

  private subscript(index: Int) -> UnsafeMutablePointer<Atomic<Int>> {
    (storage.base + index * Self.step).assumingMemoryBound(to: Atomic<Int>.self)
  }

  func set(_ index: Int, to value: Int) { self[index].pointee.store(value, ordering: .releasing) }

  /// The value before.
  func advance(_ index: Int) -> Int {
    self[index].pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
  }
}
