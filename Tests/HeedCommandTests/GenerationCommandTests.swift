import Foundation
import Testing

@Suite struct GenerationCommandTests {
  private func document(_ run: Run) throws -> [String: Any] {
    #expect(run.status == 0, "\(run.errors)")
    let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
    return try #require(value as? [String: Any])
  }

  private func texts(_ run: Run) throws -> [String] {
    let results = try #require(try document(run)["results"] as? [[String: Any]])
    return results.compactMap { $0["text"] as? String }
  }

  @Test("several prompts get what each gets alone, from the command line and from a file")
  func batch() throws {
    let options = ["--tokens", "12", "--seed", "4", "--json"]
    let prompts = ["ROMEO:", "A", "First Citizen: What"]
    let alone = try prompts.flatMap { try texts(Run(["generate", $0] + options)) }
    #expect(try texts(Run(["generate"] + prompts + options)) == alone)
    let lines = prompts.joined(separator: "\n") + "\n"
    #expect(try texts(Run(["generate", "--prompts", "-"] + options, input: lines)) == alone)
  }

  @Test("guesses ahead, by a draft or by looking up, leave the text as it is")
  func guesses() throws {
    let options = ["generate", "ROMEO:", "--tokens", "30", "--json"]
    let plain = try texts(Run(options))
    #expect(try texts(Run(options + ["--draft", "shakespeare"])) == plain)
    #expect(try texts(Run(options + ["--lookup", "4"])) == plain)
  }

  @Test("beams, contrastive search and several texts give as many texts as asked for")
  func searches() throws {
    for options in [
      ["--beams", "4", "--results", "3", "--length-penalty=-0.5", "--beam-end", "full"],
      ["--beams", "4", "--results", "3", "--beam-groups", "2", "--diversity-penalty", "1"],
      ["--results", "3", "--no-repeat", "3"],
    ] {
      let found = try texts(Run(["generate", "JULIET:", "--tokens", "8", "--json"] + options))
      #expect(found.count == 3)
    }
    let one = try Run("generate", "JULIET:", "--tokens", "8", "--contrastive", "4")
    #expect(one.status == 0 && one.output.hasPrefix("JULIET:"))
  }

  @Test("texts match the expression or the schema that they have to")
  func constraints() throws {
    let word = try texts(Run("generate", "ROMEO:", "--regex", " [a-z]{4}!", "--json"))
    #expect(word.first?.count == 6 && word.first?.hasSuffix("!") == true)
    // The vocabulary has neither braces nor quotes, but letters and an alternative without them.
    let schema = #"{"enum": [true, null]}"#
    let value = try texts(Run("generate", "ROMEO:", "--json-schema", schema, "--json"))
    #expect(["true", "null"].contains(value.first ?? ""))
  }

  @Test("log-probabilities and alternatives are reported for each token")
  func logprobs() throws {
    let run = try Run("generate", "ROMEO:", "--tokens", "3", "--logprobs", "2", "--json")
    let results = try #require(try document(run)["results"] as? [[String: Any]])
    let tokens = try #require(results.first?["tokens"] as? [[String: Any]])
    #expect(tokens.count == 3)
    for token in tokens {
      #expect((token["logprob"] as? Double ?? 1) <= 0)
      #expect((token["top"] as? [Any])?.count == 2)
    }
  }

  @Test("a prompt cache is made, used, and refused when it is damaged")
  func promptCache() throws {
    try withFolder { folder in
      let path = folder.appendingPathComponent("cache.safetensors").path
      let options = [
        "generate", "To be, or not to be", "--tokens", "20", "--json", "--prompt-cache", path,
      ]
      let first = try Run(options)
      #expect(first.errors.contains("0 of 19"))
      let second = try Run(options)
      #expect(second.errors.contains("18 of 19"))
      #expect(try texts(first) == texts(second))
      #expect(try texts(Run(Array(options.dropLast(2)))) == texts(first))
      try Data("nonsense".utf8).write(to: URL(fileURLWithPath: path))
      #expect(try Run(options).status == 1)
    }
  }

