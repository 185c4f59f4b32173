import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A signal that asks for the end, Ctrl-C above all, as a question that a loop asks; a second one ends the
/// process at once.
final class Interrupt {
  private final class Request: Sendable {
    /// The number of the signal; 0 for none.
    let signal = Atomic<Int32>(0)
  }

  private let request = Request()
  private let numbers: [Int32]
  private let sources: [any DispatchSourceSignal]

  /// Ctrl-C, and what asks a program to end when nobody sits before it.
  static let endingSignals = [SIGINT, SIGTERM]

  init(_ numbers: [Int32] = [SIGINT]) {
    self.numbers = numbers
    sources = numbers.map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    for (number, source) in zip(numbers, sources) {
      source.setEventHandler { [request] in
        if request.signal.exchange(number, ordering: .relaxed) != 0 {
          signal(number, SIG_DFL)
          raise(number)
        }
      }
      source.resume()
    }
  }

  deinit {
    for (number, source) in zip(numbers, sources) {
      source.cancel()
      signal(number, SIG_DFL)
    }
  }

  var isRequested: Bool { question() }

  /// The question for work on other threads.
  var question: @Sendable () -> Bool {
    { [request] in request.signal.load(ordering: .relaxed) != 0 }
  }

  /// Ends the process as the signal would have, so that whoever waits for it sees the reason.
  func obey() {
    let number = request.signal.load(ordering: .relaxed)
    guard number != 0 else { return }
    signal(number, SIG_DFL)
    raise(number)
    // Still here where this thread has the signal blocked: as shells report it.
    exit(128 + number)
  }
}
