import Dispatch
import HeedFormats
import HeedTensor
import Synchronization

/// Runs `side` on a thread of its own while `main` runs on this one, where there is more than one thread.
///
/// - Returns: the results of both.
/// - Throws: the error of `main`, or that of `side`, after both have ended.
func alongside<Main, Side: Sendable>(
  _ side: @escaping @Sendable () throws(FormatError) -> Side,
  while main: () throws(FormatError) -> Main
) throws(FormatError) -> (main: Main, side: Side) {
  guard ThreadPool.threadCount > 1 else { return (try main(), try side()) }
  let place = Place<Side>()
  let group = DispatchGroup()
  DispatchQueue.global().async(group: group) {
    let result = Result { () throws(FormatError) in try side() }
    place.result.withLock { $0 = result }
  }
  let result = Result { () throws(FormatError) in try main() }
  group.wait()
  let first = try result.get()
  guard let second = place.result.withLock({ $0 }) else {
    preconditionFailure("alongside: the group has ended without a result")
  }
  return (first, try second.get())
}

private final class Place<Value: Sendable>: Sendable {
  let result = Mutex<Result<Value, FormatError>?>(nil)
}
