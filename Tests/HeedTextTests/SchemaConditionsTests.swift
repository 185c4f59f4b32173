import HeedFormats
import HeedText
import Testing

/// What several conditions on one value allow together, and what names a reference may use.
@Suite struct SchemaConditionsTests {
  private func constraint(_ schema: String) throws -> TextConstraint {
    try TextConstraint(jsonSchema: JSONValue(parsing: schema))
  }

  private func expect(_ schema: String, fits: [String], not others: [String]) throws {
    let constraint = try constraint(schema)
    for text in fits { #expect(constraint.matches(text), "\(schema): \(text)") }
    for text in others { #expect(!constraint.matches(text), "\(schema): \(text)") }
  }

  // MARK: Multiples

  @Test("multiples of whole numbers are those and no others", arguments: [1, 2, 3, 7, 12, 60, 365])
  func multiples(step: Int) throws {
    let constraint = try constraint(#"{"type":"integer","multipleOf":\#(step)}"#)
    for number in -800...800 {
      #expect(constraint.matches("\(number)") == (number % step == 0), "\(number) by \(step)")
    }
    #expect(!constraint.matches("0\(step)") && !constraint.matches("\(step).0"))
  }

  @Test("multiples of numbers with fractions are written with the digits that they need")
  func fractions() throws {
    try expect(
      #"{"type":"number","multipleOf":2.5}"#, fits: ["0", "2.5", "-7.5", "10", "12.5", "10.0"],
      not: ["2", "2.50", "3.5", "1e1", "2.", ".5", "05"])
    try expect(
      #"{"type":"number","multipleOf":0.25}"#, fits: ["0.25", "-1.5", "3.75", "7", "1.50"],
      not: ["0.1", "0.3", "1.55", "1.125"])
    try expect(
      #"{"type":"integer","multipleOf":1.5}"#, fits: ["3", "-6", "0"], not: ["1.5", "2", "4"])
    try expect(
      #"{"type":"integer","multipleOf":3000}"#, fits: ["0", "3000", "-6000", "21000"],
      not: ["300", "4000", "1000", "00"])
  }

  @Test("multiples lie between the bounds beside them")
  func boundedMultiples() throws {
    let constraint = try constraint(
      #"{"type":"integer","multipleOf":7,"minimum":-20,"exclusiveMaximum":35}"#)
    for number in -100...100 {
      #expect(
        constraint.matches("\(number)") == (number % 7 == 0 && number >= -20 && number < 35))
    }
    try expect(
      #"{"type":"number","multipleOf":0.5,"minimum":0.75,"maximum":3}"#,
      fits: ["1", "1.5", "2.0", "3"], not: ["0.5", "0.75", "3.5", "-1"])
  }

  // MARK: Strings

  @Test("a text matches every pattern that allOf gives it, and is as long as it has to be")
  func patterns() throws {
    try expect(
      #"{"type":"string","pattern":"a","allOf":[{"pattern":"b$"},{"pattern":"^.{2,4}$"}]}"#,
      fits: [#""ab""#, #""xab""#, #""aaab""#], not: [#""a""#, #""ba""#, #""xxxab""#, #""b""#])
    try expect(
      ##"{"$defs":{"d":{"pattern":"[0-9]"}},"allOf":[{"type":"string","pattern":"^[a-f0-9]+$"},{"$ref":"#/$defs/d"},{"allOf":[{"pattern":"[a-f]"},{"pattern":"[0-9]"}]}]}"##,
      fits: [#""a1""#, #""0f""#], not: [#""aa""#, #""11""#, #""g1a""#])
    try expect(
      #"{"type":"string","pattern":"^é*x","minLength":3,"maxLength":4}"#,
      fits: [#""éx1""#, #""ééxa""#], not: [#""éx""#, #""xabcd""#, #""aéx""#])
    try expect(
      #"{"type":["string","null"],"allOf":[{"pattern":"a"},{"pattern":"b"}]}"#,
      fits: ["null", #""ba""#], not: [#""a""#])
  }

  // MARK: Members

  @Test(
    "members that are not listed come behind the others, with other names, where the schema says so"
  )
  func others() throws {
    try expect(
      #"{"properties":{"a":{"type":"null"},"ab":{"type":"null"}},"required":["c"],"additionalProperties":{"type":"integer"}}"#,
      fits: [
        #"{"a":null,"c":1,"x":2}"#, #"{"c":1}"#, #"{"c":1,"":3,"abc":4, "b":5}"#,
        #"{"ab":null,"c":1,"é":2,"\"":3}"#,
      ],
      not: [
        #"{"c":1,"a":2}"#, #"{"c":1,"ab":2}"#, #"{"c":1,"c":2}"#, #"{"c":1,"x":null}"#,
        #"{"x":1,"c":2}"#, #"{"x":1}"#,
      ])
    try expect(
      #"{"properties":{"é\"":{"type":"null"}},"additionalProperties":true}"#,
      fits: [#"{"é\"":null,"é":[1]}"#, #"{"éa":1}"#, "{}"], not: [#"{"é\"":1}"#])
    // Without the keyword none are written.
    try expect(#"{"properties":{"a":true}}"#, fits: ["{}", #"{"a":1}"#], not: [#"{"b":1}"#])
    try expect(
      #"{"properties":{"a":false},"additionalProperties":{"type":"null"},"maxProperties":2}"#,
      fits: ["{}", #"{"b":null,"aa":null}"#],
      not: [#"{"a":null}"#, #"{"b":null,"c":null,"d":null}"#])
    try expect(
      #"{"properties":{"a":true},"required":["a"],"additionalProperties":true,"minProperties":2,"maxProperties":3}"#,
      fits: [#"{"a":1,"b":2}"#, #"{"a":1,"b":2,"c":3}"#],
      not: [#"{"a":1}"#, #"{"a":1,"b":2,"c":3,"d":4}"#])
    try expect(
      #"{"allOf":[{"properties":{"a":true},"additionalProperties":true},{"additionalProperties":{"type":"null"},"properties":{"a":true}}]}"#,
      fits: [#"{"a":1,"b":null}"#], not: [#"{"b":1}"#])
  }

  // MARK: References

  @Test(
    "references lead to anchors and to parts with a URI of their own",
    arguments: [
      ##"{"$defs":{"x":{"$anchor":"n","type":"null"}},"$ref":"#n"}"##,
      ##"{"$defs":{"x":{"$id":"#n","type":"null"}},"$ref":"#n"}"##,
      ##"{"$id":"https://a.b/c/d.json","$defs":{"x":{"$id":"e.json","type":"null"}},"$ref":"e.json"}"##,
      ##"{"$id":"https://a.b/c/d.json","$defs":{"x":{"$id":"../e","type":"null"}},"$ref":"https://a.b/e"}"##,
      ##"{"$id":"https://a.b/c/d.json","$ref":"d.json#/$defs/x","$defs":{"x":{"type":"null"}}}"##,
      ##"{"$defs":{"x":{"$id":"item","$defs":{"y":{"type":"null"}},"$ref":"#/$defs/y"},"y":{"type":"string"}},"$ref":"item"}"##,
      ##"{"$defs":{"x":{"$id":"item","$defs":{"y":{"$anchor":"n","type":"null"}}},"y":{"$anchor":"n","type":"string"}},"$ref":"item#n"}"##,
      ##"{"$id":"urn:x:y","$defs":{"x":{"$id":"urn:x:z","type":"null"}},"$ref":"urn:x:z"}"##,
      ##"{"$defs":{"x":{"$anchor":"n","type":"null"}},"enum":[null]}"##,
    ])
  func references(schema: String) throws {
    let constraint = try constraint(schema)
    #expect(constraint.matches("null") && !constraint.matches(#""a""#))
  }

  @Test(
    "members that are called like keywords are members, and values that look like schemas are values"
  )
  func names() throws {
    try expect(
      ##"{"properties":{"$id":{"type":"null"},"enum":{"$ref":"#n"},"$anchor":{"$anchor":"n","type":"null"}}}"##,
      fits: [#"{"$id":null,"enum":null,"$anchor":null}"#], not: [#"{"enum":1}"#])
    try expect(
      ##"{"const":{"$id":"a","x":{"$id":"a","$ref":"a"}},"$anchor":"n"}"##,
      fits: [#"{"$id":"a","x":{"$id":"a","$ref":"a"}}"#], not: ["1"])
  }

  // MARK: Errors

  @Test(
    "what cannot be met, is too large or is no name ends in words that name the place",
    arguments: [
      (#"{"type":"integer","minimum":1,"maximum":2,"multipleOf":3}"#, .inconsistent, "#"),
      (#"{"type":"number","minimum":0.1,"maximum":0.2,"multipleOf":0.25}"#, .inconsistent, "#"),
      (#"{"type":"integer","multipleOf":4099}"#, .limit, "#/multipleOf"),
      (#"{"type":"integer","multipleOf":1e-12}"#, .limit, "#/multipleOf"),
      (#"{"type":"integer","multipleOf":1e300}"#, .limit, "#/multipleOf"),
      (#"{"type":"integer","multipleOf":0}"#, .malformed, "#/multipleOf"),
      (#"{"type":"string","allOf":[{"pattern":"^a$"},{"pattern":"^b$"}]}"#, .inconsistent, "#"),
      (#"{"type":"string","pattern":"^a{3}$","maxLength":2}"#, .inconsistent, "#"),
      (
        #"{"type":"string","allOf":[{"pattern":"a"},{"pattern":"("}]}"#, .malformed,
        "#/allOf/1/pattern"
      ),
      (#"{"allOf":[{"pattern":"a"},{"pattern":"b"}]}"#, .unsupported, "#"),
      (
        #"{"type":"string","allOf":[{"pattern":"(a|b){4000}"},{"pattern":"(b|c){3999}"}]}"#, .limit,
        "#"
      ),
      (#"{"properties":{"a":false},"minProperties":1}"#, .unsupported, "#"),
      (
        #"{"properties":{"a":false},"additionalProperties":false,"minProperties":1}"#,
        .inconsistent, "#"
      ),
      (##"{"$defs":{"x":{"$anchor":"n"},"y":{"$anchor":"n"}}}"##, .malformed, "#/$defs/y"),
      (##"{"$defs":{"x":{"$id":"n"},"y":{"$id":"n#"}}}"##, .malformed, "#/$defs/y"),
      (##"{"$defs":{"x":{"$id":"n#m"}}}"##, .malformed, "#/$defs/x"),
      (##"{"$defs":{"x":{"$anchor":""}}}"##, .malformed, "#/$defs/x"),
      (##"{"$defs":{"x":{"$anchor":"n"}},"$ref":"#m"}"##, .missing, "#/$ref"),
      (##"{"$defs":{"x":{"$id":"n"}},"$ref":"m"}"##, .unsupported, "#/$ref"),
    ] as [(String, FormatError.Code, String)])
  func errors(schema: String, code: FormatError.Code, place: String) {
    let error = #expect(throws: FormatError.self) { try constraint(schema) }
    #expect(
      error?.code == code && error?.place.hasSuffix(place) == true, "\(String(describing: error))")
  }
}
