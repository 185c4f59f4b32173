import ArgumentParser

@main
struct HeedTool: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heed", abstract: "Attention for Swift: run, train and see attention models.",
    subcommands: [
      Tour.self, Generate.self, Explain.self, Evaluate.self, Verify.self, Bench.self, Describe.self,
      Models.self,
    ])
}
