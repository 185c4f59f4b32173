#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What the standard streams are.
enum Terminal {
  /// Whether standard input is a terminal.
  static var isInput: Bool { isatty(STDIN_FILENO) == 1 }
  /// Whether standard output is one.
  static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }
  /// Whether standard error is one.
  static var isErrors: Bool { isatty(STDERR_FILENO) == 1 }

  /// Whether a line on standard error can be written again: on a terminal that knows how.
  static var rewritesLines: Bool { isErrors && !isDumb }

  /// Whether to colour: only on a terminal that can, and not where NO_COLOR is set (no-color.org).
  static var hasColor: Bool { isOutput && !isDumb && setting("NO_COLOR") == "" }

  /// Characters of a line.
  static var width: Int { width(of: STDOUT_FILENO) }

  private static var isDumb: Bool { setting("TERM") == "dumb" }

  private static func setting(_ name: String) -> String {
    getenv(name).map { String(cString: $0) } ?? ""
  }

  /// At least 20, for what cannot be told in less; 80 where nobody knows.
  private static func width(of stream: Int32) -> Int {
    var size = winsize()
    guard ioctl(stream, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return max(20, Int(size.ws_col))
  }

  /// Writes a line on standard error in place of the one that is there, as far as it fits: what wraps
  /// would stay.
  static func rewriteLine(_ line: String) {
    showOnStandardError("\r\(line.prefix(width(of: STDERR_FILENO) - 1))\u{1B}[K")
  }
}

/// Prints a piece of text at once, in order with everything else that is printed.
func show(_ piece: String) {
  print(piece, terminator: "")
  fflush(nil)
}

/// One line on standard error.
func note(_ line: String) { showOnStandardError(line + "\n") }

/// A text on standard error, at once. There is nobody to tell when it cannot be written.
func showOnStandardError(_ text: String) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}
