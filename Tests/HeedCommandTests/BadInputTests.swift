import Foundation
import Testing

/// What is wrong is said, in words and by the exit status, and nothing is left behind.
@Suite struct BadInputTests {
  @Test(
    "numbers and texts that no command can use are wrong use",
    arguments: [
      ["generate", "x", "--results", "1000000000"], ["generate", "x", "--beams", "0"],
      ["generate", "x", "--beams", "1000000000"], ["generate", "x", "--tokens", "0"],
      ["generate", "x", "--temperature", "nan"], ["generate", "x", "--top-k", "0"],
      ["generate", "x", "--top-p", "1.1"], ["generate", "x", "--min-tokens=-1"],
      ["generate", "x", "--seed", "18446744073709551616"], ["generate", "x", "--stop", ""],
      ["generate", "x", "--forbid", ""], ["generate", "x", "--logit-bias", "5=inf"],
      ["generate", "x", "--model", ""], ["explain", "x", "--position=-1"],
      ["generate", "x", "--temperature", "inf"], ["generate", "x", "--length-penalty", "-1"],
      ["generate", "x", "--beam-end", "full"], ["generate", "x", "--beam-groups", "1"],
      ["generate", "x", "--beams", "2", "--diversity-penalty", "1"],
      ["generate", "x", "--contrastive-penalty", "0.6"], ["generate", "x", "--draft-tokens", "4"],
      ["generate", "x", "--json", "--explain"], ["evaluate", "x", "--order", "5"],
      ["evaluate", "x", "--ngram", "y", "--overlap", "2"],
      ["evaluate", "x", "--ngram", "y", "--cache-type", "int8"],
      ["explain", "x", "--cache-type", "int8"],
      ["convert", "shakespeare", "", "--dtype", "f32"],
      ["train", "shakespeare-chars", "--threads", "1000000"],
      ["train", "shakespeare-chars", "--batch", "0"],
      ["train", "shakespeare-chars", "--batch", "9223372036854775807"],
      ["bench", "matmul", "--m", "9223372036854775807"], ["bench", "matmul", "--seconds", "nan"],
    ])
  func wrongUse(arguments: [String]) throws {
    let run = try Run(arguments)
    #expect(run.status == 2 && run.output.isEmpty && !run.errors.isEmpty)
  }

  @Test("what is below zero and may be is taken as it is written")
  func negatives() throws {
    let options = ["--frequency-penalty", "-1", "--presence-penalty", "-0.5"]
    let run = try Run(["generate", "x", "--tokens", "2"] + options)
    #expect(run.status == 0 && run.output.hasPrefix("x"), "\(run.errors)")
    let beams = ["generate", "x", "--tokens", "2", "--beams", "2", "--length-penalty", "-1"]
    #expect(try Run(beams).status == 0)
  }

  @Test("an instruction set or a number of threads that is none is wrong use")
  func environment() throws {
    for (setting, part) in [
      ("HEED_KERNELS=sse9", "generic"), ("HEED_KERNELS=", "generic"),
      ("HEED_THREADS=abc", "from 1 to 256"), ("HEED_THREADS=0", "from 1 to 256"),
      ("HEED_THREADS=257", "from 1 to 256"),
    ] {
      let run = try Run(shell: "\(setting); export HEED_KERNELS HEED_THREADS; heed models")
      #expect(run.status == 2 && run.output.isEmpty, "\(setting)")
      #expect(run.errors.contains(part), "\(run.errors)")
    }
    let run = try Run(
      shell: "HEED_KERNELS=generic HEED_THREADS=3; export HEED_THREADS; heed models")
    #expect(run.status == 0, "\(run.errors)")
  }

  @Test("numbers at the edge of their range are taken")
  func edges() throws {
    for options in [
      ["--temperature", "1e-40"], ["--top-k", "9223372036854775807"], ["--top-p", "1e-30"],
      ["--seed", "18446744073709551615"], ["--lookup", "9223372036854775807"],
    ] {
      let run = try Run(["generate", "ROMEO:", "--tokens", "2"] + options)
      #expect(run.status == 0 && run.output.utf8.count == 9, "\(options): \(run.output)")
    }
    let beams = try Run(
      "generate", String(repeating: "To be ", count: 21), "--beams", "2", "--no-slide",
      "--tokens", "9223372036854775807")
    #expect(beams.status == 0)
  }

  @Test("a prompt that is refused leaves no output")
  func refusedPrompt() throws {
    let run = try Run(["generate", "-"], input: String(repeating: "To be or not ", count: 60))
    #expect(run.status == 1 && run.output.isEmpty)
    let lines = try Run(["generate", "--prompts", "-"], input: "\n\n")
    #expect(lines.status == 1 && lines.errors.contains("no prompt"))
  }

