import HeedFormats
import HeedText
import Testing

/// What JSON Schema means by equal, by a reference, and by nothing at all.
@Suite struct SchemaMeaningTests {
  private func constraint(_ schema: String) throws -> TextConstraint {
    try TextConstraint(jsonSchema: JSONValue(parsing: schema))
  }

  // MARK: Equality

  @Test(
    "numbers are the same by what they are worth, however they are written",
    arguments: [
      (#"{"const":1,"enum":[1.0,2]}"#, ["1"], ["2"]),
      (#"{"const":1.0,"enum":[1e0]}"#, ["1.0"], ["2"]),
      (#"{"enum":[1.0,2.5,-3e2],"type":"integer"}"#, ["1.0", "-300.0"], ["2.5"]),
      (#"{"allOf":[{"enum":[1,2,[3.0]]},{"enum":[2e0,[3]]}]}"#, ["2", "[3.0]"], ["1"]),
      (#"{"allOf":[{"const":1.0},{"const":1}]}"#, ["1.0"], ["2"]),
      (#"{"allOf":[{"const":0},{"const":-0.0}]}"#, ["0"], ["1"]),
      (#"{"allOf":[{"type":"number","multipleOf":1},{"multipleOf":1.0}]}"#, ["7"], ["7.5"]),
      (
        #"{"type":"array","uniqueItems":true,"items":{"enum":[1,1.0,2]}}"#,
        ["[1,2]"], ["[1,1.0]", "[1.0,2]", "[1,1.0,2]"]
      ),
      (#"{"const":{"a":1,"b":[2]},"enum":[{"b":[2.0],"a":1e0}]}"#, [#"{"a":1,"b":[2]}"#], ["1"]),
      (
        #"{"enum":[9007199254740993],"const":9007199254740993}"#, ["9007199254740993"],
        ["9007199254740992"]
      ),
    ] as [(String, [String], [String])])
  func numbers(schema: String, fitting: [String], others: [String]) throws {
    let constraint = try constraint(schema)
    for text in fitting { #expect(constraint.matches(text), "\(text)") }
    for text in others { #expect(!constraint.matches(text), "\(text)") }
  }

  @Test(
    "values that are not the same are not taken for it",
    arguments: [
      #"{"const":1,"enum":[true,"1",[1],1.5]}"#, #"{"const":false,"enum":[0,null]}"#,
      #"{"const":9007199254740993,"enum":[9007199254740992.0]}"#,
      #"{"const":"\u00e9","enum":["e\u0301"]}"#, #"{"const":{"a":1},"enum":[{"a":1,"b":1}]}"#,
      #"{"enum":[1.5],"type":"integer"}"#,
    ])
  func different(schema: String) throws {
    let error = #expect(throws: FormatError.self) { try constraint(schema) }
    #expect(error?.code == .inconsistent)
  }

  @Test("two spellings of a letter are two values and two names")
  func spellings() throws {
    let (one, two) = ("\u{E9}", "e\u{301}")
    let object = try TextConstraint(
      jsonSchema: [
        "required": [.string(one), .string(two)], "additionalProperties": ["type": "null"],
      ])
    #expect(object.matches("{\"\(one)\":null,\"\(two)\":null}"))
    #expect(!object.matches("{\"\(one)\":null}"))
    let list = try TextConstraint(
      jsonSchema: [
        "type": "array", "uniqueItems": true, "items": ["enum": [.string(one), .string(two)]],
      ])
    #expect(list.matches("[\"\(one)\",\"\(two)\"]"))
  }

  // MARK: References

  private static let document = #"""
    {"$defs": {"": {"": {"const": "empty"}}, "a/b": {"const": "slash"}, "m~n": {"const": "tilde"},
      "~1": {"const": "code"}, "c%d": {"const": "percent"}, "\u00e9 x": {"const": "letter"},
      "list": {"prefixItems": [{"const": "first"}, {"const": "second"}]}}, "$ref": "POINTER"}
    """#

  @Test(
    "a reference finds what RFC 6901 and RFC 3986 say",
    arguments: [
      ("#/$defs//", "empty"), ("#/$defs/a~1b", "slash"), ("#/%24defs/a%7E1b", "slash"),
      ("#/$defs/m~0n", "tilde"), ("#/$defs/~01", "code"), ("#/$defs/c%25d", "percent"),
      ("#/$defs/%C3%A9%20x", "letter"), ("#/$defs/\u{E9} x", "letter"),
      ("#%2F$defs%2Flist/prefixItems/1", "second"),
    ])
  func pointers(pointer: String, value: String) throws {
    let text = Self.document.replacing("POINTER", with: pointer)
    #expect(try constraint(text).matches("\"\(value)\""))
  }

  @Test(
    "a reference that is none, or to nothing, is refused",
    arguments: [
      ("#/nowhere", FormatError.Code.missing),
      ("#//$defs/a~1b", .missing), ("#/$defs/a/b", .missing), ("#$defs/list", .missing),
      ("#/$defs/~2", .malformed), ("#/$defs/~", .malformed), ("#/%2", .malformed),
      ("#/%zz", .malformed), ("#/%FF", .malformed), ("#/$defs/c%d", .malformed),
      ("#/$defs/list/prefixItems/01", .missing), ("#/$defs/list/prefixItems/+1", .missing),
      ("#/$defs/list/prefixItems/-", .missing), ("#/$defs/list/prefixItems/2", .missing),
      ("other.json#", .unsupported),
    ])
  func refusedPointers(pointer: String, code: FormatError.Code) throws {
    let text = Self.document.replacing("POINTER", with: pointer)
    let error = #expect(throws: FormatError.self) { try constraint(text) }
    #expect(error?.code == code, "\(error?.description ?? "")")
  }

  @Test("two ways to write a reference lead to one part, and an empty one to the whole")
  func onePart() throws {
    let tree = try constraint(
      ##"""
      {"$defs": {"a b": {"type": "array", "items": {"$ref": "#/%24defs/a%20b"}}},
        "type": "object", "properties": {"x": {"$ref": "#/$defs/a b"}, "y": {"$ref": ""}}}
      """##)
    #expect(tree.matches(#"{"x":[[],[[]]],"y":{"x":[]}}"#) && !tree.matches(#"{"y":[]}"#))
  }

  // MARK: What nothing can match

  @Test(
    "a schema whose texts never end is refused when it is read, and named",
    arguments: [
      (##"{"properties":{"a":{"$ref":"#"}},"required":["a"]}"##, "#"),
      (##"{"type":"array","items":{"$ref":"#"},"minItems":1}"##, "#"),
      (##"{"prefixItems":[{"type":"null"},{"$ref":"#"}]}"##, "#"),
      (##"{"patternProperties":{"a":{"$ref":"#"}},"minProperties":1}"##, "#"),
      (
        ##"""
        {"$defs":{"a":{"required":["b"],"properties":{"b":{"$ref":"#/$defs/b"}}},
          "b":{"required":["a"],"properties":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}}}},
          "anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}
        """##, "#/$defs/a, #/$defs/b"
      ),
    ])
  func endless(schema: String, places: String) throws {
    let error = #expect(throws: FormatError.self) { try constraint(schema) }
    #expect(error?.code == .inconsistent)
    #expect(error?.what.contains("no text of \(places) ends") == true, "\(error?.what ?? "")")
  }

  @Test("a schema that needs itself somewhere has texts where something else will do")
  func ending() throws {
    let list = try constraint(
      ##"""
      {"$defs":{"node":{"required":["next"],"properties":{"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}}}},
        "$ref":"#/$defs/node"}
      """##)
    #expect(list.matches(#"{"next":{"next":null}}"#) && !list.matches(#"{"next":{}}"#))
    let optional = try constraint(
      ##"{"$defs":{"e":{"required":["e"],"properties":{"e":{"$ref":"#/$defs/e"}}}},"properties":{"e":{"$ref":"#/$defs/e"},"n":{"type":"null"}}}"##
    )
    #expect(optional.matches("{}") && optional.matches(#"{"n":null}"#))
    #expect(!optional.matches(#"{"e":{"e":{}}}"#))
  }

  @Test("parts that need one another deeper than a walker goes are refused when they are read")
  func tooDeep() throws {
    func chain(_ count: Int) -> JSONValue {
      var definitions: JSONObject = .init()
      // The last first, so that reading it needs no depth.
      var all = JSONObject()
      for level in (0..<count).reversed() {
        let next: JSONValue =
          level == count - 1 ? ["type": "null"] : ["$ref": .string("#/$defs/\(level + 1)")]
        definitions["\(level)"] = ["required": ["n"], "properties": ["n": next]]
        all["\(level)"] = ["$ref": .string("#/$defs/\(level)")]
      }
      return [
        "$defs": .object(definitions), "properties": .object(all), "required": ["0"],
      ]
    }
    #expect(throws: Never.self) { try TextConstraint(jsonSchema: chain(110)) }
    let error = #expect(throws: FormatError.self) { try TextConstraint(jsonSchema: chain(130)) }
    #expect(error?.what.contains("within 120 levels") == true, "\(error?.what ?? "")")
  }

  @Test("a member that a part of allOf forbids may be absent, and one that is required cannot be")
  func forbiddenMembers() throws {
    let schema =
      #"{"allOf":[{"properties":{"a":{"type":"null"},"b":true}},{"properties":{"a":false}}]REST}"#
    let object = try constraint(schema.replacing("REST", with: ""))
    #expect(object.matches(#"{"b":1}"#) && !object.matches(#"{"a":null}"#))
    let error = #expect(throws: FormatError.self) {
      try constraint(schema.replacing("REST", with: #","required":["a"]"#))
    }
    #expect(error?.code == .inconsistent && error?.place.hasSuffix("#/properties/a") == true)
  }

  @Test("a member that many parts of allOf name has to meet all of them")
  func manyParts() throws {
    let parts = (0..<500).map { #"{"properties":{"a":{"type":"integer","minimum":\#($0)}}}"# }
    let object = try constraint(#"{"allOf":[\#(parts.joined(separator: ","))]}"#)
    #expect(object.matches(#"{"a":499}"#) && !object.matches(#"{"a":498}"#))
  }
}
