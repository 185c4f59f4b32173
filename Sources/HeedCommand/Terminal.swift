import Foundation

/// What standard output is.
enum Terminal {
  /// Whether to colour: only on a terminal, and not where NO_COLOR is set (no-color.org).
  static var hasColor: Bool {
    isatty(STDOUT_FILENO) == 1
      && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
  }
}
