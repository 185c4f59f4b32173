import Foundation
import Testing

@Suite("Calibrated conversions by the command")
struct CalibrationCommandTests {
  @Test("a calibrated file is nearer to its model on another text; what cannot be is said")
  func calibrated() throws {
    try withFolder { folder in
      let (plain, made) = (folder.path + "/plain.gguf", folder.path + "/made.gguf")
      let (seen, unseen) = (folder.path + "/seen.txt", folder.path + "/unseen.txt")
      // Texts of its own: what it reads while it writes is what it reads.
      for (path, seed, tokens) in [(seen, "1", "1500"), (unseen, "2", "600")] {
        let told = try Run(
          "generate", "ROMEO:", "--model", "shakespeare", "--seed", seed, "--tokens", tokens)
        try Data(told.output.utf8).write(to: URL(fileURLWithPath: path))
      }
      let write = ["convert", "shakespeare"]
      #expect(try Run(write + [plain, "--dtype", "q4_0"]).status == 0)
      let run = try Run(write + [made, "--dtype", "q4_0", "--calibrate", seen, "--json"])
      #expect(run.status == 0 && !run.output.contains("uncalibrated"), "\(run.errors)")
      func divergence(_ file: String) throws -> Double {
        let run = try Run(
          "evaluate", unseen, "--model", file, "--against", "shakespeare", "--json")
        let values = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        return try #require((values as? [String: Any])?["divergence"] as? Double)
      }
      #expect(try divergence(made) < 0.8 * divergence(plain))
      let other = folder.path + "/other.gguf"
      let numbers = try Run(write + [other, "--dtype", "f16", "--calibrate", seen])
      #expect(numbers.status == 2 && numbers.errors.contains("not with f16"))
      for text in ["", "To be, or not to be"] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: unseen))
        let short = try Run(write + [other, "--dtype", "q4_0", "--calibrate", unseen])
        #expect(short.status == 1 && short.errors.contains("too short"), "\(short.errors)")
      }
      #expect(!FileManager.default.fileExists(atPath: other))
      // Wider than the text is long: the feed-forward has 416 columns.
      try Data(String(repeating: "To be, or not to be\n", count: 15).utf8).write(
        to: URL(fileURLWithPath: unseen))
      let few = try Run(write + [other, "--dtype", "q4_0", "--calibrate", unseen, "--json"])
      #expect(
        few.output.contains(#""uncalibrated":[{"matrices":5,"row":416,"reason":"few_inputs"}]"#))
      #expect(few.errors.contains("fewer than 416 tokens"))
    }
  }
}
