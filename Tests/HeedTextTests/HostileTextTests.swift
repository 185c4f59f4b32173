import HeedFormats
import HeedText
import Testing

/// Tokenizers, templates and schemas that are well formed and meant badly.
@Suite struct HostileTextTests {
  @Test("a normalizer that makes a text grow without bound is stopped")
  func growth() throws {
    let long = String(repeating: "a", count: 100)
    let part = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "\#(long)"}"#
    let parts = Array(repeating: part, count: 6).joined(separator: ", ")
    let tokenizer = try wordLevel(
      ["a"], normalizer: #"{"type": "Sequence", "normalizers": [\#(parts)]}"#)
    #expect(throws: TokenizerError.self) { try tokenizer.encode("aaaa") }
    #expect(throws: TokenizerError.self) { try tokenizer.encoding(of: "aaaa") }
    // Twice as long is a tokenizer's own affair.
    let twice = try wordLevel(
      ["aa"],
      normalizer: #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#)
    #expect(try twice.encode("a") == [1])
  }

  @Test("merges that are no list are refused, not passed over")
  func merges() {
    for merges in [#""a b""#, "3", "{}", "[3]", #"[["a"]]"#, #"["a b c"]"#, #"["a c"]"#] {
      let error = #expect(throws: FormatError.self, "\(merges)") {
        try pipeline(
          #"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": \#(merges)}}"#)
      }
      #expect(error?.description.contains("merge") == true)
    }
  }

  @Test("a template of a folder that is no text is refused, not passed over")
  func templates() throws {
    for template in ["5", "[]", "{}", #"["x"]"#, #"[{"name": "default", "template": 3}]"#] {
      let config = #"{"chat_template": \#(template)}"#
      try withFolder(["tokenizer_config.json": Array(config.utf8)]) { folder in
        #expect(throws: FormatError.self, "\(template)") { try ChatFormat(folder: folder) }
      }
    }
    try withFolder(["chat_template.jinja": [0x61, 0xFF]]) { folder in
      let error = #expect(throws: FormatError.self) { try ChatFormat(folder: folder) }
      #expect(error?.what.contains("UTF-8") == true)
    }
    try withFolder(["tokenizer_config.json": Array(#"{"chat_template": null}"#.utf8)]) { folder in
      let format = try ChatFormat(folder: folder)
      #expect(!format.hasTemplate)
    }
  }

  @Test(
    "bounds of any size, and lists that are none, are values or errors",
    arguments: [
      (#"{"type":"integer","minimum":1e300}"#, "digits"),
      (#"{"type":"integer","maximum":-1e300}"#, "digits"),
      (#"{"type":"integer","exclusiveMinimum":1e308}"#, "digits"),
      (#"{"type":"integer","exclusiveMaximum":-1e308}"#, "digits"),
      (#"{"type":"object","required":5}"#, "a list of names"),
      (#"{"type":"object","required":["a",5]}"#, "a list of names"),
      (#"{"type":"array","prefixItems":5}"#, "a list of schemas"),
    ])
  func schemas(schema: String, words: String) throws {
    let error = #expect(throws: FormatError.self) {
      try TextConstraint(jsonSchema: JSONValue(parsing: schema))
    }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
  }

  @Test("bounds beyond all digits on the far side allow what the near side does")
  func wideBounds() throws {
    let constraint = try TextConstraint(
      jsonSchema: JSONValue(parsing: #"{"type":"integer","minimum":-1e300,"maximum":7}"#))
    #expect(constraint.matches("7") && constraint.matches("-123456") && !constraint.matches("8"))
  }

  @Test("a member that is required twice is written once")
  func requiredTwice() throws {
    let constraint = try TextConstraint(
      jsonSchema: [
        "type": "object", "required": ["a", "a"], "additionalProperties": ["type": "null"],
      ])
    #expect(constraint.matches(#"{"a":null}"#) && !constraint.matches(#"{"a":null,"a":null}"#))
  }
}
