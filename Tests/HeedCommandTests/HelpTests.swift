import Foundation
import Testing

@Suite struct HelpTests {
  /// After a change that is meant: `COLUMNS=80 heed VERB --help > Tests/HelpTexts/VERB.txt`, with a
  /// hyphen for the space of `bench NAME`.
  @Test(
    "help texts are what the snapshots say",
    arguments: [
      "generate", "chat", "explain", "evaluate", "verify", "describe", "models", "tour", "train",
      "convert", "bench", "bench attention", "bench grid", "bench matmul", "bench train",
      "bench generate", "bench tokenize", "bench sampling", "bench start", "bench limits",
      "bench kernels",
    ])
  func snapshots(verb: String) throws {
    let name = verb.replacingOccurrences(of: " ", with: "-")
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("HelpTexts/\(name).txt")
    let run = try Run(shell: "COLUMNS=80 heed \(verb) --help")
    #expect(run.status == 0 && run.errors.isEmpty)
    #expect(run.output == (try String(contentsOf: file, encoding: .utf8)))
  }

  @Test("every document is described by its members")
  func documents() throws {
    let page = try String(
      contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/JSON.md"), encoding: .utf8)
    for arguments in [
      ["generate", "ROMEO:", "--tokens", "2", "--logprobs", "1", "--prompt-logprobs", "1"],
      ["explain", "To be"], ["describe"], ["tour"],
      ["bench", "matmul", "--m", "4", "--n", "8", "--k", "8", "--seconds", "0"],
    ] {
      let run = try Run(arguments + ["--json"])
      let document = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
      for key in try #require(document as? [String: Any]).keys {
        #expect(page.contains("`\(key)`"), "\(arguments[0]): \(key)")
      }
    }
  }
}