  @Test("a prompt cache serves every prompt that shares its beginning, and searches")
  func sharedPromptCache() throws {
    try withFolder { folder in
      let path = folder.appendingPathComponent("cache.safetensors").path
      for search in [["--results", "1"], ["--contrastive", "3"], ["--beams", "2"]] {
        let options =
          ["generate", "To be, or", "To be, and", "--tokens", "8", "--json"] + search
        let plain = try texts(Run(options))
        let run = try Run(options + ["--prompt-cache", path])
        #expect(try texts(run) == plain)
        #expect(run.errors.contains("7 of 10 tokens of prompt 2 were known"))
      }
      let long = String(repeating: "To be or not ", count: 60)
      let run = try Run(
        ["generate", "-", "--long-prompt", "--tokens", "2", "--prompt-cache", path], input: long)
      #expect(run.status == 0 && run.errors.contains("not used"))
      let other = try Run(
        "generate", "To be", "--prompt-cache", path, "--cache-type", "int8", "--tokens", "2")
      #expect(other.status == 1 && other.errors.contains("kind of cache"))
      #expect(other.errors.contains("delete the file"))
    }
  }

  @Test("precision, blocks, caches and threads are chosen by options and said in the document")
  func computing() throws {
    let options = ["generate", "ROMEO:", "--tokens", "12", "--json"]
    let plain = try document(Run(options))
    #expect(plain["precision"] as? String == "float32" && plain["cache"] as? String == "float32")
    #expect(try texts(Run(options + ["--threads", "1"])) == [plain["text"] as? String])
    let small = try document(Run(options + ["--precision", "bf16", "--cache-type", "int8"]))
    #expect(small["precision"] as? String == "bfloat16" && small["cache"] as? String == "int8")
    #expect((small["text"] as? String)?.count == 12)
    for verb in [["evaluate", "-"], ["explain", "-"]] {
      let run = try Run(
        verb + ["--quantize", "q8_0", "--threads", "2", "--json"], input: "To be, or not to be")
      #expect(run.status == 0, "\(run.errors)")
    }
  }

  @Test("a file of bfloat16 weights is multiplied as bfloat16 unless told otherwise")
  func halfPrecisionFile() throws {
    try withFolder { folder in
      for (type, precision) in [("bf16", "bfloat16"), ("f16", "float32")] {
        let model = folder.appendingPathComponent(type).path
        #expect(try Run("convert", "shakespeare", model, "--dtype", type).status == 0)
        let options = ["generate", "ROMEO:", "--tokens", "3", "--json", "--model", model]
        let run = try document(Run(options))
        #expect(run["precision"] as? String == precision && run["cache"] as? String == precision)
        let exact = try document(Run(options + ["--precision", "f32"]))
        #expect(exact["precision"] as? String == "float32")
      }
    }
  }

