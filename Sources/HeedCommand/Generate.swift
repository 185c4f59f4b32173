import ArgumentParser
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedText

/// `heed generate`: continues texts.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Continue a text, or several.",
    discussion: """
      One prompt is continued as you watch. Several prompts, from the command line or a file, are \
      continued side by side; each gets the text that it would get alone. The same prompt, seed and \
      settings give the same text, with or without a draft model, a prompt cache or other prompts.

      Beams and contrastive search take what is likeliest: temperatures and filters such as --top-k go \
      with sampling alone.
      """)

  @Argument(help: "The texts to continue; - reads one from standard input.") var prompt: [String] =
    []
  @Option(help: "Prompts from a file, one a line; - reads standard input.") var prompts: String?
  @OptionGroup(title: "The model") var model: ModelOptions
  @OptionGroup(title: "The model") var cache: CacheOptions
  @OptionGroup(title: "Choosing tokens") var sampling: SamplingOptions
  @OptionGroup(title: "Searching") var search: SearchOptions
  @OptionGroup(title: "Constraints") var constraint: ConstraintOptions
  @OptionGroup(title: "Speed") var speculation: SpeculationOptions
  @OptionGroup(title: "Long texts") var context: ContextOptions
  @OptionGroup(title: "Looking inside") var explanation: ExplainOptions
  @Option(help: "Keep what the model remembers of the prompt in this file, and begin from it.")
  var promptCache: String?
  @Option(
    parsing: .unconditional, help: "Report the probability of each token and of this many others.")
  var logprobs: Int?
  @Option(parsing: .unconditional, help: "Report the same of the tokens of the prompt.")
  var promptLogprobs: Int?
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    if prompt.isEmpty, prompts == nil {
      throw ValidationError("give a text to continue, or --prompts FILE")
    }
    for (name, count) in [("--logprobs", logprobs), ("--prompt-logprobs", promptLogprobs)] {
      if let count, count < 0 { throw ValidationError("\(name) must be 0 or more") }
    }
    var settings = GenerationSettings(sampling: sampling.sampling(for: search.strategy))
    settings.strategy = search.strategy
    if let problem = settings.problem { throw ValidationError(problem) }
    if explanation.explain, json {
      throw ValidationError(
        "--explain draws beside the JSON document: give --explain-to FILE.json instead")
    }
    if speculation.isGiven, settings.strategy != .sampling {
      throw ValidationError("--draft and --lookup go with sampling and greedy choice only")
    }
  }

  func run() throws { try model.withThreads { try generate() } }

  private func generate() throws {
    try explanation.checkPlace()
    if let promptCache, !FileAccess.exists(promptCache) { try AtomicFile.check(promptCache) }
    let text = try model.load(cacheType: cache.cacheType)
    var all: [String] = []
    for argument in prompt { all.append(try readText(argument)) }
    if let prompts {
      all += try readFile(prompts).split(separator: "\n").map {
        String($0.hasSuffix("\r") ? $0.dropLast() : $0)
      }
    }
    guard !all.isEmpty else {
      let place = prompts == "-" ? "standard input" : prompts ?? ""
      throw CommandError("\(place): there is no prompt in it")
    }
    var settings = try sampling.settings(text, model, strategy: search.strategy)
    settings.resultCount = search.results
    settings.constraint = try constraint.constraint()
    settings.speculation = try speculation.speculation(model)
    settings.alternativeCount = logprobs
    context.apply(to: &settings)
    let ids = try all.map { try text.tokenizer.encode($0) }
    var batch = try BatchGenerator(
      text, promptTokens: ids, settings: settings, cache: promptCache(of: ids, text, settings))
    let isStreamed =
      all.count == 1 && settings.resultCount == 1 && settings.strategy == .sampling && !json
    if isStreamed {
      // Checked before anything is shown, so that a prompt that is refused leaves no output.
      show(all[0])
      while let pieces = batch.next() { pieces.forEach { show($0.text) } }
      // Not shown at once: a full disk has to be seen at the end.
      print()
    } else {
      while batch.next() != nil {}
    }
    let results = batch.results
    let promptTokens = try promptLogprobs.map { count in
      try ids.map { try text.probabilities(of: $0, alternativeCount: count) }
    }
    let report = GenerationReport(
      text: text, prompts: all, results: results, settings: settings, promptTokens: promptTokens)
    if json {
      print(report.document.text())
    } else {
      if !isStreamed { print(report.texts) }
      if logprobs != nil || promptLogprobs != nil { print("\n" + report.probabilities) }
    }
    try finish(results, all, ids, text, settings)
  }

  /// Says what went wrong with texts that are printed, and explains the first.
  private func finish(
    _ results: [GeneratedText], _ prompts: [String], _ ids: [[Int]], _ text: TextModel,
    _ settings: GenerationSettings
  ) throws {
    if let stuck = results.first(where: { $0.finish == .stuck }) {
      throw GenerationError.stuck(after: prompts[stuck.prompt] + stuck.text, settings)
    }
    for result in results where settings.isCut(result) {
      note(
        "the text was cut after \(result.tokens.count) tokens, before it matched what it has to: "
          + "allow more with --tokens")
    }
    if let first = results.first {
      try explanation.show(text, ids[first.prompt] + first.tokens.map(\.id))
    }
  }

  /// The cache of the first prompt: from the file as far as it goes, and written back when it went
  /// not far enough. Other prompts begin from it as far as they share its beginning.
  private func promptCache(
    of prompts: [[Int]], _ text: TextModel, _ settings: GenerationSettings
  ) throws -> PromptCache? {
    guard let promptCache, let ids = prompts.first, !ids.isEmpty else { return nil }
    guard ids.count <= text.model.spec.contextLength else {
      note("prompt cache: not used, because the prompt is longer than the context")
      return nil
    }
    let isContrastive = if case .contrastive = settings.strategy { true } else { false }
    let known =
      FileAccess.exists(promptCache)
      ? try PromptCache(contentsOf: promptCache, for: text) : nil
    let shared = known?.sharedCount(with: ids, keepsHiddenStates: isContrastive) ?? 0
    note("prompt cache: \(shared) of \(ids.count) tokens were known")
    var cache = known
    if known == nil || shared < ids.count - 1 {
      cache = try PromptCache(
        reading: ids, by: text, from: known, keepsHiddenStates: isContrastive)
      try cache?.save(to: promptCache)
    }
    for (place, other) in prompts.enumerated().dropFirst() {
      let shared = cache?.sharedCount(with: other, keepsHiddenStates: isContrastive) ?? 0
      note("prompt cache: \(shared) of \(other.count) tokens of prompt \(place + 1) were known")
    }
    return cache
  }
}
