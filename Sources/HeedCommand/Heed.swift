import ArgumentParser
import Heed
import HeedTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The command `heed`. Each command has its name written down: making them of the names of types takes a
/// millisecond of every start.
@main
struct HeedTool: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heed", abstract: "Attention for Swift: run, train and see attention models.",
    version: HeedVersion.current,
    subcommands: [
      Tour.self, Generate.self, Chat.self, Explain.self, Evaluate.self, Train.self, Convert.self,
      Verify.self, Bench.self, Describe.self, Models.self,
    ])

  /// Runs the command that the arguments name. Exit status: 0 done, 1 failed, 2 wrong use.
  static func main() async {
    StandardStreams.reserve()
    do {
      try checkArguments()
      try checkEnvironment()
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      try endOutput()
    } catch {
      let code = exitCode(for: error)
      let message = fullMessage(for: error)
      if code.isSuccess {
        if !message.isEmpty { print(message) }
        endProcess(fflush(nil) == 0 ? 0 : 1)
      }
      fflush(nil)
      if !message.isEmpty { note(message) }
      endProcess(code == .validationFailure ? 2 : 1)
    }
  }

  /// Swift puts U+FFFD where an argument is not UTF-8: that is not what was meant. The bytes tell it from
  /// one that a person wrote.
  private static func checkArguments() throws {
    for place in 1..<max(1, Int(CommandLine.argc)) {
      guard let bytes = CommandLine.unsafeArgv[place] else { continue }
      if String(validatingCString: bytes) == nil {
        throw ValidationError("argument \(place) is not UTF-8 text")
      }
    }
  }

  /// Instruction set and threads are the same for every command.
  private static func checkEnvironment() throws {
    do { try ComputeEnvironment.check() } catch { throw ValidationError("\(error)") }
  }

  /// Writes what is still to be written: a full disk is seen here at the latest.
  private static func endOutput() throws {
    guard fflush(nil) == 0 else {
      throw CommandError("cannot write to standard output: \(String(cString: strerror(errno)))")
    }
  }
}

/// `exit` of the system, under a name that the one of commands does not hide.
private func endProcess(_ status: Int32) -> Never { exit(status) }
