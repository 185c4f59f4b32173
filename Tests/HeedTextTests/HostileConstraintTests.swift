import HeedFormats
import HeedText
import Testing

/// Patterns and schemas of the greatest length that are meant to take long.
@Suite struct HostileConstraintTests {
  /// The limit is generous: what is hostile takes minutes, or all memory.
  private func endsSoon(_ body: () throws -> Void) rethrows {
    let time = try ContinuousClock().measure(body)
    #expect(time < .seconds(5))
  }

  private func fill(_ count: Int, _ part: (Int) -> String) -> String {
    (0..<count).map(part).joined()
  }

  @Test("wide ranges without regard to case take the other cases of their letters, soon")
  func wideRanges() throws {
    let wide = try TextConstraint(pattern: "(?i)[a-\u{10FFFF}][\u{400}-\u{44F}][^\u{41}-\u{1000}]")
    #expect(wide.matches("Q\u{450}\u{1001}") && wide.matches("\u{DF}\u{43F}\u{2000}"))
    #expect(!wide.matches("Qa\u{1001}") && !wide.matches("Q\u{450}q"))
    #expect(!wide.matches("Q\u{450}\u{212A}"))
    endsSoon {
      _ = try? TextConstraint(pattern: "(?i)" + fill(12_000) { _ in "[\u{1}-\u{FFF}]" })
      let error = #expect(throws: FormatError.self) {
        try TextPattern(
          "(?i)"
            + fill(9_000) {
              "[\(Character(Unicode.Scalar(0x4E00 + UInt32($0)) ?? "x"))\u{1}-\u{FFF}]"
            },
          place: "test")
      }
      #expect(error?.code == .limit)
    }
  }

  @Test("sets of many sets, and runs before many that may be empty, are read soon")
  func longPatterns() throws {
    try endsSoon {
      let set = try TextConstraint(pattern: "[" + fill(19_000) { _ in "\\P{L}" } + "]")
      #expect(set.matches("1") && !set.matches("a"))
      _ = try TextPattern(fill(16_000) { _ in "a*b?" }, place: "test")
      _ = try TextPattern(
        "(" + fill(4000) { _ in "a*|" } + "b)(" + fill(8000) { _ in "c|" } + "d)", place: "test"
      )
      _ = try TextPattern("((((((?:){999}){999}){999}){999}){999})x{0}", place: "test")
    }
  }

  @Test(
    "many conditions that have to hold at once, and long names that others must not have, end soon",
    arguments: [
      #"{"type":"integer","multipleOf":4093}"#,
      #"{"type":"integer","multipleOf":4093,"minimum":-123456789,"maximum":123456789012}"#,
      #"{"type":"string","pattern":"(a|b)*a(a|b){300}","maxLength":900}"#,
      #"{"type":"string","allOf":[{"pattern":"\\p{L}{20}"},{"pattern":"\\p{L}{19}\\p{Lu}"}]}"#,
      #"{"properties":{"\(long)é":true},"additionalProperties":true}"#,
    ])
  func manyConditions(condition: String) throws {
    let condition = condition.replacing(#"\(long)"#, with: fill(5000) { "\($0 % 10)é" })
    let properties = fill(300) { "\($0 > 0 ? "," : "")\"p\($0)\":\(condition)" }
    endsSoon {
      let error = #expect(throws: FormatError.self) {
        try TextConstraint(
          jsonSchema: JSONValue(parsing: "{\"properties\":{\(properties)}}"))
      }
      #expect(error?.code == .limit, "\(String(describing: error))")
    }
  }

  @Test("a list of many values is a tree of their beginnings")
  func longLists() throws {
    let words = (0..<30_000).map { JSONValue.string("word \($0)") }
    try endsSoon {
      let list = try TextConstraint(jsonSchema: ["enum": .array(words)])
      #expect(list.matches("\"word 29999\"") && !list.matches("\"word 30000\""))
      #expect(list.matches("\"word 2\"") && !list.matches("\"word \""))
      let both = try TextConstraint(
        jsonSchema: [
          "allOf": [["enum": .array(words)], ["enum": .array(words.reversed() + [3])]],
          "const": "word 7",
        ])
      #expect(both.matches("\"word 7\"") && !both.matches("\"word 8\""))
    }
  }

  @Test("too many choices at once are refused, not taken for none")
  func manyChoices() throws {
    let lists = (0..<17_000).map { JSONValue.array([.integer($0)]) }
    let anyOf = (0..<130).map { outer -> JSONValue in
      ["anyOf": .array((0..<130).map { ["const": .integer(outer * 130 + $0)] })]
    }
    for (schema, words) in [
      (["enum": .array(lists)], "a choice of"), (["anyOf": .array(anyOf)], "too many ways"),
      (
        ["type": "string", "pattern": .string("^(" + fill(20_000) { _ in "ab|" } + ")$")],
        "a choice of"
      ),
    ] as [(JSONValue, String)] {
      let error = #expect(throws: FormatError.self) { try TextConstraint(jsonSchema: schema) }
      #expect(error?.code == .limit && error?.what.contains(words) == true, "\(words)")
    }
  }

  @Test("parts of allOf that name many values again and again are refused soon")
  func comparisons() throws {
    let words = (0..<20_000).map { JSONValue.string("word \($0)") }
    let names = (0..<3000).map { #"{"required":["n\#($0)"],"properties":{"n\#($0)":{}}}"# }
    let parts = (0..<1000).map { ["$ref": .string("#/$defs/\($0 % 2)")] as JSONValue }
    try endsSoon {
      for schema: JSONValue in [
        [
          "$defs": ["0": ["enum": .array(words)], "1": ["enum": .array(words.reversed())]],
          "allOf": .array(parts),
        ],
        try JSONValue(parsing: #"{"allOf":[\#(names.joined(separator: ","))]}"#),
      ] {
        let error = #expect(throws: FormatError.self) { try TextConstraint(jsonSchema: schema) }
        #expect(error?.code == .limit, "\(error?.description ?? "")")
      }
      let types = JSONValue.array([JSONValue](repeating: "integer", count: 50_000) + ["string"])
      _ = try? TextConstraint(jsonSchema: ["allOf": [["type": types], ["type": types]]])
      _ = try? TextConstraint(jsonSchema: ["type": types, "enum": .array(words)])
    }
  }
}
