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
  /// Whether the best of several texts comes as one piece: it is known at the end only.
  private var isWhole: Bool
  private var wholeText: TextPiece?

  /// A generator that continues `prompt`.
  ///
  /// Nothing is read yet: the prompt is read by `next`, a slice at a time.
  ///
  /// - Throws: `TokenizerError` when the prompt cannot be encoded, `GenerationError` when it cannot be
  ///   continued, or `cache` is of another model.
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
    let isBeam = if case .beam = settings.strategy { true } else { false }
    isWhole = isBeam || settings.resultCount > 1
  }

  /// The ids so far, the prompt included.
  public var tokens: [Int] { batch.tokens(row: 0) }

  /// The new tokens so far.
  public var generated: [GeneratedToken] { wholeText?.tokens ?? batch.generated(row: 0).tokens }

  /// Why the text ended; nil while it has not.
  public var finish: FinishReason? { wholeText?.finish ?? batch.generated(row: 0).finish }

  /// The next piece, with its tokens and at the end the reason; nil behind the last one.
  public mutating func nextPiece() -> TextPiece? {
    guard isWhole else {
      return batch.next().map { $0.first ?? TextPiece(row: 0, text: "", tokens: []) }
    }
    guard wholeText == nil else { return nil }
    guard batch.next() == nil else { return TextPiece(row: 0, text: "", tokens: []) }
    wholeText = batch.results.first.map {
      TextPiece(row: 0, text: $0.text, tokens: $0.tokens, finish: $0.finish)
    }
    return wholeText
  }

  /// The next piece of text; nil at the end. A piece may hold several characters or, while the prompt is
  /// read or a stop may be beginning, none.
  public mutating func next() -> String? { nextPiece()?.text }

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

  /// The text that continues `prompt`, piece by piece, with tokens and the reason of its end.
  ///
  /// What is wrong is thrown at once; nothing is read before the first piece is asked for.
  public func pieces(
    _ prompt: String, settings: GenerationSettings, cache: PromptCache? = nil
  ) throws -> TextPieces {
    TextPieces(
      generator: try TextGenerator(self, prompt: prompt, settings: settings, cache: cache))
  }

  /// The text of `pieces` alone.
  public func stream(
    _ prompt: String, settings: GenerationSettings, cache: PromptCache? = nil
  ) throws -> TextStream {
    TextStream(pieces: try pieces(prompt, settings: settings, cache: cache))
  }
}
