import Foundation
import HeedFormats
import HeedTensor
import Testing

/// The real binary, run as a person would run it.
struct Run {
  let status: Int32
  let output: String
  let errors: String

  init(_ arguments: String..., input: String = "") throws {
    try self.init(arguments, input: input)
  }

  init(_ arguments: [String], input: String = "") throws {
    try self.init(Self.binary, arguments, input: Data(input.utf8))
  }

  /// The command in `script` of a shell, where it is called `heed`.
  init(shell script: String, input: Data = Data()) throws {
    let shell = URL(fileURLWithPath: "/bin/sh")
    try self.init(
      shell, ["-c", "heed() { '\(Self.binary.path)' \"$@\"; }; " + script], input: input)
  }

  static var binary: URL {
    let beside = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appendingPathComponent("heed")
    let built = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent(".build/release/heed")
    return FileManager.default.isExecutableFile(atPath: beside.path) ? beside : built
  }

  private init(_ executable: URL, _ arguments: [String], input: Data) throws {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    let (out, err, stdin) = (Pipe(), Pipe(), Pipe())
    process.standardOutput = out
    process.standardError = err
    process.standardInput = stdin
    try process.run()
    // Who ends without reading its input is no failure of the test.
    try? stdin.fileHandleForWriting.write(contentsOf: input)
    try stdin.fileHandleForWriting.close()
    output = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    errors = String(decoding: err.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    status = process.terminationStatus
  }
}

@Suite struct CommandTests {
  @Test("help names every verb and ends well")
  func help() throws {
    let run = try Run("--help")
    #expect(run.status == 0 && run.errors.isEmpty)
    for verb in [
      "tour", "generate", "chat", "explain", "train", "evaluate", "verify", "bench", "describe",
    ] {
      #expect(run.output.contains("  \(verb) "), "\(verb)")
    }
  }

  @Test(
    "wrong use is status 2, with words on standard error",
    arguments: [
      ["generate"], ["generate", "x", "--temperature", "-1"], ["generate", "x", "--top-p", "0"],
      ["generate", "x", "--nonsense"], ["nonsense"], ["bench", "attention", "--width", "0"],
      ["explain", "x", "--output", "picture.gif"], ["train", "storyteller"],
      ["train", "storyteller", "--data", "a", "--text", "b"], ["evaluate", "a", "--order", "0"],
      ["train", "nonsense"], ["train", "shakespeare-chars", "--set", "rate=1"],
      ["train", "shakespeare-chars", "--set", "x"],
      ["train", "shakespeare-chars", "--set", "steps=many"],
      ["bench", "matmul", "--dtype", "q8_0"],
    ])
  func wrongUse(arguments: [String]) throws {
    let run = try Run(arguments)
    #expect(run.status == 2)
    #expect(run.output.isEmpty && !run.errors.isEmpty)
  }

  @Test(
    "what cannot be done is status 1, with words on standard error",
    arguments: [
      ["generate", "x", "--model", "/nowhere"], ["describe", "/nowhere"],
      ["evaluate", "/nowhere/text"], ["generate", ""], ["generate", "\u{4E2D}"],
      ["verify", "/nowhere"], ["explain", "To be", "--output", "/nowhere/heads.svg"],
      ["explain", "To be", "--layer", "99", "--output", "/tmp/heed-test.svg"],
      ["train", "storyteller", "--data", "/nowhere"],
    ])
  func failures(arguments: [String]) throws {
    let run = try Run(arguments)
    #expect(run.status == 1)
    #expect(!run.errors.isEmpty)
  }

  @Test("the model that ships writes the same text for the same seed")
  func generate() throws {
    let first = try Run("generate", "ROMEO:", "--tokens", "40", "--seed", "3")
    #expect(first.status == 0 && first.output.hasPrefix("ROMEO:"))
    #expect(try Run("generate", "ROMEO:", "--tokens", "40", "--seed", "3").output == first.output)
    let fromInput = try Run("generate", "-", "--tokens", "40", "--seed", "3", input: "ROMEO:")
    #expect(fromInput.output == first.output)
  }

