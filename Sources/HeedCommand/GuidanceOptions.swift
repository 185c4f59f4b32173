import ArgumentParser
import Heed
import HeedExplorer
import HeedFormats
import HeedModels
import HeedTensor
import HeedText

/// What a text has to match, as options.
struct ConstraintOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "The text has to match this regular expression.")
  var regex: String?
  @Option(help: "The text has to be JSON of this schema: a file, or the schema itself.")
  var jsonSchema: String?

  func validate() throws {
    if regex != nil, jsonSchema != nil {
      throw ValidationError("--regex and --json-schema are two constraints: choose one")
    }
  }

  func constraint() throws -> TextConstraint? {
    if let regex { return try TextConstraint(pattern: regex) }
    guard let jsonSchema else { return nil }
    let isInline = jsonSchema.drop { $0.isWhitespace }.hasPrefix("{")
    let schema =
      isInline
      ? try JSONValue(parsing: jsonSchema, place: "--json-schema")
      : try JSONValue(contentsOf: jsonSchema)
    return try TextConstraint(jsonSchema: schema)
  }
}

/// How texts get longer faster, as options.
struct SpeculationOptions: ParsableArguments {
  @Option(help: "Guess tokens ahead by this model; the text stays the same.") var draft: String?
  @Option(
    parsing: .unconditional, help: "How many tokens the draft model guesses ahead (default: 4).")
  var draftTokens: Int?
  @Option(
    parsing: .unconditional,
    help: "Guess this many tokens ahead by what followed the same words before.")
  var lookup: Int?

  func validate() throws {
    if draft != nil, lookup != nil {
      throw ValidationError("--draft and --lookup both guess ahead: choose one")
    }
    if let lookup, lookup < 1 { throw ValidationError("--lookup must be 1 or more") }
    if let draftTokens {
      guard draftTokens > 0 else { throw ValidationError("--draft-tokens must be 1 or more") }
      guard draft != nil else { throw ValidationError("--draft-tokens goes with --draft") }
    }
  }

  var isGiven: Bool { draft != nil || lookup != nil }

  /// - Parameter model: says how the draft model is loaded.
  func speculation(_ model: ModelOptions) throws -> Speculation? {
    if let draft { return .draft(try model.load(draft), count: draftTokens ?? 4) }
    return lookup.map { .lookup(count: $0) }
  }
}

/// What happens at the edges of the context, as options.
struct ContextOptions: ParsableArguments {
  @Flag(help: "Read the beginning and the end of a prompt that is longer than the context.")
  var longPrompt = false
  @Flag(help: "End at the last position of the model.") var noSlide = false

  func apply(to settings: inout GenerationSettings) {
    settings.allowsLongPrompts = longPrompt
    if noSlide { settings.overflow = .stop }
  }
}

/// Drawings of what the last token was read from, as options.
struct ExplainOptions: ParsableArguments {
  @Flag(help: "Draw what the last token was read from.") var explain = false
  @Option(help: "Write what the last token was read from to this .png, .svg or .json file.")
  var explainTo: String?

  func validate() throws {
    if let explainTo { try Explain.checkEnding(of: explainTo, option: "--explain-to") }
  }

  /// Refuses a file that cannot be written, before there is anything to explain.
  func checkPlace() throws {
    if let explainTo { try AtomicFile.check(explainTo) }
  }

  /// Explains the ids of a text, the latest that fit the context.
  func show(_ text: TextModel, _ ids: [Int]) throws {
    guard explain || explainTo != nil else { return }
    let explanation = try Explanation(text, ids: ids.suffix(text.model.spec.contextLength))
    if explain { print(Explain.drawing(explanation, explanation.allHeads)) }
    if let explainTo {
      try Explain.write(explanation, explanation.allHeads, isWhole: false, to: explainTo)
    }
  }
}
