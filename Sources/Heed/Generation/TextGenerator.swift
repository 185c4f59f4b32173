import HeedModels
import HeedText

/// Generates one text, token by token.
///
///     var generator = try TextGenerator(model, prompt: "Once", settings: GenerationSettings())
///     while let piece = generator.next() { print(piece, terminator: "") }
///
/// When a text outgrows the positions of the model, its first tokens and the latest are read again, so
/// that a text may be of any length (`GenerationSettings.overflow`).
public struct TextGenerator: Sendable {
  private var batch: BatchGenerator
  private var isWhole: Bool

  /// A generator that continues `prompt`.
  ///
  /// - Throws: `TokenizerError` when the prompt cannot be encoded, `GenerationError` when it cannot be
  ///   continued.
  public init(
    _ text: TextModel, prompt: String, settings: GenerationSettings, cache: PromptCache? = nil
  ) throws {
    try self.init(
      text, promptTokens: text.tokenizer.encode(prompt), settings: settings, cache: cache)
  }

  /// A generator that continues ids.
  public init(
    _ text: TextModel, promptTokens: [Int], settings: GenerationSettings, cache: PromptCache? = nil
  ) throws {
    batch = try BatchGenerator(
      text, promptTokens: [promptTokens], settings: settings, cache: cache)
    // The best of several texts is known at the end only.
    let isBeam = if case .beam = settings.strategy { true } else { false }
    isWhole = isBeam || settings.resultCount > 1
  }

  /// The ids so far, the prompt included.
  public var tokens: [Int] { batch.tokens(row: 0) }

  /// The new tokens so far.
  public var generated: [GeneratedToken] { batch.generated(row: 0).tokens }

  /// Why the text ended; nil while it has not.
  public var finish: FinishReason? { batch.generated(row: 0).finish }

  /// The next piece of text; nil at the end. A piece may hold several characters or, while a stop may
  /// be beginning, none.
  public mutating func next() -> String? {
    if isWhole {
      guard batch.next() == nil else { return "" }
      isWhole = false
      return batch.results.first?.text
    }
    return batch.next().map { $0.map(\.text).joined() }
  }

  /// Everything at once.
  public mutating func all() -> String {
    var result = ""
    while let piece = next() { result += piece }
    return result
  }

  /// What the model remembers of the text, to go on from there.
  public var memory: PromptCache? { batch.memory() }
}

extension TextModel {
  /// The texts that continue `prompts`, as many of each as the settings say, the best first.
  public func generate(
    _ prompts: [String], settings: GenerationSettings, cache: PromptCache? = nil
  ) throws -> [GeneratedText] {
    var batch = try BatchGenerator(self, prompts: prompts, settings: settings, cache: cache)
    return batch.all()
  }

  /// The text that continues `prompt`, piece by piece; ends early when the task is cancelled, or when
  /// nobody listens any more.
  public func stream(
    _ prompt: String, settings: GenerationSettings, cache: PromptCache? = nil
  ) throws -> AsyncStream<String> {
    // Made now, so that a bad prompt is thrown here and not swallowed by the task.
    let generator = try TextGenerator(self, prompt: prompt, settings: settings, cache: cache)
    return AsyncStream { continuation in
      let task = Task {
        var generator = generator
        while !Task.isCancelled, let piece = generator.next() {
          if !piece.isEmpty { continuation.yield(piece) }
        }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }
}
