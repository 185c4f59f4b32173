import ArgumentParser
import Foundation
import Heed
import HeedFormats
import HeedModels
import HeedText

/// `heed generate`: continues texts.
struct Generate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue a text, or several.",
    discussion: """
      One prompt is continued as you watch. Several prompts, from the command line or a file, are \
      continued side by side; each gets the text that it would get alone. The same prompt, seed and \
      settings give the same text, with or without a draft model, a prompt cache or other prompts.
      """)

  @Argument(help: "The texts to continue; - reads one from standard input.") var prompt: [String] =
    []
  @Option(help: "Prompts from a file, one a line; - reads standard input.") var prompts: String?
  @OptionGroup var model: ModelOptions
  @OptionGroup(title: "Choosing tokens") var sampling: SamplingOptions
  @OptionGroup(title: "Searching") var search: SearchOptions
  @Option(help: "Keep what the model remembers of the prompt in this file, and begin from it.")
  var promptCache: String?
  @Option(help: "Report the probability of each token and of this many others (with --json).")
  var logprobs: Int?
  @Flag(help: "Draw what the last token was read from.") var explain = false
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    if prompt.isEmpty, prompts == nil {
      throw ValidationError("give a text to continue, or --prompts FILE")
    }
    if let logprobs, logprobs < 0 { throw ValidationError("--logprobs must be 0 or more") }
    if logprobs != nil, !json { throw ValidationError("--logprobs needs --json") }
  }

  func run() async throws {
    let text = try model.load()
    var all: [String] = []
    for argument in prompt { all.append(try readText(argument)) }
    if let prompts {
      all += try readFile(prompts).split(separator: "\n").map {
        String($0.hasSuffix("\r") ? $0.dropLast() : $0)
      }
    }
    guard !all.isEmpty else { throw CommandError("\(prompts ?? ""): there is no prompt in it") }
    var settings = try sampling.settings(text)
    try search.apply(to: &settings)
    settings.alternativeCount = logprobs
    let cache = try cache(of: all, text, settings)
    let isStreamed =
      all.count == 1 && settings.resultCount == 1 && settings.strategy == .sampling && !json
    if isStreamed {
      // Made before anything is shown, so that a prompt that is refused leaves no output.
      var generator = try TextGenerator(
        text, prompt: all[0], settings: settings, cache: cache)
      var whole = all[0]
      show(whole)
      while let piece = generator.next() {
        whole += piece
        show(piece)
      }
      print()
      if generator.finish == .stuck { throw GenerationError.stuck(after: whole, settings) }
      try drawn(text, whole)
      return
    }
    let results = try text.generate(all, settings: settings, cache: cache)
    if json {
      print(document(results, all, text).text())
    } else {
      for (place, result) in results.enumerated() {
        if results.count > 1 {
          let score = result.score.map { String(format: ", score %.4f", $0) } ?? ""
          print("\(place > 0 ? "\n" : "")[prompt \(result.prompt + 1)\(score)]")
        }
        print(all[result.prompt] + result.text)
      }
    }
    if let stuck = results.first(where: { $0.finish == .stuck }) {
      throw GenerationError.stuck(after: all[stuck.prompt] + stuck.text, settings)
    }
    if let first = results.first { try drawn(text, all[first.prompt] + first.text) }
  }

  private func drawn(_ text: TextModel, _ whole: String) throws {
    if explain { try Explain.draw(text, String(whole.suffix(text.model.spec.contextLength))) }
  }

  /// The cache of the first prompt: from the file as far as it goes, and written back when it went
  /// not far enough.
  private func cache(
    of prompts: [String], _ text: TextModel, _ settings: GenerationSettings
  ) throws -> PromptCache? {
    guard let promptCache, let first = prompts.first else { return nil }
    let ids = try text.tokenizer.encode(first)
    guard !ids.isEmpty, ids.count <= text.model.spec.contextLength else { return nil }
    let known =
      FileManager.default.fileExists(atPath: promptCache)
      ? try PromptCache(contentsOf: promptCache, for: text) : nil
    let shared = known?.sharedCount(with: ids) ?? 0
    note("prompt cache: \(shared) of \(ids.count) tokens were known")
    if let known, shared >= ids.count - 1 { return known }
    let cache = try PromptCache(reading: ids, by: text, from: known)
    try cache.save(to: promptCache)
    return cache
  }

  private func document(
    _ results: [GeneratedText], _ prompts: [String], _ text: TextModel
  ) -> JSONValue {
    func shown(_ id: Int) -> JSONValue { .string(text.tokenizer.decode([id])) }
    let entries = results.map { result -> JSONValue in
      var entry = JSONObject()
      entry["prompt"] = .string(prompts[result.prompt])
      entry["text"] = .string(result.text)
      entry["finish"] = .string(result.finish.description)
      entry["ids"] = .array(result.tokens.map { .integer($0.id) })
      entry["score"] = result.score.map { .number(Double($0)) }
      if logprobs != nil {
        entry["tokens"] = .array(
          result.tokens.map { token in
            [
              "id": .integer(token.id), "text": shown(token.id),
              "logprob": token.logProbability.map { .number(Double($0)) } ?? .null,
              "top": .array(
                token.alternatives.map {
                  [
                    "id": .integer($0.id), "text": shown($0.id),
                    "logprob": .number(Double($0.logProbability)),
                  ]
                }),
            ]
          })
      }
      return .object(entry)
    }
    var document = JSONObject()
    document["model"] = .string(text.name)
    document["seed"] = .integer(Int(clamping: sampling.seed))
    if let first = results.first, prompts.count == 1 {
      document["prompt"] = .string(prompts[0])
      document["text"] = .string(first.text)
    }
    document["results"] = .array(entries)
    return .object(document)
  }
}
