import ArgumentParser
import Foundation
import Heed
import HeedModels

/// `heed tour`: what heed does, in a minute.
struct Tour: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See in a minute what heed does: generate a text, and see what it was read from.")

  func run() async throws {
    let text = try TextModel("shakespeare")
    print("heed: attention for Swift\n")
    print("1. A small model that was trained by this package, on the plays of Shakespeare:\n")
    print(text.model.spec.summary.split(separator: "\n").map { "   " + $0 }.joined(separator: "\n"))
    print("\n2. It writes (heed generate \"ROMEO:\" --model shakespeare):\n")
    let settings = GenerationSettings(
      sampling: SamplingSettings(temperature: 0.7, seed: 7), newTokenCount: 220)
    var written = "ROMEO:"
    show(written)
    for await piece in try text.stream(written, settings: settings) {
      written += piece
      show(piece)
    }
    print("\n\n3. What it read from, exactly (heed explain):\n")
    try Explain.draw(text, String(written.suffix(70)))
    print(
      """

      Next: heed explain "To be, or not to be" --output heads.svg
            heed train shakespeare-chars
            heed bench attention
      """)
  }
}
