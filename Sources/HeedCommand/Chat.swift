import ArgumentParser
import Heed
import HeedFormats
import HeedText

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// `heed chat`: a conversation.
struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Talk with a model.",
    discussion: """
      The prompt is made by the chat template in the model's folder; a model without one gets plain \
      lines that say who speaks. Ctrl-C ends a reply, and at the prompt the conversation.

      \(Chat.commands)
      """)

  private static let commands = """
    /reset       forget the conversation
    /save FILE   write it to a JSON file
    /load FILE   go on from one that was written
    /help        show this
    /quit        end (so does Ctrl-D)
    """

  @OptionGroup(title: "The model") var model: ModelOptions
  @OptionGroup(title: "The model") var cache: CacheOptions
  @Option(help: "What the model is told before the conversation begins.") var system: String?
  @Option(help: "Go on from a conversation that /save wrote.") var history: String?
  @OptionGroup(title: "Choosing tokens") var sampling: SamplingOptions
  @OptionGroup(title: "Constraints") var constraint: ConstraintOptions
  @OptionGroup(title: "Speed") var speculation: SpeculationOptions
  @OptionGroup(title: "Long texts") var context: ContextOptions
  @OptionGroup(title: "Looking inside") var explanation: ExplainOptions
  @Flag(help: "Print the conversation as one JSON document at the end, and nothing else.")
  var json = false

  func validate() throws {
    if json, explanation.explain {
      throw ValidationError("--explain draws between replies: with --json take --explain-to FILE")
    }
    if system != nil, history != nil {
      throw ValidationError("--system begins a conversation, --history goes on: choose one")
    }
  }

  func run() throws { try model.withThreads { try talk() } }

  private func talk() throws {
    try explanation.checkPlace()
    let text = try model.load(cacheType: cache.cacheType)
    var settings = try sampling.settings(text, model)
    settings.constraint = try constraint.constraint()
    settings.speculation = try speculation.speculation(model)
    context.apply(to: &settings)
    var session = ChatSession(
      text, format: try model.chatFormat(), settings: settings, system: system,
      secondsSince1970: Int(Date().timeIntervalSince1970))
    if let history { session.replay(try Self.messages(in: history)) }
    let isPerson = Terminal.isInput && !json
    if isPerson { print("\(text.name); /help lists what else there is\n") }
    while true {
      if isPerson { show("> ") }
      guard let line = try readInputLine() else { break }
      let message = line.trimmed
      if message.isEmpty { continue }
      if message.hasPrefix("/") {
        if try obey(message, &session) { break }
        continue
      }
      try answer(message, &session, text)
    }
    if isPerson { print() }
    if json { print(session.json.text()) }
  }

  private static func messages(in path: String) throws -> [ChatMessage] {
    try ChatSession.messages(of: JSONValue(contentsOf: path), place: path)
  }

  private func answer(
    _ message: String, _ session: inout ChatSession, _ text: TextModel
  ) throws {
    // While a reply is written, Ctrl-C is a question that is asked after each token.
    let interrupt = Interrupt()
    do {
      let reply = try session.reply(to: message, shouldStop: { interrupt.isRequested }) { piece in
        if !json { show(piece) }
      }
      if !json { print("\n") }
      if let constraint = try constraint.constraint(), !constraint.matches(reply) {
        note("the reply was cut before it matched what it has to: allow more with --tokens")
      }
      try explanation.show(text, session.latestTokens)
    } catch  where Terminal.isInput {
      // A person may say it differently; a script has to know.
      note("\(error)")
    }
  }

  /// Does what a line that begins with / says; true to end.
  private func obey(_ line: String, _ session: inout ChatSession) throws -> Bool {
    let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
    switch parts[0] {
    case "/quit", "/exit": return true
    case "/reset": session.reset()
    case "/help": if !json { print(Self.commands) }
    case "/save", "/load":
      guard parts.count == 2 else {
        note("\(parts[0]) needs the name of a file")
        return false
      }
      let path = parts[1].trimmed
      do {
        if parts[0] == "/save" {
          try session.json.write(to: path)
        } else {
          session.replay(try Self.messages(in: path))
        }
        note("\(parts[0] == "/save" ? "saved" : "loaded") \(session.messages.count) messages")
      } catch { note("\(error)") }
    default: note("\(parts[0]) is unknown; /help lists what there is")
    }
    return false
  }
}

extension String {
  /// Without white space at its ends.
  fileprivate var trimmed: String {
    guard let first = firstIndex(where: { !$0.isWhitespace }),
      let last = lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(self[first...last])
  }
}