  @Test("a message that is too long for a conversation says how long it may be")
  func longMessage() throws {
    let run = try Run(["chat"], input: String(repeating: "To be or not ", count: 60) + "\n")
    #expect(run.status == 1 && run.errors.contains("the model was made for 128 positions"))
    // An option that `chat` has not.
    #expect(!run.errors.contains("--long-prompt"))
  }

  @Test("texts that are not UTF-8 are refused wherever they come from")
  func encoding() throws {
    let argument = try Run(shell: #"heed generate "$(printf 'To be \377')" --tokens 2"#)
    #expect(argument.status == 2 && argument.errors.contains("argument 2 is not UTF-8"))
    let bad = Data("To be \u{1}\n".utf8.map { $0 == 1 ? 0xFF : $0 })
    for script in ["heed chat", "heed generate -", "heed evaluate -", "heed generate --prompts -"] {
      let run = try Run(shell: script, input: bad)
      #expect(run.status == 1 && run.output.isEmpty, "\(script)")
      #expect(run.errors.contains("not UTF-8 text"), "\(script)")
    }
    try withFolder { folder in
      let path = folder.appendingPathComponent("text.txt").path
      try bad.write(to: URL(fileURLWithPath: path))
      let output = folder.appendingPathComponent("model").path
      for arguments in [
        ["evaluate", path], ["generate", "--prompts", path], ["evaluate", path, "--ngram", path],
        ["train", "shakespeare-chars", "--text", path, "--output", output],
      ] {
        let run = try Run(arguments)
        #expect(run.status == 1 && run.errors.contains("not UTF-8 text"), "\(arguments)")
      }
      #expect(!FileManager.default.fileExists(atPath: output))
    }
  }

  @Test("a replacement character that a person wrote is a character")
  func replacement() throws {
    let run = try Run("generate", "To be \u{FFFD}", "--tokens", "2", "--seed", "1")
    #expect(!run.errors.contains("not UTF-8") && run.status != 2, "\(run.errors)")
    let chat = try Run(["chat"], input: "To be \u{FFFD}\r\n/quit")
    #expect(!chat.errors.contains("not UTF-8"), "\(chat.errors)")
    // The last line needs no end.
    let last = try Run(["chat", "--tokens", "2"], input: "To be")
    #expect(last.status == 0 && !last.output.isEmpty)
  }

  @Test(
    "a conversion that a signal ends leaves the whole file or none",
    arguments: [SIGINT, SIGTERM] + (hasNamelessFiles ? [SIGKILL] : []), ["self", "none"])
  func signals(number: Int32, calibration: String) throws {
    try withFolder { folder in
      for delay in [0.01, 0.03, 0.05, 0.08, 0.12] {
        let process = Process()
        process.executableURL = Run.binary
        process.arguments =
          ["convert", "storyteller", folder.path + "/a.gguf", "--dtype", "q4_k"]
          + ["--calibrate", calibration]
        (process.standardOutput, process.standardError) = (Pipe(), Pipe())
        try process.run()
        Thread.sleep(forTimeInterval: delay)
        kill(process.processIdentifier, number)
        process.waitUntilExit()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names == [] || names == ["a.gguf"], "\(names)")
        let status = process.terminationStatus
        let isStopped =
          process.terminationReason == .uncaughtSignal
          ? status == number : status == 128 + number
        #expect(isStopped || status == 0, "\(process.terminationReason.rawValue) \(status)")
        if let name = names.first {
          let run = try Run("describe", folder.path + "/" + name)
          #expect(run.status == 0)
          try FileManager.default.removeItem(atPath: folder.path + "/" + name)
        }
      }
    }
  }

