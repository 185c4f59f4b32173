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
    let ahead: ReadAhead?
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
  /// - Parameters:
  ///   - work: about how many multiply-adds the parts have together; so few that waking a thread would take
  ///     longer are done by the caller alone.
  ///   - order: how threads share the parts out.
  ///   - ahead: what threads that have nothing more to do may ask for.
  package func parallel(
    _ count: Int, work: Int = .max, order: Order = .next, ahead: ReadAhead? = nil,
    _ body: (Int) -> Void
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
        body: { shared($0) }, count: count, order: order, ahead: ahead,
        threads: helpers + 1, places: helpers)
      for run in 0..<open.runCount { cursors.set(run, to: open.run(run)) }
      job.withLock { $0 = open }
      generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
      let asleep = sleepers.load(ordering: .sequentiallyConsistent)
      for _ in 0..<min(asleep, helpers) { wake.signal() }
      takeParts(of: open, first: 0)
      job.withLock { $0 = nil }
      var spins = 0
      var reader = ahead.map { ReadAhead.Reader($0, run: 0, of: helpers + 1) }
      while active.load(ordering: .acquiring) > 0 {
        if reader?.ask() ?? false { continue }
        spins += 1
        if spins > 20_000 { sched_yield() } else { heed_pause() }
      }
    }
  }

  /// `body(0)` to `body(count - 1)`, computed on several threads, in their order.
  package func map<Result>(_ count: Int, _ body: (Int) -> Result) -> [Result] {
    [Result](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let base = buffer.baseAddress else { return }
      parallel(count) { (base + $0).initialize(to: body($0)) }
      initialized = count
    }
  }

  /// Takes parts until none is left: those of run `first` from its beginning, and then what is left of
  /// others from their ends, so that whoever they belong to goes on where memory is already coming.
  private func takeParts(of job: Job, first: Int) {
    let own = first % job.runCount
    while let part = cursors.takeFirst(own) { job.body(part) }
    for turn in 1..<max(job.runCount, 1) {
      let run = (own + turn) % job.runCount
      while let part = cursors.takeLast(run) { job.body(part) }
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
    var reader: ReadAhead.Reader?
    while true {
      waitForWork(after: seen, &reader)
      seen = generation.load(ordering: .sequentiallyConsistent)
      guard let joined = help() else { continue }
      active.wrappingSubtract(1, ordering: .acquiringAndReleasing)
      reader = joined.reader
    }
  }

  /// What is left of a job when a worker has left it.
  private struct Joined {
    let reader: ReadAhead.Reader?
  }

  /// Joins the open job, if it has a place, and takes its parts. A function of its own, so that
  /// every reference to what the job computes is gone when the caller is told that this worker has left
  /// it.
  @inline(never)
  private func help() -> Joined? {
    let joined = job.withLock { job -> Job? in
      guard let open = job, open.places > 0 else { return nil }
      job?.places -= 1
      active.wrappingAdd(1, ordering: .acquiringAndReleasing)
      return open
    }
    guard let joined else { return nil }
    let run = joined.threads - joined.places
    takeParts(of: joined, first: run)
    return Joined(
      reader: joined.ahead.map { ReadAhead.Reader($0, run: run, of: joined.threads) })
  }

  private func waitForWork(after seen: Int, _ reader: inout ReadAhead.Reader?) {
    var spins = 0
    while spins < 30_000 {
      if generation.load(ordering: .acquiring) != seen { return }
      if reader?.ask() ?? false { continue }
      spins += 1
      heed_pause()
    }
    reader = nil
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

  func set(_ index: Int, to parts: Range<Int>) {
    self[index].pointee.store(parts.upperBound << 32 | parts.lowerBound, ordering: .releasing)
  }

  /// The first part of a run that nobody has taken.
  func takeFirst(_ index: Int) -> Int? { take(index) { ($0, $0 + 1, $1) } }

  /// The last part of a run that nobody has taken.
  func takeLast(_ index: Int) -> Int? { take(index) { ($1 - 1, $0, $1 - 1) } }

  @inline(__always)
  private func take(
    _ index: Int, _ choose: (_ first: Int, _ end: Int) -> (part: Int, first: Int, end: Int)
  ) -> Int? {
    let cursor = self[index]
    var known = cursor.pointee.load(ordering: .acquiring)
    while true {
      let (first, end) = (known & 0xffff_ffff, known >> 32)
      guard first < end else { return nil }
      let chosen = choose(first, end)
      let (taken, original) = cursor.pointee.weakCompareExchange(
        expected: known, desired: chosen.end << 32 | chosen.first,
        ordering: .acquiringAndReleasing)
      if taken { return chosen.part }
      known = original
    }
  }
}
