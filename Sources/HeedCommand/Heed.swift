import ArgumentParser
import Foundation

/// The command `heed`.
@main
struct HeedTool: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heed", abstract: "Attention for Swift: run, train and see attention models.",
    subcommands: [
      Tour.self, Generate.self, Chat.self, Explain.self, Evaluate.self, Train.self, Convert.self,
      Verify.self,
      Bench.self,
      Describe.self, Models.self,
    ])

  /// Runs the command that the arguments name. Exit status: 0 done, 1 failed, 2 wrong use.
  static func main() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      let code = exitCode(for: error)
      let message = fullMessage(for: error)
      let target = code.isSuccess ? FileHandle.standardOutput : FileHandle.standardError
      if !message.isEmpty { target.write(Data((message + "\n").utf8)) }
      Foundation.exit(code.isSuccess ? 0 : code == .validationFailure ? 2 : 1)
    }
  }
}
