import ArgumentParser
import Foundation
import Heed
import HeedFormats
import HeedModels
import HeedText

/// Which model, and the text that it gets.
struct ModelOptions: ParsableArguments {
  @Option(help: "The name of a model that ships (see `heed models`), or a folder.")
  var model = "shakespeare"

  func load() throws -> TextModel { try TextModel(model) }

  /// Its tokenizer alone.
  func tokenizer() throws -> any Tokenizer { try TextModel.tokenizer(model) }
}

/// `-` is standard input.
func readText(_ argument: String) throws -> String {
  guard argument == "-" else { return argument }
  let data = FileHandle.standardInput.readDataToEndOfFile()
  guard let text = String(data: data, encoding: .utf8) else {
    throw CommandError("standard input is not UTF-8 text")
  }
  return text
}

/// Something that went wrong while a command ran; exit status 1.
struct CommandError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// `heed generate`: continues a text.
struct Generate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Continue a text.")

  @Argument(help: "The text to continue; - reads standard input.") var prompt: String
  @OptionGroup var model: ModelOptions
  @Option(help: "The most tokens to add.") var tokens = 300
  @Option(help: "Logits are divided by this; 0 takes the likeliest token.") var temperature: Float =
    0.8
  @Option(help: "Only this many likeliest tokens.") var topK: Int?
  @Option(help: "Only the likeliest tokens that reach this mass together.") var topP: Float = 1
  @Option(help: "Only tokens at least this likely, measured by the likeliest.") var minP: Float = 0
  @Option(help: "Makes tokens of the text less likely.") var repetitionPenalty: Float = 1
  @Option(help: "The same seed gives the same text.") var seed: UInt64 = 0
  @Option(help: "End at this text; may be given several times.") var stop: [String] = []
  @Flag(help: "Draw what the last token was read from.") var explain = false
  @Flag(help: "Print one JSON document.") var json = false

  private var settings: GenerationSettings {
    GenerationSettings(
      sampling: SamplingSettings(
        temperature: temperature, topK: topK, topP: topP, minP: minP,
        repetitionPenalty: repetitionPenalty, seed: seed),
      newTokenCount: tokens, stops: stop)
  }

  func validate() throws {
    guard tokens > 0 else { throw ValidationError("--tokens must be 1 or more, not \(tokens)") }
    if let problem = settings.sampling.problem { throw ValidationError(problem) }
  }

  func run() async throws {
    let text = try model.load()
    let prompt = try readText(prompt)
    var whole = prompt
    if !json { show(prompt) }
    for await piece in try text.stream(prompt, settings: settings) {
      whole += piece
      if !json { show(piece) }
    }
    if json {
      let document: JSONValue = [
        "model": .string(text.name), "prompt": .string(prompt),
        "text": .string(String(whole.dropFirst(prompt.count))),
        "seed": .integer(Int(clamping: seed)),
      ]
      print(document.text())
    } else {
      print()
    }
    if explain { try Explain.draw(text, String(whole.suffix(text.model.spec.contextLength))) }
  }
}

/// Prints a piece of text at once, in order with everything else that is printed.
func show(_ piece: String) {
  print(piece, terminator: "")
  fflush(nil)
}
