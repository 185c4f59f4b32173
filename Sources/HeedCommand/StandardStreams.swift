#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// A process may begin with standard streams that are closed (`heed convert ... 2>&-`). The next files that
// are opened would get their numbers: a model would be standard input, and what is said on standard error
// would stand in the file that is being written.

/// Standard input, output and error as the process found them.
enum StandardStreams {
  /// Keeps the numbers of closed streams from files. Reading and writing there fail as they did before.
  static func reserve() {
    for (stream, mode) in [
      (STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY),
    ] where fcntl(stream, F_GETFD) < 0 {
      // The lowest number that is free is this one: those below it are open by now.
      _ = open("/dev/null", mode)
    }
  }
}
