import Foundation
import HeedFormats
import HeedText
import Testing

/// Models with several chat templates.
@Suite("Named chat templates")
struct NamedTemplatesTests {
  private let messages = [ChatMessage(role: "user", content: "hi")]
  private let tokens: [(key: String, value: GGUFValue)] = [
    ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("gpt-2")),
    ("tokenizer.ggml.tokens", .array(GGUFArray(["h", "i"]))),
    ("tokenizer.ggml.merges", .array(GGUFArray([String]()))),
  ]

  private func inGGUF(
    _ members: [(key: String, value: GGUFValue)], _ body: (GGUFFile, any Tokenizer) throws -> Void
  ) throws {
    let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString).gguf"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try GGUFFile.write(metadata: members, tensors: [], to: path)
    let file = try GGUFFile(path: path)
    try body(file, GGUFTokenizer.tokenizer(of: file))
  }

  @Test("a template with a name is used where there is none without")
  func fallback() throws {
    let named: [(key: String, value: GGUFValue)] = [
      ("tokenizer.chat_template.tool_use", .string("tools {{ messages[0].content }}")),
      ("tokenizer.chat_template.rag", .string("rag")),
      ("tokenizer.chat_templates", .array(GGUFArray(["rag", "tool_use"]))),
    ]
    try inGGUF(tokens + named) { file, tokenizer in
      let prompt = try ChatFormat(file, tokenizer).prompt(messages)
      #expect(prompt == "tools hi")
    }
    try inGGUF(tokens + named + [("tokenizer.chat_template", .string("plain"))]) {
      file, tokenizer in
      let prompt = try ChatFormat(file, tokenizer).prompt(messages)
      #expect(prompt == "plain")
    }
    try inGGUF(tokens + [("tokenizer.chat_template.rag", .uint32(1))]) { file, tokenizer in
      let error = #expect(throws: FormatError.self) { try ChatFormat(file, tokenizer) }
      #expect(error?.description.contains("tokenizer.chat_template.rag") == true)
    }
  }

  private let vocabulary = """
    {"model": {"type": "BPE", "vocab": {"h": 0, "i": 1}, "merges": []},
     "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}}
    """

  @Test(
    "all templates of a folder are written, by their names, and come back",
    arguments: [
      ["default": "A", "tool use": "B"], ["tool use": "B"], ["default": "A"],
    ])
  func written(templates: [String: String]) throws {
    let list = templates.sorted { $0.key < $1.key }
    let config: JSONValue = [
      "chat_template": .array(
        list.map { ["name": .string($0.key), "template": .string($0.value)] })
    ]
    var files = ["tokenizer.json": Array(vocabulary.utf8)]
    files["tokenizer_config.json"] = Array(config.text().utf8)
    try withFolder(files) { try check($0, templates) }
    // The same as files of their own.
    guard let usual = templates["default"] else { return }
    files["tokenizer_config.json"] = nil
    files["chat_template.jinja"] = Array(usual.utf8)
    try withFolder(files) { folder in
      for (name, text) in list where name != "default" {
        let more = folder + "/additional_chat_templates"
        try FileManager.default.createDirectory(atPath: more, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: more + "/\(name).jinja"))
      }
      try check(folder, templates)
    }
  }

  private func check(_ folder: String, _ templates: [String: String]) throws {
    let members = try GGUFTokenizer.metadata(ofFolder: folder).members
    try inGGUF(members) { file, tokenizer in
      #expect(file["tokenizer.chat_template"]?.string == templates["default"])
      #expect(file["tokenizer.chat_template.tool_use"]?.string == templates["tool use"])
      let names = file["tokenizer.chat_templates"]?.array?.strings
      #expect(names == (templates["tool use"] == nil ? nil : ["tool_use"]))
      let prompt = try ChatFormat(folder: folder).prompt(messages)
      #expect(prompt == templates["default"] ?? "B")
      let read = try ChatFormat(file, tokenizer).prompt(messages)
      #expect(read == prompt)
      let made = try TokenizerFiles.files(of: file).map {
        ($0.name, Array($0.content.text().utf8))
      }
      try withFolder(Dictionary(uniqueKeysWithValues: made)) { again in
        let same = try ChatFormat(folder: again).prompt(messages)
        #expect(same == prompt)
      }
    }
  }
}
