import HeedFormats
import HeedTensor
import HeedText
import Testing

/// Parts of a schema that no value can meet: what may be absent is left out, what has to be there is refused.
@Suite struct UnmeetablePartsTests {
  private func constraint(_ schema: String) throws -> TextConstraint {
    try TextConstraint(jsonSchema: JSONValue(parsing: schema))
  }

  private static let unmeetable = [
    "false", #"{"type":"integer","minimum":3,"maximum":2}"#, #"{"enum":[]}"#,
    #"{"type":"number","minimum":1,"exclusiveMaximum":1}"#,
    #"{"type":"string","minLength":3,"maxLength":2}"#,
    #"{"type":"string","pattern":"^a{5}$","maxLength":3}"#,
    #"{"type":"integer","multipleOf":7,"minimum":1,"maximum":6}"#,
    #"{"required":["x"],"properties":{"x":false}}"#, #"{"items":false,"minItems":1}"#,
    #"{"allOf":[{"type":"string"},{"type":["null","integer"]}]}"#,
    #"{"allOf":[{"const":1},{"const":2}]}"#, #"{"anyOf":[false,{"enum":[]}]}"#,
    #"{"required":["x","y"],"maxProperties":1}"#, ##"{"$ref":"#/$defs/none"}"##,
    ##"{"type":"array","items":{"$ref":"#/$defs/none"},"minItems":1}"##,
  ]

  private func schema(_ text: String, _ part: String) -> String {
    let text = text.replacing("PART", with: part)
    let none = ##"{"properties":{"n":{"$ref":"#/$defs/none"},"x":false},"required":["x"]}"##
    return "{\"$defs\":{\"none\":\(none)},\(text.dropFirst())"
  }

  @Test("a member that no value can meet is left out, and refused where it is required")
  func members() throws {
    for part in Self.unmeetable {
      let text = schema(#"{"properties":{"a":PART,"b":{"type":"null"}}}"#, part)
      let object = try constraint(text)
      #expect(object.matches(#"{"b":null}"#) && object.matches("{}"), "\(part)")
      #expect(!object.matches(#"{"a":null}"#) && !object.matches(#"{"a":1}"#), "\(part)")
      let error = #expect(throws: FormatError.self) {
        try constraint(text.dropLast() + #","required":["a"]}"#)
      }
      #expect(error?.code == .inconsistent, "\(part): \(error?.description ?? "")")
      #expect(error?.place.contains("a") == true)
    }
  }

  @Test(
    "what no value can meet is left out of lists, others and choices",
    arguments: [
      (#"{"items":PART}"#, ["[]"], ["[null]", "[1]"]),
      (#"{"prefixItems":[{"type":"null"},PART,true]}"#, ["[null]"], ["[]", "[null,1]"]),
      (#"{"prefixItems":[PART],"items":true}"#, ["[]"], ["[1]"]),
      (#"{"prefixItems":[{"type":"null"}],"items":PART}"#, ["[null]"], ["[null,null]"]),
      (#"{"additionalProperties":PART}"#, ["{}"], [#"{"a":1}"#]),
      (
        #"{"properties":{"b":true},"additionalProperties":PART}"#, ["{}", #"{"b":1}"#],
        [#"{"a":1}"#]
      ),
      (#"{"patternProperties":{"a":PART}}"#, ["{}"], [#"{"a":1}"#]),
      (#"{"anyOf":[PART,{"type":"null"}]}"#, ["null"], ["1"]),
      (#"{"anyOf":[{"type":"null"},PART]}"#, ["null"], ["1"]),
    ])
  func parts(text: String, fitting: [String], others: [String]) throws {
    for part in Self.unmeetable {
      let constraint = try constraint(schema(text, part))
      for text in fitting { #expect(constraint.matches(text), "\(part): \(text)") }
      for text in others { #expect(!constraint.matches(text), "\(part): \(text)") }
    }
  }

  @Test(
    "what has to be there is refused, and said with its place",
    arguments: [
      (#"{"items":PART,"minItems":1}"#, "#/items"),
      (#"{"prefixItems":[true,PART],"minItems":2}"#, "#/prefixItems/1"),
      (#"{"prefixItems":[true],"items":PART,"minItems":2}"#, "#/items"),
      (#"{"required":["a"],"additionalProperties":PART}"#, "#/additionalProperties"),
      (#"{"minProperties":1,"additionalProperties":PART}"#, "#"),
      (#"{"patternProperties":{"a":PART},"minProperties":1}"#, "#/patternProperties/a"),
      (#"{"anyOf":[PART,PART]}"#, "#/anyOf/0"), (#"{"type":"array","allOf":[PART]}"#, "#"),
    ])
  func required(text: String, place: String) throws {
    let error = #expect(throws: FormatError.self) { try constraint(schema(text, #"{"enum":[]}"#)) }
    #expect(error?.code == .inconsistent)
    #expect(error?.place == "JSON schema, \(place)", "\(error?.description ?? "")")
  }

  @Test("of several types those are left that a value can meet")
  func types() throws {
    let either = try constraint(#"{"type":["string","integer"],"minLength":2,"maxLength":1}"#)
    #expect(either.matches("7") && !either.matches(#""a""#))
  }

  @Test("what nothing can meet is refused each time it is referred to, also from within")
  func references() throws {
    let text = schema(#"{"properties":{"a":PART,"b":PART}}"#, ##"{"$ref":"#/$defs/none"}"##)
    let object = try constraint(text)
    #expect(object.matches("{}") && !object.matches(#"{"b":{}}"#))
    #expect(!object.matches(#"{"b":}"#) && !object.matches(#"{"a":{"n":{}}}"#))
    let error = #expect(throws: FormatError.self) {
      try constraint(text.dropLast() + #","required":["b"]}"#)
    }
    #expect(error?.place == "JSON schema, #/$defs/none/properties/x", "\(error?.place ?? "")")
  }

  @Test("names that are left out are not written as others")
  func names() throws {
    let object = try constraint(#"{"properties":{"a":false},"additionalProperties":true}"#)
    #expect(object.matches(#"{"b":1}"#) && !object.matches(#"{"a":1}"#))
  }
}
