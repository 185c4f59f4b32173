import ArgumentParser
import Heed
import HeedExplorer
import HeedFormats
import HeedModels

/// `heed tour`: what heed does, in a minute.
struct Tour: AsyncParsableCommand {
  private static let prompt = "ROMEO:"
  private static let settings = GenerationSettings(
    sampling: SamplingSettings(temperature: 0.7, seed: 7), newTokenCount: 220)

  static let configuration = CommandConfiguration(
    commandName: "tour",
    abstract: "See in a minute what heed does: generate a text, and see what it was read from.")

  @Flag(help: "Print what it writes as one JSON document.") var json = false

  func run() async throws {
    let text = try TextModel("shakespeare")
    if json { return try printDocument(text) }
    print("heed: attention for Swift\n")
    print("1. A small model that was trained by this package, on the plays of Shakespeare:\n")
    print(text.model.spec.summary.split(separator: "\n").map { "   " + $0 }.joined(separator: "\n"))
    print("\n2. It writes (heed generate \"ROMEO:\" --model shakespeare):\n")
    var written = Self.prompt
    show(written)
    for await piece in try text.stream(written, settings: Self.settings) {
      written += piece
      show(piece)
    }
    print("\n\n3. What it read from, exactly (heed explain):\n")
    let explanation = try Explanation(text, prompt: String(written.suffix(70)))
    print(Explain.drawing(explanation, explanation.allHeads))
    print(
      """

      Next: heed explain "To be, or not to be" --output heads.svg
            heed train shakespeare-chars
            heed bench attention
      """)
  }

  /// What the tour shows, as a document.
  private func printDocument(_ text: TextModel) throws {
    let written = try text.generate([Self.prompt], settings: Self.settings)[0].text
    let explanation = try Explanation(text, prompt: String((Self.prompt + written).suffix(70)))
    let document: JSONValue = [
      "model": .string(text.name), "summary": .string(text.model.spec.summary),
      "prompt": .string(Self.prompt), "text": .string(written),
      "explanation": try JSONValue(parsing: explanation.json, place: "explanation"),
    ]
    print(document.text())
  }
}
