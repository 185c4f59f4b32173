import Dispatch

/// A line on standard error for a person who waits: only on a terminal, and only behind two seconds.
final class Waiting {
  private let timer: any DispatchSourceTimer
  private let begin = steadySeconds()
  private let queue = DispatchQueue(label: "waiting")

  private init(_ what: String) {
    timer = DispatchSource.makeTimerSource(queue: queue)
    timer.schedule(deadline: .now() + 2, repeating: 0.5)
    timer.setEventHandler { [begin] in
      Terminal.rewriteLine("\(what): \(Int(steadySeconds() - begin)) s")
    }
    timer.resume()
  }

  private func end() {
    timer.cancel()
    guard steadySeconds() - begin > 2 else { return }
    // Behind whatever is being written now.
    queue.sync { Terminal.rewriteLine("") }
  }

  /// Does something that may take a while.
  static func forIt<Result>(_ what: String, _ body: () throws -> Result) rethrows -> Result {
    guard Terminal.rewritesLines else { return try body() }
    let waiting = Waiting(what)
    defer { waiting.end() }
    return try body()
  }
}
