// How a conversation becomes a prompt: by the template that lies in the model's folder, or, where there
// is none, in a plain form that a model which only continues text can follow.

public import HeedFormats

/// One message of a conversation.
public struct ChatMessage: Sendable, Hashable {
  /// Who speaks: "system", "user", "assistant", or what else a template knows.
  public var role: String
  /// What is said.
  public var content: String

  /// A message.
  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }

  /// As templates see it.
  public var json: JSONValue { ["role": .string(role), "content": .string(content)] }
}

/// How a conversation becomes a prompt.
public struct ChatFormat: Sendable {
  private let template: ChatTemplate?
  /// The variables that a template finds beside the messages: texts of special tokens.
  private let variables: JSONObject

  /// Names before each message: for models that came without a template.
  public static let plain = ChatFormat(template: nil, variables: JSONObject())

  /// A template with the texts of special tokens: `bos_token`, `eos_token` and such.
  public init(_ template: ChatTemplate, variables: JSONObject = JSONObject()) {
    self.init(template: template, variables: variables)
  }

  private init(template: ChatTemplate?, variables: JSONObject) {
    self.template = template
    self.variables = variables
  }

  /// The format of a model's folder: `chat_template.jinja`, or the template in
  /// `tokenizer_config.json`; plain where there is neither. Of several the one named "default" counts,
  /// else the first.
  ///
  /// - Throws: `FormatError` for a file that cannot be read, `TemplateError` for a template that cannot.
  public init(folder: String) throws {
    let config = folder + "/tokenizer_config.json"
    let options = JSONOptions(allowsNonFiniteNumbers: true)
    let settings =
      FileAccess.exists(config)
      ? try JSONValue(contentsOf: config, options: options) : .object(JSONObject())
    var variables = JSONObject()
    for key in ["bos_token", "eos_token", "pad_token", "unk_token"] {
      guard let text = settings[key]?.string ?? settings[key]?["content"]?.string else { continue }
      variables[key] = .string(text)
    }
    let source = try NamedTemplates(folder: folder, settings).source
    self.init(template: try source.map { try ChatTemplate($0) }, variables: variables)
  }

  /// The format that a GGUF file holds; plain where it holds none. A template without a name counts,
  /// else the first one.
  ///
  /// - Throws: `TemplateError` for a template that cannot be read, `FormatError` for one that is no text.
  public init(_ file: GGUFFile, _ tokenizer: any Tokenizer) throws {
    var variables = JSONObject()
    let tokens = tokenizer.specialTokens
    for (key, id) in [
      ("bos_token", tokens.beginning), ("eos_token", tokens.end), ("pad_token", tokens.padding),
      ("unk_token", tokens.unknown),
    ] {
      guard let text = id.flatMap(tokenizer.token) else { continue }
      variables[key] = .string(text)
    }
    let source = try NamedTemplates(file).source
    self.init(template: try source.map { try ChatTemplate($0) }, variables: variables)
  }

  /// Whether the folder had a template.
  public var hasTemplate: Bool { template != nil }

  /// Texts at which a reply ends where no token does.
  public var stops: [String] { template == nil ? ["\nUser:", "\nAssistant:"] : [] }

  /// The prompt of a conversation, up to where the reply begins.
  ///
  /// - Parameter secondsSince1970: the time for templates that say it.
  /// - Throws: `TemplateError`, such as for roles in an order that the template refuses.
  public func prompt(
    _ messages: [ChatMessage], secondsSince1970: Int? = nil
  ) throws(TemplateError) -> String {
    guard let template else {
      let lines = messages.map { message in
        let name = message.role.prefix(1).uppercased() + message.role.dropFirst()
        return "\(name): \(message.content)\n"
      }
      return lines.joined() + "Assistant:"
    }
    var context = variables
    context["messages"] = .array(messages.map(\.json))
    context["add_generation_prompt"] = true
    return try template.render(.object(context), secondsSince1970: secondsSince1970)
  }
}
