import HeedAttention
import HeedModels
import HeedTensor
import HeedText

/// What to generate and when to stop.
public struct GenerationSettings: Sendable {
  /// How tokens are chosen.
  public var sampling: SamplingSettings
  /// The most tokens to add.
  public var newTokenCount: Int
  /// Texts that end the generation; they are not part of the result.
  public var stops: [String]

  /// Up to `newTokenCount` tokens.
  public init(
    sampling: SamplingSettings = SamplingSettings(), newTokenCount: Int = 200, stops: [String] = []
  ) {
    self.sampling = sampling
    self.newTokenCount = newTokenCount
    self.stops = stops
  }
}

/// Generates text, token by token, with a cache.
///
/// When a text outgrows the positions of the model, the older half is forgotten and the rest read
/// again, so that a text may be of any length.
public struct TextGenerator {
  private let text: TextModel
  private let settings: GenerationSettings
  private var ids: [Int]
  private let promptCount: Int
  /// The first token that the cache holds.
  private var start = 0
  private var cache: [KeyValueCache]
  private var stream: StreamDecoder
  private var pending = ""
  private var isDone = false

  /// A generator that continues `prompt`.
  ///
  /// - Throws: `TokenizerError` when the prompt is empty or cannot be encoded.
  public init(_ text: TextModel, prompt: String, settings: GenerationSettings) throws {
    self.text = text
    self.settings = settings
    if let problem = settings.sampling.problem { throw TokenizerError(problem) }
    ids = try text.tokenizer.encode(prompt)
    guard !ids.isEmpty else {
      throw TokenizerError("the prompt is empty: give at least one character to continue")
    }
    promptCount = ids.count
    cache = text.model.emptyCache()
    // The first new token continues the prompt: it is no beginning of a text.
    stream = StreamDecoder(text.tokenizer)
    for id in ids.suffix(4) { _ = stream.next(id) }
  }

  /// The ids so far, the prompt included.
  public var tokens: [Int] { ids }

  /// The next piece of text; nil at the end. A piece may hold several characters or, while a stop
  /// may be beginning, none.
  public mutating func next() -> String? {
    if isDone { return flushed() }
    guard ids.count - promptCount < settings.newTokenCount else {
      isDone = true
      return flushed()
    }
    let id = settings.sampling.token(
      from: nextLogits(), history: ids, step: ids.count - promptCount)
    if text.model.spec.endTokens.contains(id) {
      isDone = true
      return flushed()
    }
    ids.append(id)
    pending += stream.next(id)
    return released()
  }

  /// Everything at once.
  public mutating func all() -> String {
    var result = ""
    while let piece = next() { result += piece }
    return result
  }

  /// Logits `[V]` after the last id.
  private mutating func nextLogits() -> [Float] {
    let limit = text.model.spec.contextLength
    if ids.count - start > limit {
      start = ids.count - max(1, limit / 2)
      cache = text.model.emptyCache()
    }
    let known = start + (cache.first?.position ?? 0)
    var options = LanguageModel.Options()
    options.isLastOnly = true
    return text.model.forward([Array(ids[known...])], cache: &cache, options: options).logits
      .reshaped(to: [text.model.spec.vocabularySize]).elements()
  }

  /// What of the pending text can be given out: all that is not the beginning of a stop.
  private mutating func released() -> String {
    for stop in settings.stops where !stop.isEmpty {
      if let place = pending.firstRange(of: stop) {
        let piece = String(pending[..<place.lowerBound])
        pending = ""
        _ = stream.finish()
        isDone = true
        return piece
      }
    }
    let held =
      settings.stops.map { stop in
        (1..<max(stop.count, 1)).last { pending.hasSuffix(stop.prefix($0)) } ?? 0
      }.max() ?? 0
    let piece = String(pending.dropLast(held))
    pending = String(pending.suffix(held))
    return piece
  }

  private mutating func flushed() -> String? {
    pending += stream.finish()
    guard !pending.isEmpty else { return nil }
    defer { pending = "" }
    return pending
  }
}

extension TextModel {
  /// The text that continues `prompt`, piece by piece; ends early when the task is cancelled.
  public func stream(
    _ prompt: String, settings: GenerationSettings
  ) throws -> AsyncStream<String> {
    // Checked now, so that a bad prompt is thrown here and not swallowed by the task.
    _ = try TextGenerator(self, prompt: prompt, settings: settings)
    return AsyncStream { continuation in
      let task = Task {
        var generator = try? TextGenerator(self, prompt: prompt, settings: settings)
        while !Task.isCancelled, let piece = generator?.next() {
          if !piece.isEmpty { continuation.yield(piece) }
        }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }
}
