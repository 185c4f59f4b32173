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
      Run(["evaluate", "-", "--json", "--perplexity", "--overlap", "64"], input: text))
    #expect(plain["tokens"] as? Int == overlapped["tokens"] as? Int)
    let losses = [plain, overlapped].compactMap { $0["loss"] as? Double }
    #expect(losses.count == 2 && losses[1] < losses[0])
    // A byte is a token here; the first one is not predicted and costs 7 bits, one of 65.
    let bits = ["bits_per_token", "bits_per_byte"].compactMap { plain[$0] as? Double }
    let count = Double(text.utf8.count)
    #expect(bits.count == 2 && abs(bits[0] * (count - 1) + 7 - bits[1] * count) < 1e-6)
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
    ["--logprobs", "3"], ["--logit-bias", "x"], ["--draft", "x", "--lookup", "2"],
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
