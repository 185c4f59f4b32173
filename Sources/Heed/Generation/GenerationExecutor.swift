import Dispatch
import HeedTensor
import Synchronization

/// Where texts are made when they are asked for asynchronously: on threads beside those of Swift's
/// tasks, so that a server's other tasks go on while every processor computes.
///
/// Swift has as many threads for tasks as there are processors, and a task keeps its thread until it
/// waits. A text that is made waits for nobody, and reading a slice of a prompt can take a second. Texts
/// take turns, a piece each, in the order in which they ask.
final class GenerationExecutor: TaskExecutor {
  static let shared = GenerationExecutor(threadCount: ThreadPool.defaultThreadCount)

  private let jobs = Mutex<[UnownedJob]>([])
  private let waiting = DispatchSemaphore(value: 0)

  /// - Parameter threadCount: threads that live as long as the process. They are those of serial queues,
  ///   which get one each; concurrent queues would take them from where Swift's tasks have theirs.
  private init(threadCount: Int) {
    for index in 0..<threadCount {
      DispatchQueue(label: "heed.generation.\(index)", qos: .userInitiated).async {
        while true { self.runNext() }
      }
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    waiting.signal()
  }

  private func runNext() {
    waiting.wait()
    let job = jobs.withLock { $0.removeFirst() }
    job.runSynchronously(on: asUnownedTaskExecutor())
  }
}
