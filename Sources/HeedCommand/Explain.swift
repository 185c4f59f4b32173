import ArgumentParser
import Heed
import HeedExplorer
import HeedFormats
import HeedTensor

/// Layers or heads as a person names them: `3`, or `0-2`.
struct IndexRange: ExpressibleByArgument {
  let indices: ClosedRange<Int>

  init?(argument: String) {
    let bounds = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(bounds.count), let first = bounds[0], let last = bounds.last ?? nil,
      first >= 0, first <= last
    else { return nil }
    indices = first...last
  }
}

/// `heed explain`: what a model reads from.
struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Show what a model reads from when it reads a text.",
    discussion: """
      Draws in the terminal what a position (the last one, unless told otherwise) reads from: exact \
      attention weights, computed after the fused pass. With --output, pictures of the heads: \
      .png, .svg or .json by the ending of the file. --layer and --head choose heads everywhere.
      """)

  @Argument(help: "The text; - reads standard input.") var text: String
  @OptionGroup(title: "The model") var model: ModelOptions
  @Option(parsing: .unconditional, help: "The position to look at, from 0 (default: the last).")
  var position: Int?
  @Option(
    help: ArgumentHelp(
      "Layers to show, from 0; may be given several times (default: all).", valueName: "n|n-n"))
  var layer: [IndexRange] = []
  @Option(
    help: ArgumentHelp(
      "Heads to show, from 0; may be given several times (default: all).", valueName: "n|n-n"))
  var head: [IndexRange] = []
  @Option(help: "Write pictures of the heads to this .png, .svg or .json file.") var output: String?
  @Flag(help: "JSON: the whole matrix of each head, not the row of the position alone.")
  var matrices = false
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    if let output { try Self.checkEnding(of: output, option: "--output") }
    if let position, position < 0 {
      throw ValidationError("--position must be 0 or more, not \(position)")
    }
    if matrices, !json, output?.hasSuffix(".json") != true {
      throw ValidationError("--matrices needs --json or a .json file")
    }
  }

  func run() throws { try model.withThreads { try explain() } }

  private func explain() throws {
    if let output { try AtomicFile.check(output) }
    let loaded = try model.load()
    let explanation = try Explanation(loaded, prompt: readText(text), query: position)
    let layers = try Self.chosen(layer, of: explanation.layerCount, "layer")
    let heads = try Self.chosen(head, of: explanation.headCount, "head")
    let chosen = layers.flatMap { layer in heads.map { (layer: layer, head: $0) } }
    print(
      json
        ? explanation.json(heads: chosen, withMatrices: matrices)
        : Self.drawing(explanation, chosen))
    if let output { try Self.write(explanation, chosen, isWhole: matrices, to: output) }
  }

  /// The drawing for the terminal that there is.
  static func drawing(
    _ explanation: Explanation, _ heads: [(layer: Int, head: Int)]
  ) -> String {
    explanation.drawing(heads: heads, width: Terminal.width, color: Terminal.hasColor)
  }

  /// Refuses files that cannot be written.
  static func checkEnding(of path: String, option: String) throws {
    if [".html", ".attn"].contains(where: { path.hasSuffix($0) }) {
      throw ValidationError(
        "\(option): .html and .attn files are not written yet; give .png, .svg or .json")
    }
    guard [".png", ".svg", ".json"].contains(where: { path.hasSuffix($0) }) else {
      throw ValidationError("\(option) must end in .png, .svg or .json, not \"\(path)\"")
    }
  }

  /// Writes heads to a file of a kind that its ending says.
  static func write(
    _ explanation: Explanation, _ heads: [(layer: Int, head: Int)], isWhole: Bool, to path: String
  ) throws {
    let bytes: [UInt8]
    if path.hasSuffix(".json") {
      bytes = Array(explanation.json(heads: heads, withMatrices: isWhole).utf8)
    } else {
      let picture = HeadPicture(explanation, heads: heads)
      bytes = path.hasSuffix(".png") ? picture.png : Array(picture.svg.utf8)
    }
    try writeFile(bytes, to: path)
    note("wrote \(path)")
  }

  private static func chosen(
    _ ranges: [IndexRange], of count: Int, _ name: String
  ) throws -> [Int] {
    guard !ranges.isEmpty else { return Array(0..<count) }
    for range in ranges where range.indices.upperBound >= count {
      throw CommandError(
        "there is no \(name) \(range.indices.upperBound): the model has \(count), counted from 0")
    }
    return Array(Set(ranges.flatMap(\.indices))).sorted()
  }
}

/// Writes a whole file or none.
func writeFile(_ bytes: [UInt8], to path: String) throws {
  try AtomicFile.write(to: path) { (file) throws(FileError) in try file.append(bytes) }
}
