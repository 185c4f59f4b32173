import ArgumentParser
import Foundation
import Heed
import HeedFormats

/// `heed evaluate`: how well a model predicts a text.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how well a model predicts a text.",
    discussion: """
      Nats and bits for each token, bits for each byte (which compares models of different \
      vocabularies), and the perplexity. With a stride, windows overlap and each token is predicted \
      from more of the text before it.
      """)

  @Argument(help: "A UTF-8 text file; - reads standard input.") var file: String
  @OptionGroup var model: ModelOptions
  @Flag(help: "Measure the perplexity (which is what is measured, and stands for itself).")
  var perplexity = false
  @Option(help: "Tokens by which windows move (default: the context length).") var stride: Int?
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    if let stride, stride < 1 { throw ValidationError("--stride must be 1 or more, not \(stride)") }
  }

  func run() throws {
    let loaded = try model.load()
    let result = try loaded.evaluate(readFile(file), stride: stride)
    if json {
      printJSON([
        "loss": .number(result.loss), "bits_per_token": .number(result.bitsPerToken),
        "bits_per_byte": .number(result.bitsPerByte), "perplexity": .number(result.perplexity),
        "tokens": .count(result.tokens), "bytes": .count(result.bytes),
      ])
    } else {
      print(
        String(
          format: "%@: %.4f nats, %.4f bits a token, over %d tokens", loaded.name, result.loss,
          result.bitsPerToken, result.tokens))
      print(
        String(
          format: "  perplexity %.4f, %.4f bits a byte, over %d bytes", result.perplexity,
          result.bitsPerByte, result.bytes))
    }
  }
}
