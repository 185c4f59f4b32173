import ArgumentParser
import Foundation
import Heed
import HeedFormats
import HeedText

/// `heed chat`: a conversation.
struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talk with a model.",
    discussion: """
      The prompt is made by the chat template in the model's folder; a model without one gets plain \
      lines that say who speaks. Ctrl-C ends a reply, and at the prompt the conversation.

      \(Chat.commands)
      """)

  private static let commands = """
    /reset       forget the conversation
    /save FILE   write it to a JSON file
    /help        show this
    /quit        end (so does Ctrl-D)
    """

  @OptionGroup var model: ModelOptions
  @Option(help: "What the model is told before the conversation begins.") var system: String?
  @OptionGroup(title: "Choosing tokens") var sampling: SamplingOptions
  @Flag(help: "Print the conversation as one JSON document at the end, and nothing else.")
  var json = false

  func run() throws {
    let text = try model.load()
    var session = ChatSession(
      text, format: try model.chatFormat(), settings: try sampling.settings(text),
      system: system, secondsSince1970: Int(Date().timeIntervalSince1970))
    let isPerson = isatty(STDIN_FILENO) == 1 && !json
    if isPerson { print("\(text.name); /help lists what else there is\n") }
    while true {
      if isPerson { show("> ") }
      guard let line = try readInputLine() else { break }
      let message = line.trimmingCharacters(in: .whitespaces)
      if message.isEmpty { continue }
      if message.hasPrefix("/") {
        if try obey(message, &session) { break }
        continue
      }
      try answer(message, &session)
    }
    if isPerson { print() }
    if json { print(session.json.text()) }
  }

  private func answer(_ message: String, _ session: inout ChatSession) throws {
    // While a reply is written, Ctrl-C is a question that is asked after each token.
    let interrupt = Interrupt()
    do {
      _ = try session.reply(to: message, shouldStop: { interrupt.isRequested }) { piece in
        if !json { show(piece) }
      }
      if !json { print("\n") }
    } catch  where isatty(STDIN_FILENO) == 1 {
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
    case "/save":
      guard parts.count == 2 else {
        note("/save needs the name of a file")
        return false
      }
      do {
        try session.json.write(to: parts[1].trimmingCharacters(in: .whitespaces))
        note("saved \(session.messages.count) messages")
      } catch { note("\(error)") }
    default: note("\(parts[0]) is unknown; /help lists what there is")
    }
    return false
  }
}
