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

  /// Whether to colour: only on a terminal, and not where NO_COLOR is set (no-color.org).
  static var hasColor: Bool {
    isOutput && getenv("NO_COLOR").map { String(cString: $0) } ?? "" == ""
  }

  /// Characters of a line.
  static var width: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
    return Int(size.ws_col)
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
