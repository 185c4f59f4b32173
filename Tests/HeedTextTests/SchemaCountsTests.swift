import HeedFormats
import HeedText
import Testing

/// How many members an object has, and which of several schemas a value may meet.
@Suite struct SchemaCountsTests {
  private func constraint(_ schema: String) throws -> TextConstraint {
    try TextConstraint(jsonSchema: JSONValue(parsing: schema))
  }

  // MARK: Counts

  @Test("as many members are written as the bounds say, whichever they are")
  func counts() throws {
    let names = ["a", "b", "c", "d"]
    let properties = names.map { #""\#($0)":{"type":"null"}"# }.joined(separator: ",")
    for least in 0...4 {
      for most in least...5 {
        for required in [[], ["c"], ["a", "d"]] where required.count <= most {
          let object = try constraint(
            #"{"properties":{\#(properties)},"required":\#(required),"#
              + #""minProperties":\#(least),"maxProperties":\#(most)}"#)
          for set in 0..<16 {
            let chosen = names.indices.filter { set >> $0 & 1 == 1 }.map { names[$0] }
            let text = "{" + chosen.map { #""\#($0)":null"# }.joined(separator: ",") + "}"
            let isAllowed =
              (least...most).contains(chosen.count) && required.allSatisfy(chosen.contains)
            #expect(object.matches(text) == isAllowed, "\(least) \(most) \(required): \(text)")
          }
        }
      }
    }
  }

  @Test("of members that are not listed one counts for the least, and each for the most")
  func others() throws {
    let schema =
      #"{"properties":{"a":{"type":"null"},"b":{"type":"null"}},"additionalProperties":{"type":"integer"}BOUNDS}"#
    func expect(_ bounds: String, _ members: [(names: String, isAllowed: Bool)]) throws {
      let object = try constraint(schema.replacing("BOUNDS", with: bounds))
      for (names, isAllowed) in members {
        let text = names.map { "\"\($0)\":\("ab".contains($0) ? "null" : "1")" }
        #expect(
          object.matches("{" + text.joined(separator: ",") + "}") == isAllowed,
          "\(bounds): \(names)")
      }
    }
    try expect(
      #","minProperties":2"#,
      [("", false), ("a", false), ("x", false), ("ab", true), ("bx", true), ("bxyz", true)])
    try expect(#","minProperties":3"#, [("ab", false), ("bxy", false), ("abx", true)])
    try expect(
      #","maxProperties":2"#,
      [("", true), ("ab", true), ("xy", true), ("ax", true), ("xyz", false), ("abx", false)])
    try expect(
      #","minProperties":2,"maxProperties":2,"required":["b"]"#,
      [("b", false), ("ab", true), ("bx", true), ("abx", false), ("bxy", false), ("xy", false)])
    let any = try constraint(#"{"type":"object","maxProperties":2,"minProperties":1}"#)
    #expect(any.matches(#"{"x":[1],"y":{}}"#) && any.matches(#"{"x":1}"#))
    #expect(!any.matches("{}") && !any.matches(#"{"x":1,"y":1,"z":1}"#))
  }

  @Test("unique values are as many as the bounds say")
  func uniqueValues() throws {
    let list = try constraint(
      #"{"type":"array","items":{"enum":[1,2,3,1]},"uniqueItems":true,"minItems":1,"maxItems":2}"#)
    for (text, isAllowed) in [
      ("[]", false), ("[2]", true), ("[1,3]", true), ("[1,2,3]", false), ("[1,1]", false),
    ] { #expect(list.matches(text) == isAllowed, "\(text)") }
  }

  @Test("counts of many large members are an automaton of a few states for each")
  func largeCounts() throws {
    let properties = (0..<60).map { #""p\#($0)":{"type":"string","maxLength":500}"# }
    let object = try constraint(
      #"{"properties":{\#(properties.joined(separator: ","))},"minProperties":30,"maxProperties":31}"#
    )
    func text(_ count: Int) -> String {
      "{" + (0..<count).map { #""p\#($0)":"\#($0)""# }.joined(separator: ", ") + "}"
    }
    #expect(!object.matches(text(29)) && object.matches(text(30)))
    #expect(object.matches(text(31)) && !object.matches(text(32)))
  }

  @Test(
    "counts that nothing can meet, or that names without a list would have to, are said",
    arguments: [
      (#"{"properties":{"a":true},"minProperties":2,"additionalProperties":false}"#, true),
      (#"{"required":["a","b"],"maxProperties":1}"#, true),
      (##"{"properties":{"a":{"$ref":"#"},"b":true},"minProperties":2}"##, true),
      (#"{"properties":{"a":true},"minProperties":2}"#, false),
      (#"{"properties":{"a":true},"minProperties":3,"additionalProperties":true}"#, false),
      (#"{"type":"object","minProperties":2}"#, false),
      (#"{"type":"array","uniqueItems":true,"items":{"enum":[1,1.0]},"minItems":2}"#, true),
    ])
  func refused(schema: String, isImpossible: Bool) throws {
    let error = #expect(throws: FormatError.self) { try constraint(schema) }
    #expect(error?.code == (isImpossible ? .inconsistent : .unsupported), "\(schema)")
  }

  // MARK: One of several

  @Test(
    "oneOf takes schemas that differ by types, values or a tag",
    arguments: [
      (#"{"oneOf":[{"const":"a","title":"A"},{"const":"b"},{"enum":[1,2]}]}"#, [#""b""#, "2"]),
      (
        ##"""
        {"$defs":{"cat":{"type":"object","properties":{"kind":{"const":"cat"},"lives":{"type":"integer"}},"required":["kind"]},
          "dog":{"type":"object","properties":{"kind":{"enum":["dog","hound"]}},"required":["kind"]}},
          "discriminator":{"propertyName":"kind"},"oneOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}]}
        """##, [#"{"kind":"cat","lives":9}"#, #"{"kind":"hound"}"#]
      ),
      (
        #"{"type":"object","oneOf":[{"properties":{"a":{"type":"null"}},"required":["a"]},{"properties":{"b":{"type":"null"}},"additionalProperties":false}]}"#,
        [#"{"a":null}"#, #"{"b":null}"#]
      ),
      (
        #"{"oneOf":[{"required":["a"],"properties":{"a":{"type":"integer"}}},{"required":["a"],"properties":{"a":{"type":"string"}}}]}"#,
        [#"{"a":1}"#, #"{"a":"x"}"#]
      ),
      (#"{"oneOf":[{"type":"null"},{"type":"integer","minimum":2,"maximum":1},false]}"#, ["null"]),
    ] as [(String, [String])])
  func tags(schema: String, texts: [String]) throws {
    let constraint = try constraint(schema)
    for text in texts { #expect(constraint.matches(text), "\(text)") }
  }

  @Test(
    "what stands beside anyOf and oneOf holds for each of their schemas",
    arguments: [
      (
        #"{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}"#,
        [#"{"a":null}"#, #"{"b":null}"#, #"{"a":null,"b":null}"#], ["{}"]
      ),
      (
        #"{"properties":{"k":{"enum":[1,2]},"a":{"type":"null"}},"required":["k"],"oneOf":[{"properties":{"k":{"const":1}}},{"properties":{"k":{"const":2}},"required":["a"]}]}"#,
        [#"{"k":1}"#, #"{"k":2,"a":null}"#], [#"{"k":2}"#, #"{"k":3}"#]
      ),
      (
        #"{"type":"integer","minimum":3,"anyOf":[{"maximum":4},{"minimum":8,"maximum":9},{"maximum":2}]}"#,
        ["3", "4", "8", "9"], ["2", "5", "10"]
      ),
      (#"{"type":"number","anyOf":[{"type":"integer","maximum":-5}]}"#, ["-5"], ["-4", "1.5"]),
      (#"{"type":["string","null"],"anyOf":[{"type":"string"},true]}"#, [#""x""#, "null"], ["1"]),
      (#"{"type":"integer","oneOf":[{"type":"integer"},{"type":"string"}]}"#, ["1"], [#""a""#]),
      (
        #"{"type":"integer","anyOf":[{"maximum":5},{"minimum":9}],"oneOf":[{"minimum":4},false]}"#,
        ["4", "5", "9"], ["3", "6"]
      ),
    ] as [(String, [String], [String])])
  func beside(schema: String, fitting: [String], others: [String]) throws {
    let constraint = try constraint(schema)
    for text in fitting { #expect(constraint.matches(text), "\(text)") }
    for text in others { #expect(!constraint.matches(text), "\(text)") }
  }

  @Test("schemas that hold themselves beside keywords are refused soon")
  func endlessBeside() throws {
    let schema =
      ##"{"$defs":{"a":{"type":"integer","anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b"}]},"b":{"minimum":1,"oneOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}"##
    #expect(throws: FormatError.self) { _ = try constraint(schema) }
  }

  @Test(
    "oneOf is refused where one value may meet two schemas",
    arguments: [
      #"{"oneOf":[{"const":1},{"enum":[2,1.0]}]}"#,
      #"{"oneOf":[{"type":"integer"},{"const":1.5}]}"#,
      #"{"oneOf":[{"const":"a"},{"type":"string"}]}"#,
      #"{"oneOf":[{"properties":{"k":{"const":1}}},{"properties":{"k":{"const":2}}}]}"#,
      #"{"oneOf":[{"properties":{"k":{"const":1}}},{"type":"integer"}]}"#,
      #"{"oneOf":[{"properties":{"a":false},"required":["a"]},{"type":"null"}]}"#,
      ##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"oneOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}"##,
    ])
  func overlapping(schema: String) throws {
    let error = #expect(throws: FormatError.self) { _ = try constraint(schema) }
    #expect(error?.code == .unsupported, "\(error?.description ?? "")")
  }
}
