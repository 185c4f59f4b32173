import Foundation
import HeedFormats
import HeedTensor
import HeedTestSupport
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
      #expect(try Run(write + [plain, "--dtype", "q4_0", "--calibrate", "none"]).status == 0)
      let run = try Run(write + [made, "--dtype", "q4_0", "--calibrate", seen, "--json"])
      #expect(run.status == 0 && !run.output.contains("uncalibrated"), "\(run.errors)")
      #expect(run.output.contains(#""calibration":"text""#))
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

  /// Calls `body` with a small model that has learnt a little, and its folder.
  private func withSmallModel(_ body: (_ model: String, _ folder: String) throws -> Void) throws {
    try withFolder { folder in
      let (text, model) = (folder.path + "/text.txt", folder.path + "/model")
      let words = "to be or not to be, that is the question\nwhether it is nobler in the mind\n"
      try Data(String(repeating: words, count: 20).utf8).write(to: URL(fileURLWithPath: text))
      let settings = [
        "hidden_size=32", "intermediate_size=64", "num_hidden_layers=1", "num_attention_heads=2",
        "max_position_embeddings=64",
      ].flatMap { ["--set", "config.\($0)"] }
      let trained = try Run(
        ["train", "shakespeare-chars-long", "--set", "context_length=32", "--batch", "4"]
          + ["--steps", "40"] + settings + ["--text", text, "--output", model, "--quiet"])
      #expect(trained.status == 0, "\(trained.errors)")
      try body(model, folder.path)
    }
  }

  @Test("types of few bits are calibrated on a text that the model writes, the same on every run")
  func itself() throws {
    try withSmallModel { model, folder in
      let outputs = ["a", "b", "none"].map { folder + "/\($0).gguf" }
      let usual = try Run("convert", model, outputs[0], "--dtype", "q4_0")
      #expect(usual.status == 0 && usual.output.contains("q4_0, rounded for a text that it wrote"))
      #expect(usual.output.contains(", scales and norms tuned, "))
      let asked = try Run(
        "convert", model, outputs[1], "--dtype", "q4_0", "--calibrate", "self", "--json")
      #expect(asked.output.contains(#""calibration":"self""#), "\(asked.errors)")
      #expect(asked.output.contains(#""tuning":{"divergence_before":"#), "\(asked.output)")
      let plain = try Run("convert", model, outputs[2], "--dtype", "q4_0", "--calibrate", "none")
      #expect(plain.output.contains("q4_0, each block rounded alone"))
      let files = outputs.map { FileManager.default.contents(atPath: $0) }
      #expect(files[0] != nil && files[0] == files[1] && files[0] != files[2])
      let eight = try Run("convert", model, outputs[0], "--dtype", "q8_0", "--json")
      #expect(eight.output.contains(#""calibration":"none""#))
      // Blocks that are there already are copied, and nothing is written for them.
      let copy = try Run("convert", outputs[1], outputs[2], "--dtype", "q4_0")
      #expect(copy.output.contains("q4_0, blocks as they were"), "\(copy.errors)")
      let (old, new) = (try GGUFFile(path: outputs[1]), try GGUFFile(path: outputs[2]))
      for name in old.tensorNames {
        let bytes = try [old, new].map {
          try $0.blocks(named: name)?.bytes.elements(as: UInt8.self)
        }
        #expect(bytes[0] == bytes[1], "\(name)")
      }
    }
  }

  @Test("a model that cannot write is rounded plainly, with a word why, unless it has to")
  func itselfRefused() throws {
    try withSmallModel { model, folder in
      // Weights that are no numbers.
      let file = model + "/model.safetensors"
      let source = try SafetensorsFile(path: file)
      var tensors: [String: Tensor] = [:]
      for name in source.tensorNames { tensors[name] = try source.tensor(named: name) * Double.nan }
      try FileManager.default.removeItem(atPath: file)
      try SafetensorsFile.write(tensors, to: file)
      let output = folder + "/a.gguf"
      let usual = try Run("convert", model, output, "--dtype", "q4_0", "--json")
      #expect(usual.status == 0 && usual.output.contains(#""calibration":"none""#))
      #expect(usual.errors.contains("each block is rounded alone"), "\(usual.errors)")
      #expect(usual.errors.contains("no numbers"))
      let asked = try Run(
        "convert", model, folder + "/b.gguf", "--dtype", "q4_0", "--calibrate", "self")
      #expect(asked.status == 1 && asked.errors.contains("no numbers"), "\(asked.errors)")
      #expect(!FileManager.default.fileExists(atPath: folder + "/b.gguf"))
      // What the format cannot say is said first.
      let config = model + "/config.json"
      try JSONValue(contentsOf: config)
        .with(("rope_scaling", ["type": "dynamic", "factor": 2.0])).write(to: config)
      let unsaid = try Run(
        "convert", model, folder + "/b.gguf", "--dtype", "q4_0", "--calibrate", "self")
      #expect(unsaid.status == 1 && unsaid.errors.contains("cannot say"), "\(unsaid.errors)")
      let strange = folder + "/strange.gguf"
      try writeStrangeModel(to: strange)
      let copied = try Run("convert", strange, output, "--dtype", "q4_0")
      #expect(copied.status == 0 && copied.errors.contains("strange"), "\(copied.errors)")
    }
  }
}