  @Test("--json prints one document and nothing else")
  func json() throws {
    for run in [
      try Run("generate", "ROMEO:", "--tokens", "5", "--json"),
      try Run("explain", "To be, or not", "--json"), try Run("tour", "--json"),
      try Run("describe", "storyteller", "--json"),
      try Run("bench", "matmul", "--m", "4", "--n", "8", "--k", "8", "--seconds", "0", "--json"),
    ] {
      #expect(run.status == 0)
      let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
      #expect((value as? [String: Any])?.isEmpty == false)
    }
  }

  @Test("the product bench has every type of its contract", arguments: ["f32", "bf16", "int8"])
  func products(type: String) throws {
    let run = try Run(
      "bench", "matmul", "--m", "3", "--n", "40", "--k", "50", "--dtype", type, "--seconds", "0",
      "--json")
    let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
    let document = try #require(value as? [String: Any])
    #expect(run.status == 0 && document["median_s"] as? Double ?? 0 > 0)
    #expect(document["of_limit"] as? Double ?? 0 > 0)
  }

  @Test("the tokenizer bench counts tokens and names a tokenizer that is none")
  func tokenizeBench() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("heed-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let tokenizer = folder.appendingPathComponent("tokenizer.json").path
    let text = folder.appendingPathComponent("text.txt").path
    try Data(#"{"type": "characters", "characters": "ab"}"#.utf8)
      .write(to: URL(fileURLWithPath: tokenizer))
    try Data("abba".utf8).write(to: URL(fileURLWithPath: text))
    let run = try Run(
      "bench", "tokenize", "--tokenizer", tokenizer, "--text", text, "--threads", "1", "--seconds",
      "0", "--json")
    #expect(run.status == 0)
    let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
    let members = try #require(value as? [String: Any])
    #expect(members["tokens"] as? Int == 4)
    #expect((members["median_s"] as? Double ?? 0) > 0)
    let wrong = try Run("bench", "tokenize", "--tokenizer", text, "--text", text)
    #expect(wrong.status == 1)
    #expect(wrong.output.isEmpty && wrong.errors.contains("unknown kind of tokenizer"))
  }

  @Test("a text costs fewer bits a byte for counting that has seen it")
  func ngrams() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("heed-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = folder.appendingPathComponent("text.txt").path
    let other = folder.appendingPathComponent("other.txt").path
    try Data("To be, or not to be, that is the question:".utf8).write(
      to: URL(fileURLWithPath: text))
    try Data("Now is the winter of our discontent".utf8).write(to: URL(fileURLWithPath: other))
    func bits(_ arguments: String...) throws -> Double {
      let run = try Run(["evaluate", text, "--json"] + arguments)
      #expect(run.status == 0)
      let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
      return try #require((value as? [String: Any])?["bits_per_byte"] as? Double)
    }
    let known = try bits("--ngram", other, "--ngram", text)
    #expect(try known < bits("--ngram", other) && known > 0)
    #expect(try bits("--overlap", "20") > 0)
  }

  @Test("explain writes pictures that are whole files")
  func pictures() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("heed-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let starts: [(String, [UInt8])] = [
      ("a.png", [0x89, 0x50, 0x4E, 0x47]), ("a.svg", Array("<svg".utf8)), ("a.json", [0x7B]),
    ]
    for (name, start) in starts {
      let path = folder.appendingPathComponent(name).path
      #expect(try Run("explain", "To be, or not to be", "--output", path).status == 0)
      let bytes = try #require(FileManager.default.contents(atPath: path))
      #expect(bytes.starts(with: start))
    }
  }

