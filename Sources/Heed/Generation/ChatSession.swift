public import HeedFormats
import HeedModels
public import HeedText

/// A conversation with a model.
///
///     var chat = ChatSession(model, format: try ChatFormat(folder: folder))
///     let reply = try chat.reply(to: "Hello")
public struct ChatSession: Sendable {
  /// What was said, in order.
  public private(set) var messages: [ChatMessage]
  private let text: TextModel
  private let format: ChatFormat
  private let settings: GenerationSettings
  private let system: String?
  private let secondsSince1970: Int?
  /// The ids of the latest prompt and its reply; empty before the first.
  public private(set) var latestTokens: [Int] = []
  /// What the model remembers of the turns so far: only what is new is read in the next one.
  private var memory: PromptCache?

  /// A conversation that has not begun.
  ///
  /// - Parameters:
  ///   - system: what the model is told before it begins.
  ///   - secondsSince1970: the time for templates that say it.
  public init(
    _ text: TextModel, format: ChatFormat, settings: GenerationSettings = GenerationSettings(),
    system: String? = nil, secondsSince1970: Int? = nil
  ) {
    self.text = text
    self.format = format
    var settings = settings
    settings.stops += format.stops
    self.settings = settings
    self.system = system
    self.secondsSince1970 = secondsSince1970
    messages = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
  }

  /// Goes on from a conversation that was kept, as `/save` writes it; nothing of it was read yet.
  public mutating func replay(_ messages: [ChatMessage]) {
    self.messages = messages
    memory = nil
  }

  /// The messages of a document as `json` gives it.
  ///
  /// - Throws: `FormatError` when it is no list of messages, each with a role and a content.
  public static func messages(
    of document: JSONValue, place: String
  ) throws(FormatError) -> [ChatMessage] {
    var messages: [ChatMessage] = []
    for entry in document.array ?? [] {
      guard let role = entry["role"]?.string, let content = entry["content"]?.string else { break }
      messages.append(ChatMessage(role: role, content: content))
    }
    guard let list = document.array, messages.count == list.count else {
      throw FormatError(
        .malformed, what: "this is no conversation", place: place,
        expected: "a list of {\"role\": .., \"content\": ..}, as /save writes it")
    }
    return messages
  }

  /// Forgets everything but what the model was told before it began.
  public mutating func reset() {
    messages = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    memory = nil
  }

  /// The reply to a message.
  ///
  /// A conversation that outgrows the context loses its oldest turns; they stay in `messages`.
  ///
  /// - Parameters:
  ///   - shouldStop: asked after each token; true ends the reply, which is kept as far as it came.
  ///   - receive: told each piece of the reply.
  /// - Throws: `TemplateError`, `TokenizerError`, `GenerationError`; the conversation is then as before.
  public mutating func reply(
    to message: String, shouldStop: () -> Bool = { false }, receive: (String) -> Void = { _ in }
  ) throws -> String {
    let before = messages
    messages.append(ChatMessage(role: "user", content: message))
    do {
      let ids = try promptTokens()
      var generator = try TextGenerator(
        text, promptTokens: ids, settings: settings, cache: memory)
      var reply = ""
      while !shouldStop(), let piece = generator.next() {
        reply += piece
        if !piece.isEmpty { receive(piece) }
      }
      latestTokens = generator.tokens
      if generator.finish == .stuck {
        throw GenerationError.stuck(after: reply.isEmpty ? message : reply, settings)
      }
      memory = generator.memory ?? memory
      messages.append(ChatMessage(role: "assistant", content: reply))
      return reply
    } catch {
      messages = before
      throw error
    }
  }

  /// The prompt of the latest turns that fit, with room for a reply.
  private func promptTokens() throws -> [Int] {
    let limit = text.model.spec.contextLength
    let room = min(settings.newTokenCount, limit / 2)
    var kept = messages
    let first = kept.first?.role == "system" ? 1 : 0
    while true {
      let prompt = try format.prompt(kept, secondsSince1970: secondsSince1970)
      // Templates write the special tokens themselves.
      let ids = try text.tokenizer.encode(prompt, addingSpecialTokens: !format.hasTemplate)
      if ids.count + room <= limit { return ids }
      if kept.count - first <= 1 {
        guard ids.count <= limit || settings.allowsLongPrompts else {
          throw GenerationError(
            .promptTooLong,
            "the message has \(ids.count) tokens with what stands around it, the model was made for "
              + "\(limit) positions",
            hint: "shorten it, or what the model is told before, by \(ids.count - limit) tokens")
        }
        return ids
      }
      // A turn is a question and its answer.
      kept.removeSubrange(first..<min(first + 2, kept.count - 1))
    }
  }

  /// The conversation as a document: a list of messages.
  public var json: JSONValue { .array(messages.map(\.json)) }
}
