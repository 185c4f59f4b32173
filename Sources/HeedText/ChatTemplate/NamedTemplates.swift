// Most models have one chat template, some have several: one for conversations, others for tools or for
// documents. In folders they are a text or a list in tokenizer_config.json, or files of their own; in
// GGUF files one key for each, with the names in a list beside them, because names of keys are all that
// the format has for a table.

import HeedFormats

/// The chat templates of a model, in their order.
struct NamedTemplates {
  /// The name of the template for conversations.
  static let usual = "default"
  private static let key = "tokenizer.chat_template"
  private static let listKey = "tokenizer.chat_templates"

  var members: [(name: String, source: String)] = []

  /// The one for conversations; the first one where none has that name.
  var source: String? {
    (members.first { $0.name == Self.usual } ?? members.first)?.source
  }

  /// Those of a folder: `chat_template.jinja` and `additional_chat_templates`, or what
  /// `tokenizer_config.json` holds.
  ///
  /// - Parameter settings: the content of `tokenizer_config.json` where it was read already.
  init(folder: String, _ settings: JSONValue? = nil) throws(FormatError) {
    let file = folder + "/chat_template.jinja"
    if FileAccess.exists(file) {
      members = [(Self.usual, try TextFile.text(at: file))]
      let more = folder + "/additional_chat_templates"
      for name in FileAccess.names(in: more) where name.hasSuffix(".jinja") {
        members.append((String(name.dropLast(6)), try TextFile.text(at: more + "/" + name)))
      }
      return
    }
    let config = folder + "/tokenizer_config.json"
    var settings = settings
    if settings == nil, FileAccess.exists(config) {
      settings = try JSONValue(
        contentsOf: config, options: JSONOptions(allowsNonFiniteNumbers: true))
    }
    guard let value = settings?["chat_template"], !value.isNull else { return }
    if let text = value.string {
      members = [(Self.usual, text)]
      return
    }
    for entry in value.array ?? [] {
      guard let name = entry["name"]?.string, let text = entry["template"]?.string else {
        members = []
        break
      }
      members.append((name, text))
    }
    guard !members.isEmpty else {
      throw FormatError(
        .malformed, what: "\"chat_template\" is \(value.text().prefix(60))", place: config,
        expected: "a text, or a list of objects with a name and a template")
    }
  }

  /// Those of a GGUF file, in the order of its keys: the list of names beside them has none.
  init(_ file: GGUFFile) throws(FormatError) {
    for (key, value) in file.metadata where key == Self.key || key.hasPrefix(Self.key + ".") {
      guard let text = value.string else {
        throw FormatError(
          .malformed, what: "\"\(key)\" is \(value)", place: file.path, expected: "a text")
      }
      let name = key == Self.key ? Self.usual : String(key.dropFirst(Self.key.count + 1))
      members.append((name, text))
    }
  }

  /// As the metadata of a GGUF file has them, whose names have letters, digits and low lines only.
  var metadata: [(key: String, value: GGUFValue)] {
    var result: [(key: String, value: GGUFValue)] = []
    var names: [String] = []
    for (name, source) in members {
      let plain = String(
        name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
      let key = name == Self.usual ? Self.key : Self.key + "." + plain
      guard !plain.isEmpty, !result.contains(where: { $0.key == key }) else { continue }
      result.append((key, .string(source)))
      if name != Self.usual { names.append(plain) }
    }
    if !names.isEmpty { result.append((Self.listKey, .array(GGUFArray(names)))) }
    return result
  }

  /// As `tokenizer_config.json` has them; nil where there are none.
  var json: JSONValue? {
    guard let first = members.first else { return nil }
    if members.count == 1, first.name == Self.usual { return .string(first.source) }
    return .array(
      members.map { ["name": .string($0.name), "template": .string($0.source)] })
  }
}
