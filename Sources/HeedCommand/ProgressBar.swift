/// A line on standard error that is written again at most five times a second: only on a terminal, and
/// only of what takes more than two seconds.
struct CountingLine {
  private let begin = steadySeconds()
  private var last = 0.0
  private let isShown: Bool

  init(isShown: Bool = true) { self.isShown = isShown && Terminal.rewritesLines }

  /// Seconds since the beginning.
  var seconds: Double { steadySeconds() - begin }

  mutating func show(_ line: @autoclosure () -> String) {
    guard isShown, seconds > 2, seconds - last > 0.2 else { return }
    last = seconds
    Terminal.rewriteLine(line())
  }

  /// Takes the line away.
  func end() {
    if last > 0 { Terminal.rewriteLine("") }
  }
}

/// How much of something with a known end is done, in a `CountingLine`.
struct ProgressBar {
  private let what: String
  private var line = CountingLine()

  init(_ what: String) { self.what = what }

  mutating func show(_ done: Int, of count: Int) { show(Double(done), of: count) }

  /// - Parameter done: with the part of what is under way.
  mutating func show(_ done: Double, of count: Int) {
    let seconds = line.seconds
    let share = count > 0 ? min(1, max(0, done / Double(count))) : 1
    let filled = Int(24 * share)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
    // Before anything is done nothing is known.
    let left = share > 0 ? "  \(minutes(Int(seconds * (1 / share - 1)))) left" : ""
    line.show("\(what) [\(bar)] \(Int(done))/\(count)\(left)")
  }

  func end() { line.end() }
}

/// Seconds as minutes and seconds: `2:05`.
func minutes(_ seconds: Int) -> String {
  "\(seconds / 60):" + (seconds % 60 < 10 ? "0" : "") + "\(seconds % 60)"
}
