import ArgumentParser

@main
struct HeedTool: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heed", abstract: "Attention for Swift: run, train and see attention models.",
    subcommands: [Bench.self])
}