  @Test("a model is converted to blocks, described and started; the cost is measured on a text")
  func convert() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("small.gguf").path
    let text = folder.appendingPathComponent("text.txt").path
    try Data("To be, or not to be, that is the question:\n".utf8).write(
      to: URL(fileURLWithPath: text))
    let run = try Run(
      "convert", "shakespeare", file, "--dtype", "q8_0", "--measure", text, "--json")
    // Characters have no name in GGUF, and the command says so.
    #expect(run.status == 0 && run.errors.contains("only Heed will find it"), "\(run.errors)")
    let values = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
    let change = try #require(values?["change_percent"] as? Double)
    #expect(abs(change) < 1)
    // 34 bytes for 32 weights of 4.
    #expect((values?["bytes"] as? Int ?? .max) < 2_200_000)
    let (described, original) = (try Run("describe", file), try Run("describe", "shakespeare"))
    #expect(described.status == 0 && described.output == original.output)
    let started = try Run("bench", "start", "--model", file, "--dtype", "q8_0", "--json")
    #expect(started.status == 0 && started.output.contains("\"tokens\": \""))
    let timed = try Run(
      "bench", "generate", "--model", "shakespeare", "--prompt-tokens", "4", "--new-tokens", "1",
      "--dtype", "f32", "--json")
    #expect(timed.status == 0 && timed.output.contains("median_s"), "\(timed.errors)")
    // The tokenizer travels in the file.
    let told = try Run("generate", "ROMEO:", "--model", file, "--tokens", "20")
    #expect(told.status == 0 && told.output.hasPrefix("ROMEO:"), "\(told.errors)")
    let wrong = try Run("convert", "shakespeare", file, "--dtype", "q3")
    #expect(wrong.status == 2)
    // Names in any case; what rows of 192 and 416 cannot be is said, to people and to programs.
    let small = try Run(
      "convert", "shakespeare", folder.path + "/k.gguf", "--dtype", "Q4_K", "--calibrate", "none",
      "--json")
    #expect(small.status == 0)
    #expect(
      small.errors.contains(
        "30 matrices of rows of 192 became q5_0: q4_k needs multiples of 256\n"))
    #expect(
      small.output.contains(
        #"{"matrices":30,"row":192,"wanted":"q4_k","written":"q5_0","multiple_of":256}"#))
    // Back to a folder, which tells the same.
    let made = folder.path + "/made"
    let back = try Run("convert", file, made, "--dtype", "f32")
    #expect(back.status == 0, "\(back.errors)")
    #expect(try Run("describe", made).output == original.output)
    let written = try Run("generate", "ROMEO:", "--model", made, "--tokens", "20")
    #expect(written.status == 0 && written.output.hasPrefix("ROMEO:"))
    let again = try Run("convert", file, made, "--dtype", "f32")
    #expect(again.status == 1 && again.errors.contains("already"))
    let folderOfBlocks = try Run("convert", "shakespeare", folder.path + "/f", "--dtype", "q8_0")
    #expect(folderOfBlocks.status == 1 && folderOfBlocks.errors.contains(".gguf"))
  }

  @Test("a model in parts is described, converted and told from by any of them")
  func parts() throws {
    try withFolder { folder in
      let whole = folder.path + "/whole.gguf"
      #expect(try Run("convert", "storyteller", whole, "--dtype", "q8_0").status == 0)
      let file = try GGUFFile(path: whole)
      let paths = [1, 2].map { folder.path + "/m-0000\($0)-of-00002.gguf" }
      for (number, path) in paths.enumerated() {
        let names = number == 0 ? file.tensorNames.prefix(9) : file.tensorNames.dropFirst(9)
        let tensors = try names.map { name in
          if let blocks = try file.blocks(named: name) { return GGUFTensor(name, blocks) }
          let tensor = try file.tensor(named: name)
          return GGUFTensor(
            name, shape: tensor.shape, type: .elements(tensor.elementType)
          ) { tensor }
        }
        let about: [(key: String, value: GGUFValue)] = [
          ("split.no", .uint16(UInt16(number))), ("split.count", .uint16(2)),
          ("split.tensors.count", .int32(Int32(file.tensorNames.count))),
        ]
        try GGUFFile.write(
          metadata: (number == 0 ? file.metadata : []) + about, tensors: tensors, to: path)
      }
      #expect(try Run("describe", paths[1]).output == Run("describe", whole).output)
      let told = ["generate", "Once", "--tokens", "3", "--temperature", "0", "--model"]
      #expect(try Run(told + [paths[1]]).output == Run(told + [whole]).output)
      let joined = folder.path + "/joined.gguf"
      #expect(try Run("convert", paths[0], joined, "--dtype", "q8_0").status == 0)
      let contents = [whole, joined].map { FileManager.default.contents(atPath: $0) }
      #expect(contents[0] != nil && contents[0] == contents[1])
      try FileManager.default.removeItem(atPath: paths[0])
      let alone = try Run("describe", paths[1])
      #expect(alone.status == 1 && alone.errors.contains("1 of 2 parts are not there"))
    }
  }
}