  @Test("sampling settings that were published are the defaults, and can be left out")
  func published() throws {
    try withFolder { folder in
      let model = folder.appendingPathComponent("model").path
      #expect(try Run("convert", "shakespeare", model, "--dtype", "f32").status == 0)
      let file = URL(fileURLWithPath: model + "/generation_config.json")
      try Data(#"{"do_sample": true, "temperature": 0.5, "top_k": 3}"#.utf8).write(to: file)
      let options = ["generate", "ROMEO:", "--tokens", "20", "--json", "--model", model]
      func sampling(_ more: [String]) throws -> [Double?] {
        let values = try document(Run(options + more))["sampling"] as? [String: Any]
        return [values?["temperature"] as? Double, values?["top_k"] as? Double]
      }
      #expect(try sampling([]) == [0.5, 3])
      #expect(try sampling(["--top-k", "9"]) == [0.5, 9])
      #expect(try sampling(["--no-published"]) == [0.8, nil])
      let given = ["--temperature", "0.5", "--top-k", "3", "--no-published"]
      #expect(try texts(Run(options)) == texts(Run(options + given)))
      #expect(try Run(options + ["--beams", "2"]).status == 0)
      try Data(#"{"do_sample": true, "temperature": -1}"#.utf8).write(to: file)
      let run = try Run(options)
      #expect(run.status == 1 && run.errors.contains("--no-published"))
    }
  }

  @Test("probabilities are printed without --json too, also those of the prompt")
  func printedProbabilities() throws {
    let run = try Run(
      "generate", "ROMEO:", "--tokens", "3", "--logprobs", "2", "--prompt-logprobs", "0")
    #expect(run.status == 0 && run.output.contains("log-probabilities of prompt 1:\n"))
    let lines = run.output.components(separatedBy: "log-probabilities of text 1:\n")
    #expect(lines.count == 2 && lines[1].split(separator: "\n").count == 3)
    #expect(lines[1].contains("   of \""))
    let beams = try document(
      Run("generate", "ROMEO:", "--tokens", "3", "--logprobs", "1", "--beams", "2", "--json"))
    let results = try #require(beams["results"] as? [[String: Any]])
    let tokens = try #require(results.first?["tokens"] as? [[String: Any]])
    #expect(tokens.count == 3 && tokens.allSatisfy { $0["logprob"] is Double })
  }

  @Test("a text that was cut before it matched says so")
  func cut() throws {
    let options = ["generate", "ROMEO:", "--tokens", "5", "--json", "--regex"]
    let run = try Run(options + ["[a-z]{20}"])
    #expect(run.status == 0 && run.errors.contains("cut after 5 tokens"))
    let results = try document(run)["results"] as? [[String: Any]]
    #expect(results?.first?["finish"] as? String == "length")
    #expect(try Run(options + ["[a-z]+"]).errors.isEmpty)
  }

  @Test("what the last token was read from is drawn and written, by the ids of the text")
  func explained() throws {
    try withFolder { folder in
      let path = folder.appendingPathComponent("heads.json").path
      let run = try Run(
        "generate", "ROMEO:", "--tokens", "150", "--explain-to", path, "--seed", "2")
      #expect(run.status == 0 && run.errors.contains("wrote"))
      let value = try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: path)))
      let document = try #require(value as? [String: Any])
      #expect((document["tokens"] as? [String])?.count == 128)
      let picture = folder.appendingPathComponent("chat.svg").path
      let chat = try Run(
        ["chat", "--tokens", "5", "--explain-to", picture, "--lookup", "2"], input: "hello\n")
      #expect(chat.status == 0 && FileManager.default.fileExists(atPath: picture))
    }
  }

  @Test("layers and heads are chosen for the terminal, for JSON and for files")
  func chosenHeads() throws {
    let chosen = ["explain", "To be, or not", "--layer", "1-2", "--layer", "4", "--head", "3"]
    let drawing = try Run(chosen)
    #expect(drawing.output.components(separatedBy: "  layer ").count == 4)
    #expect(drawing.output.contains("layer 4 head 3") && !drawing.output.contains("layer 0"))
    let json = try document(Run(chosen + ["--json", "--matrices"]))
    let heads = try #require(json["heads"] as? [[String: Any]])
    #expect(heads.map { $0["layer"] as? Int } == [1, 2, 4])
    #expect(heads.allSatisfy { ($0["matrix"] as? [[Double]])?.count == 13 })
    try withFolder { folder in
      let path = folder.appendingPathComponent("heads.json").path
      #expect(try Run(chosen + ["--output", path]).status == 0)
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.components(separatedBy: "\"badge\"").count <= 4 && !text.contains("matrix"))
    }
  }

  @Test("a conversation that was saved goes on")
  func history() throws {
    try withFolder { folder in
      let path = folder.appendingPathComponent("chat.json").path
      let options = ["chat", "--tokens", "8", "--json"]
      let whole = try Run(options, input: "Good morrow\n/save \(path)\nAnd you\n")
      #expect(try Run(options + ["--history", path], input: "And you\n").output == whole.output)
      let loaded = try Run(options, input: "lost\n/load \(path)\nAnd you\n")
      #expect(loaded.output == whole.output && loaded.errors.contains("loaded 2 messages"))
      try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
      #expect(try Run(options + ["--history", path], input: "").status == 1)
      #expect(try Run(options + ["--regex", "[a-c]{3}"], input: "x\n").output.count < 80)
    }
  }

  @Test("a conversation over standard input, with its commands")
  func chat() throws {
    try withFolder { folder in
      let path = folder.appendingPathComponent("chat.json").path
      let options = ["chat", "--tokens", "10", "--seed", "2"]
      let run = try Run(
        options,
        input: "Good morrow\n/save \(path)\n/reset\nGood morrow\n/help\n/nonsense\n/quit\nlost\n")
      #expect(run.status == 0 && run.errors.contains("saved 2 messages"))
      #expect(run.errors.contains("/nonsense is unknown") && run.output.contains("/save FILE"))
      let saved = try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: path)))
      let messages = try #require(saved as? [[String: String]])
      #expect(messages.map { $0["role"] } == ["user", "assistant"])
      let replies = run.output.components(separatedBy: "\n\n")
      // After a reset the same message gets the same reply.
      #expect(replies[0] == messages[1]["content"] && replies[1].hasPrefix(replies[0]))
      let json = try Run(options + ["--json"], input: "Good morrow\n")
      #expect(json.output.hasPrefix(#"[{"role":"user","content":"Good morrow"},"#))
    }
  }

  @Test("a text is evaluated, with and without an overlap")
  func evaluate() throws {
    let text = String(repeating: "To be, or not to be, that is the question.\n", count: 12)
    let plain = try document(Run(["evaluate", "-", "--json"], input: text))
    let overlapped = try document(
      Run(["evaluate", "-", "--json", "--overlap", "64"], input: text))
    #expect(plain["tokens"] as? Int == overlapped["tokens"] as? Int)
    let losses = [plain, overlapped].compactMap { $0["loss"] as? Double }
    #expect(losses.count == 2 && losses[1] < losses[0])
    // A byte is a token here; the first one is not predicted and costs 7 bits, one of 65.
    let bits = ["bits_per_token", "bits_per_byte"].compactMap { plain[$0] as? Double }
    let count = Double(text.utf8.count)
    #expect(bits.count == 2 && abs(bits[0] * (count - 1) + 7 - bits[1] * count) < 1e-6)
  }

  @Test("a model against itself says what a small cache costs")
  func evaluateCache() throws {
    let text = String(repeating: "To be, or not to be, that is the question.\n", count: 6)
    let options = ["evaluate", "-", "--json", "--cache-type", "int8"]
    let run = try document(Run(options, input: text))
    #expect(run["cache"] as? String == "int8")
    let against = try document(Run(options + ["--against", "shakespeare"], input: text))
    #expect((against["divergence"] as? Double ?? 0) > 0 && against["cache"] as? String == "int8")
  }

  @Test(
    "a prompt that is too long says so and what to do")
  func longPrompt() throws {
    let prompt = String(repeating: "To be or not ", count: 60)
    let run = try Run(["generate", "-"], input: prompt)
    #expect(run.status == 1 && run.errors.contains("780 tokens"))
    #expect(run.errors.contains("--long-prompt"))
    #expect(
      try Run(["generate", "-", "--long-prompt", "--tokens", "5"], input: prompt).status == 0)
  }

  private static let wrong: [[String]] = [
    ["--beams", "2", "--contrastive", "3"], ["--results", "3", "--beams", "2"],
    ["--logprobs", "-3"], ["--logit-bias", "x"], ["--beams", "2", "--top-k", "3"],
    ["--beams", "2", "--temperature", "0.7"], ["--contrastive", "2", "--min-p", "0.1"],
    ["--threads", "0"], ["--precision", "f64"], ["--cache-type", "int4"],
    ["--explain-to", "a.html"], ["--explain-to", "a.attn"], ["--draft", "x", "--lookup", "2"],
    ["--typical-p", "2"], ["--regex", "a", "--json-schema", "{}"],
  ]

  private static let impossible: [[String]] = [
    ["--regex", "(a"], ["--json-schema", #"{"type": "x"}"#], ["--json-schema", "/nowhere"],
    ["--draft", "/nowhere"], ["--logit-bias", "ab=1"], ["--logit-bias", "9999=1"],
    ["--forbid", "\u{4E2D}"],
  ]

  @Test("options that do not go together are wrong use", arguments: wrong)
  func wrongUse(options: [String]) throws {
    let run = try Run(["generate", "x"] + options)
    #expect(run.status == 2 && run.output.isEmpty && !run.errors.isEmpty)
  }

  @Test("what a model or a constraint cannot do is a failure", arguments: impossible)
  func refused(options: [String]) throws {
    let run = try Run(["generate", "x"] + options)
    #expect(run.status == 1 && run.output.isEmpty && !run.errors.isEmpty)
  }
}
