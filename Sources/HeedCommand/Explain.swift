import ArgumentParser
import Foundation
import Heed
import HeedExplorer
import HeedFormats
import HeedTensor

/// `heed explain`: what a model reads from.
struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model reads from when it reads a text.",
    discussion: """
      Draws in the terminal what a position (the last one, unless told otherwise) reads from: exact \
      attention weights, computed after the fused pass. With --output, pictures of chosen heads: \
      .png, .svg or .json by the ending of the file.
      """)

  @Argument(help: "The text; - reads standard input.") var text: String
  @OptionGroup var model: ModelOptions
  @Option(help: "The position to look at, from 0 (default: the last).") var position: Int?
  @Option(help: "A layer to draw in pictures, from 0 (default: all).") var layer: Int?
  @Option(help: "A head to draw in pictures, from 0 (default: all).") var head: Int?
  @Option(help: "Write pictures of the heads to this .png, .svg or .json file.") var output: String?
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    if let output, !["png", "svg", "json"].contains(where: { output.hasSuffix("." + $0) }) {
      throw ValidationError("--output must end in .png, .svg or .json, not \"\(output)\"")
    }
    for (name, value) in [("--position", position), ("--layer", layer), ("--head", head)] {
      if let value, value < 0 { throw ValidationError("\(name) must be 0 or more, not \(value)") }
    }
  }

  func run() throws {
    let loaded = try model.load()
    let explanation = try Explanation(loaded, prompt: readText(text), query: position)
    if json {
      print(explanation.json)
    } else {
      print(explanation.drawing(width: Self.terminalWidth, color: isatty(STDOUT_FILENO) == 1))
    }
    guard let output else { return }
    let layers = try Self.chosen(layer, of: explanation.layerCount, "layer")
    let heads = try Self.chosen(head, of: explanation.headCount, "head")
    let picture = HeadPicture(
      explanation, heads: layers.flatMap { layer in heads.map { (layer, $0) } })
    let bytes =
      output.hasSuffix(".png")
      ? picture.png : Array((output.hasSuffix(".svg") ? picture.svg : explanation.json).utf8)
    try writeFile(bytes, to: output)
    note("wrote \(output)")
  }

  /// Draws what the last token of `text` reads from.
  static func draw(_ model: TextModel, _ text: String) throws {
    let explanation = try Explanation(model, prompt: text)
    print(explanation.drawing(width: terminalWidth, color: isatty(STDOUT_FILENO) == 1))
  }

  private static func chosen(_ one: Int?, of count: Int, _ name: String) throws -> Range<Int> {
    guard let one else { return 0..<count }
    guard (0..<count).contains(one) else {
      throw CommandError("there is no \(name) \(one): the model has \(count), counted from 0")
    }
    return one..<one + 1
  }

  static var terminalWidth: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
    return Int(size.ws_col)
  }
}

/// Writes a whole file or none.
func writeFile(_ bytes: [UInt8], to path: String) throws {
  try AtomicFile.write(to: path) { (file) throws(FileError) in try file.append(bytes) }
}
