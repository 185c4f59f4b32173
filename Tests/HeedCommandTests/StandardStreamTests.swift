import Foundation
import HeedTraining
import Testing

/// Standard streams that are closed, options that begin with a sign, and places where nothing can be written.
@Suite struct StandardStreamTests {
  @Test("no file takes the place of a stream that is closed")
  func closed() throws {
    try withFolder { folder in
      let path = folder.path
      for (name, closing) in [("a", ""), ("b", "2>&-"), ("c", "<&- 2>&-"), ("d", ">&- 2>&-")] {
        let run = try Run(
          shell: "heed convert shakespeare '\(path)/\(name).gguf' --dtype f16 \(closing)")
        #expect(run.status == (name == "d" ? 1 : 0), "\(closing): \(run.errors)")
      }
      let files = ["a", "b", "c", "d"].map {
        FileManager.default.contents(atPath: "\(path)/\($0).gguf")
      }
      #expect(files[0] != nil && files.allSatisfy { $0 == files[0] })
      for verb in ["generate -", "explain -", "evaluate -", "generate --prompts -"] {
        let run = try Run(shell: "heed \(verb) <&-")
        #expect(run.status == 1 && run.errors.contains("cannot read standard input"), "\(verb)")
      }
      let run = try Run(shell: "heed describe >&-")
      #expect(run.status == 1 && run.errors.contains("standard output: Bad file"), "\(run.errors)")
    }
  }

  @Test("what is said while a model is trained does not get into its files")
  func closedInTraining() throws {
    try withFolder { folder in
      let text = folder.path + "/text.txt"
      try Data(String(repeating: "to be, or not to be: ", count: 20).utf8)
        .write(to: URL(fileURLWithPath: text))
      let settings = [
        "config.n_layer=1", "config.n_head=1", "config.n_embd=4", "config.n_positions=8",
        "context_length=8", "batch_size=2", "validation_interval=1",
      ]
      let run = try Run(
        shell: "heed train shakespeare-chars --text '\(text)' --steps 9 --lines "
          + settings.map { "--set \($0) " }.joined() + "--output '\(folder.path)/m' <&- 2>&-")
      #expect(run.status == 0)
      #expect(try TrainingLog.read(folder.path + "/m/log.jsonl").count == 9)
    }
  }

  @Test(
    "a value that begins with a sign is a value",
    arguments: [
      (["generate", "x", "--tokens", "-1"], "--tokens must be 1 or more, not -1"),
      (["generate", "x", "--seed", "-1"], "The value '-1' is invalid for '--seed"),
      (["generate", "x", "--stop-token", "-5"], "there is no token -5"),
      (["generate", "x", "--threads", "-2"], "from 1 to 256, not -2"),
      (["explain", "x", "--position", "-1"], "--position must be 0 or more, not -1"),
      (["evaluate", "x", "--overlap", "-1"], "--overlap must be 0 or more"),
      (["train", "shakespeare-chars", "--steps", "-1"], "--steps must be from 1 to"),
    ])
  func signs(arguments: [String], words: String) throws {
    let run = try Run(arguments)
    #expect(run.status != 0 && run.errors.contains(words), "\(run.errors)")
  }

  @Test("a pattern and a text to stop at may begin with a sign")
  func signsOfTexts() throws {
    let pattern = try Run("generate", "ROMEO:", "--regex", "-{2}", "--tokens", "5")
    #expect(pattern.status == 0 && pattern.output == "ROMEO:--\n", "\(pattern.errors)")
    let stop = try Run("generate", "ROMEO:", "--stop", "-", "--forbid", "-a", "--tokens", "5")
    #expect(stop.status == 0, "\(stop.errors)")
  }

  @Test("the most tokens have the name that other programs give them, too")
  func otherName() throws {
    let run = try Run("generate", "ROMEO:", "--max-tokens", "3")
    #expect(try run.status == 0 && run.output == Run("generate", "ROMEO:", "--tokens", "3").output)
  }

  @Test("where nothing can be written is said before the work is done")
  func nowhere() throws {
    for arguments in [
      ["explain", "x", "--output", "/nowhere/x.png"],
      ["generate", "x", "--explain-to", "/nowhere/x.json"],
      ["chat", "--explain-to", "/nowhere/x.json"],
      ["generate", "x", "--prompt-cache", "/nowhere/x"],
      ["convert", "shakespeare", "/nowhere/x.gguf", "--dtype", "q4_0", "--measure", #filePath],
    ] {
      let run = try Run(arguments)
      #expect(run.status == 1 && run.output.isEmpty, "\(arguments)")
      #expect(run.errors.contains("No such file or directory"), "\(run.errors)")
      #expect(run.errors.contains("/nowhere/x") && !run.errors.contains("prompt cache"))
    }
    let unnamed = try Run("evaluate", "")
    #expect(
      unnamed.status == 1 && unnamed.errors.contains("\"\": cannot open"), "\(unnamed.errors)")
  }

  @Test("texts to count that have no token are no model")
  func nothingToCount() throws {
    try withFolder { folder in
      let empty = folder.path + "/empty.txt"
      try Data().write(to: URL(fileURLWithPath: empty))
      let run = try Run("evaluate", #filePath, "--ngram", empty)
      #expect(run.status == 1 && run.errors.contains("no text to count"), "\(run.errors)")
    }
  }
}
