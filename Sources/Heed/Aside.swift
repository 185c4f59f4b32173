import Dispatch
import HeedFormats
import HeedTensor
import Synchronization

/// Something that is read on a thread of its own while its caller goes on; before that where operations
/// have one thread.
final class Aside<Value: Sendable>: Sendable {
  private let outcome = Mutex<Result<Value, FormatError>?>(nil)
  private let isDone = DispatchSemaphore(value: 0)

  init(_ body: @escaping @Sendable () throws(FormatError) -> Value) {
    let work: @Sendable () -> Void = { [self] in
      let result = Result { () throws(FormatError) in try body() }
      outcome.withLock { $0 = result }
      isDone.signal()
    }
    if ThreadPool.threadCount > 1 {
      DispatchQueue.global(qos: .userInitiated).async(execute: work)
    } else {
      work()
    }
  }

  /// Waits for the value. To be asked for once.
  func value() throws(FormatError) -> Value {
    isDone.wait()
    guard let result = outcome.withLock({ $0 }) else {
      preconditionFailure("Aside: done without a result")
    }
    return try result.get()
  }
}
