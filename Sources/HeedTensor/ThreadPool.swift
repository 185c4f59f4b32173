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
  package enum Order: Sendable, BitwiseCopyable {
    /// Whoever is free takes the next: neighbouring parts run at about the same time and share what
    /// they read in the last cache.
    case next
    /// Each thread takes a run of neighbours, and then what others have left of theirs: parts that
    /// are read from memory one after the other are streams that the processor foresees.
    case runs
  }

  private struct Job: BitwiseCopyable {
    /// In the frame of the caller, who waits for all who joined.
    let body: UnsafePointer<Body>
    let count: Int
    let order: Order
    /// Threads that were asked for.
    let threads: Int
    let ahead: ReadAhead?
    /// Whether each who joins does one part, together with the others.
    var isTeam = false

    var runCount: Int { order == .next ? 1 : threads }

    /// The parts of one run.
    func run(_ index: Int) -> Range<Int> {
      index * count / runCount..<(index + 1) * count / runCount
    }
  }

  /// A stored closure is called as it is; one behind a pointer of its own would be wrapped.
  private struct Body {
    let call: (Int) -> Void
  }

  /// The open job; who has joined it and who has left it.
  private let board = JobBoard<Job>()
  /// The next part of each run of the open job that nobody has taken; one run where the order is
  /// `next`.
  private let cursors = Cursors()
  private let wake = DispatchSemaphore(value: 0)
  private let starting = Mutex<Void>(())
  private let team = ThreadTeam()

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
    guard helpers > 0, begin(helpers) else {
      for part in 0..<max(count, 0) { body(part) }
      return
    }
    defer { board.busy.pointee.store(false, ordering: .releasing) }
    withoutActuallyEscaping(body) { body in
      // Called from several threads although it is not marked so: callers in this package write
      // disjoint memory (see `Storage`), and no worker keeps it past this call.
      withUnsafePointer(to: Body(call: body)) { body in
        let open = Job(
          body: body, count: count, order: order, threads: helpers + 1, ahead: ahead)
        for run in 0..<open.runCount { cursors.set(run, to: open.run(run)) }
        show(open, to: helpers)
        takeParts(of: open, first: 0)
        finish(board.close(), ahead.map { ReadAhead.Reader($0, run: 0, of: helpers + 1) })
      }
    }
  }

  /// Calls `body` on several threads at once, which then divide among them what it shares; returns when all
  /// are through. One that is not there soon is left out; where there is only one, it is alone.
  ///
  /// - Parameter ahead: what workers ask for afterwards.
  package func together(ahead: ReadAhead? = nil, _ body: (ThreadTeam.Member) -> Void) {
    let helpers =
      min(Self.threadCount, Self.processorCount, ComputeEnvironment.mostThreads) - 1
    guard helpers > 0, begin(helpers) else { return body(.alone) }
    var size = 1
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: Body { body(self.team.member($0)) }) { call in
        team.reset(helpers + 1)
        show(
          Job(
            body: call, count: helpers + 1, order: .runs, threads: helpers + 1, ahead: ahead,
            isTeam: true), to: helpers)
        var spins = 0
        while board.joined < helpers, spins < Self.patience {
          spins += 1
          heed_pause()
        }
        let joined = board.close()
        size = joined + 1
        team.size.pointee.store(size, ordering: .releasing)
        if joined > 0 { call.pointee.call(0) }
        finish(joined, nil)
      }
    }
    board.busy.pointee.store(false, ordering: .releasing)
    if size == 1 { body(.alone) }
  }

  private static let processorCount = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  /// Looks at who has joined a team: tens of microseconds, in which a thread that sleeps wakes up.
  private static let patience = 4000

  /// Whether the pool is the caller's now, with at least `helpers` workers.
  private func begin(_ helpers: Int) -> Bool {
    let isMine = board.busy.pointee.compareExchange(
      expected: false, desired: true, ordering: .acquiringAndReleasing
    ).exchanged
    if isMine, board.workers.pointee.load(ordering: .relaxed) < helpers { startWorkers(helpers) }
    return isMine
  }

  private func show(_ job: Job, to helpers: Int) {
    board.open(job, places: helpers)
    let asleep = board.sleepers.pointee.load(ordering: .sequentiallyConsistent)
    for _ in 0..<min(asleep, helpers) { wake.signal() }
  }

  /// Waits until all who joined have left.
  private func finish(_ joined: Int, _ reader: ReadAhead.Reader?) {
    var (spins, reader) = (0, reader)
    while board.left.pointee.load(ordering: .acquiring) < joined {
      if reader?.ask() ?? false { continue }
      spins += 1
      if spins > 20_000 { sched_yield() } else { heed_pause() }
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
    let body = job.body.pointee.call
    while let part = cursors.takeFirst(own) { body(part) }
    for turn in 1..<max(job.runCount, 1) {
      let run = (own + turn) % job.runCount
      while let part = cursors.takeLast(run) { body(part) }
    }
  }

  private func startWorkers(_ wanted: Int) {
    starting.withLock { _ in
      let started = board.workers.pointee.load(ordering: .relaxed)
      let generation = board.generation
      for worker in started..<max(started, wanted) {
        DispatchQueue(label: "heed.worker.\(worker)", qos: .userInitiated).async {
          ThreadPool.shared.work(since: generation)
        }
      }
      board.workers.pointee.store(max(started, wanted), ordering: .relaxed)
    }
  }

  private func work(since start: UInt64) {
    var seen = start
    var reader: ReadAhead.Reader?
    while true {
      waitForWork(after: &seen, &reader)
      guard let place = board.join(seen) else { continue }
      reader = help(place)
      board.left.pointee.wrappingAdd(1, ordering: .releasing)
    }
  }

  /// Takes parts of the open job, which this worker has joined as number `place`. A function of its own, so
  /// that every reference to what the job computes is gone when the caller is told that this worker has
  /// left it.
  @inline(never)
  private func help(_ place: Int) -> ReadAhead.Reader? {
    let job = board.job.pointee
    if job.isTeam {
      while team.size.pointee.load(ordering: .acquiring) == 0 { heed_pause() }
      job.body.pointee.call(place)
    } else {
      takeParts(of: job, first: place)
    }
    return job.ahead.map { ReadAhead.Reader($0, run: place, of: job.threads) }
  }

  private func waitForWork(after seen: inout UInt64, _ reader: inout ReadAhead.Reader?) {
    let known = seen
    func hasNew() -> Bool {
      seen = board.generation
      return seen != known
    }
    var spins = 0
    while spins < 30_000 {
      if hasNew() { return }
      if reader?.ask() ?? false { continue }
      spins += 1
      heed_pause()
    }
    reader = nil
    board.sleepers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while !hasNew() { wake.wait() }
    board.sleepers.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
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