  @Test("a conversion to a symbolic link replaces what it leads to")
  func links() throws {
    try withFolder { folder in
      let (real, link) = (folder.path + "/real.gguf", folder.path + "/link.gguf")
      try Data("old".utf8).write(to: URL(fileURLWithPath: real))
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "real.gguf")
      #expect(try Run("convert", "storyteller", link, "--dtype", "q8_0").status == 0)
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: link)
      #expect(target == "real.gguf")
      #expect(try Run("describe", real).status == 0)
    }
  }

  @Test("weights that are no numbers are named when a model is converted")
  func damagedWeights() throws {
    try withFolder { folder in
      let model = folder.appendingPathComponent("model").path
      #expect(try Run("convert", "shakespeare", model, "--dtype", "f32").status == 0)
      let path = URL(fileURLWithPath: model + "/model.safetensors")
      var bytes = try Data(contentsOf: path)
      // The last four bytes are the last weight: a NaN.
      bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F])
      try bytes.write(to: path)
      let output = folder.path + "/copy"
      let run = try Run("convert", model, output, "--dtype", "f16", "--json")
      #expect(run.status == 0 && run.errors.contains("1 tensor has weights that are NaN"))
      #expect(run.errors.contains(" (1)") && run.output.contains("\"tensors_not_finite\":1"))
    }
  }

  @Test("output that cannot be written is a failure", .enabled(if: hasFullDevice))
  func fullDisk() throws {
    for arguments in ["generate ROMEO: --tokens 2", "models", "describe shakespeare", "--help"] {
      let run = try Run(shell: "heed \(arguments) > /dev/full")
      #expect(run.status == 1 && !run.errors.contains("runtime failure"), "\(arguments)")
    }
    // Nobody to tell is no reason to crash.
    #expect(try Run(shell: "heed nonsense 2> /dev/full").status == 2)
    #expect(try Run(shell: "heed generate - <&-").status == 1)
  }

  @Test("a pipe, a device and a folder are no files, and are said to be none at once")
  func noFiles() throws {
    try withFolder { folder in
      let pipe = folder.appendingPathComponent("pipe.gguf").path
      #expect(mkfifo(pipe, 0o600) == 0)
      let inside = folder.appendingPathComponent("folder.gguf").path
      try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: true)
      for path in [pipe, inside] {
        for arguments in [
          ["describe", path], ["generate", "x", "--model", path], ["evaluate", path],
          ["convert", path, folder.path + "/copy.gguf", "--dtype", "f32"],
          ["generate", "x", "--json-schema", path], ["generate", "x", "--prompt-cache", path],
        ] {
          let run = try Run(arguments)
          #expect(run.status == 1 && run.errors.contains("not a regular file"), "\(arguments)")
        }
      }
      #expect(!FileManager.default.fileExists(atPath: folder.path + "/copy.gguf"))
    }
  }

  @Test("a name that is no model says what can be named")
  func noModel() throws {
    for verb in [["generate", "x", "--model"], ["describe"], ["chat", "--model"]] {
      for name in ["storyteler", #filePath] {
        let run = try Run(verb + [name])
        #expect(run.status == 1 && run.errors.contains("shakespeare, storyteller, a folder"))
      }
    }
  }

  @Test("a conversion onto its own input leaves a whole model")
  func ontoItself() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("a.gguf").path
      #expect(try Run("convert", "storyteller", file, "--dtype", "q8_0").status == 0)
      let told = try Run("generate", "Once", "--model", file, "--tokens", "5")
      #expect(try Run("convert", file, file, "--dtype", "q8_0").status == 0)
      #expect(try Run("generate", "Once", "--model", file, "--tokens", "5").output == told.output)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.gguf"])
      let nowhere = try Run("convert", file, folder.path + "/no/b.gguf", "--dtype", "f16")
      #expect(nowhere.status == 1 && nowhere.errors.contains("cannot write"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.gguf"])
    }
  }

  @Test("a text that cannot be completed is a failure that says where it stands")
  func stuck() throws {
    // The vocabulary has no digits.
    for search in [[], ["--beams", "2"], ["--contrastive", "2"], ["--lookup", "2"]] {
      let run = try Run(["generate", "ROMEO:", "--regex", "a0+b"] + search)
      #expect(run.status == 1 && run.errors.contains("\"ROMEO:a\""), "\(search): \(run.errors)")
    }
    let json = try Run("generate", "ROMEO:", "--regex", "a0+b", "--json")
    #expect(json.status == 1 && json.output.contains("\"finish\":\"stuck\""))
  }

  @Test("a template that is no template is named by its line, before anything is said")
  func templates() throws {
    try withFolder { folder in
      let model = folder.appendingPathComponent("model").path
      #expect(try Run("convert", "shakespeare", model, "--dtype", "f32").status == 0)
      for (template, words) in [
        ("\n\n{% if %}", "line 3"), ("\n{{ nope() }}", "'nope' is undefined"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps"),
        ("{{ messages[0].content * 99999999 }}", "bytes of text"),
      ] {
        try Data(template.utf8).write(to: URL(fileURLWithPath: model + "/chat_template.jinja"))
        let run = try Run(["chat", "--model", model], input: "hi\n")
        #expect(
          run.status == 1 && run.output.isEmpty && run.errors.contains(words), "\(run.errors)")
      }
    }
  }

  /// Whether files can be written before they have a name, so that not even a killed process leaves one.
  private static let hasNamelessFiles: Bool = {
    #if os(Linux)
      let flags = O_WRONLY | O_DIRECTORY | 0o20_000_000
      let descriptor = open(FileManager.default.temporaryDirectory.path, flags, 0o600)
      if descriptor >= 0 { close(descriptor) }
      return descriptor >= 0
    #else
      return false
    #endif
  }()

  private static let hasFullDevice = FileManager.default.fileExists(atPath: "/dev/full")
}
