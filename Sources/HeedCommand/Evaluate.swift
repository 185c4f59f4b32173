import ArgumentParser
import Foundation
import Heed
import HeedFormats

/// `heed evaluate`: how well a model predicts a text.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how well a model predicts a text.")

  @Argument(help: "A UTF-8 text file; - reads standard input.") var file: String
  @OptionGroup var model: ModelOptions
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    let loaded = try model.load()
    let text: String
    if file == "-" {
      text = try readText("-")
    } else {
      guard let data = FileManager.default.contents(atPath: file) else {
        throw CommandError("cannot read \(file)")
      }
      guard let decoded = String(data: data, encoding: .utf8) else {
        throw CommandError("\(file) is not UTF-8 text")
      }
      text = decoded
    }
    let result = try loaded.evaluate(text)
    if json {
      printJSON([
        "loss": .number(result.loss), "bits_per_token": .number(result.bitsPerToken),
        "tokens": .count(result.tokens),
      ])
    } else {
      print(
        String(
          format: "%@: %.4f nats, %.4f bits a token, over %d tokens", loaded.name, result.loss,
          result.bitsPerToken, result.tokens))
    }
  }
}
