import HeedFormats
import HeedText
import Testing

/// What stands beside a list of values selects among them; what stands beside a reference holds with it.
@Suite struct SchemaListsTests {
  private func expect(_ schema: String, _ fitting: [String], _ others: [String]) throws {
    let constraint = try TextConstraint(jsonSchema: JSONValue(parsing: schema))
    for text in fitting { #expect(constraint.matches(text), "\(text)") }
    for text in others { #expect(!constraint.matches(text), "\(text)") }
  }

  @Test(
    "of listed values those stay that meet what stands beside the list",
    arguments: [
      (#"{"enum":[1,2.5,3,"a",null],"minimum":2}"#, ["2.5", "3", #""a""#, "null"], ["1"]),
      (#"{"enum":[1,2,3],"exclusiveMinimum":1,"exclusiveMaximum":3}"#, ["2"], ["1", "3"]),
      (
        #"{"enum":[9007199254740992,9007199254740993],"minimum":9007199254740993}"#,
        ["9007199254740993"], ["9007199254740992"]
      ),
      // In binary 0.3 is no multiple of 0.1.
      (#"{"enum":[0.3,0.35,-2,0,1e30],"multipleOf":0.1}"#, ["0.3", "-2", "0"], ["0.35"]),
      (
        ##"{"enum":["\ud83d\ude00","ab","abc",5],"maxLength":2,"pattern":"^.$|b"}"##,
        [#""😀""#, #""ab""#, "5"], [#""abc""#]
      ),
      (
        #"{"enum":[[1,1.0],[1,2],[3],{}],"uniqueItems":true,"minItems":2}"#, ["[1,2]", "{}"],
        ["[1,1.0]", "[3]"]
      ),
      (
        #"{"enum":[[1,"x"],["x",1],[]],"prefixItems":[{"type":"integer"}],"items":{"type":"string"}}"#,
        [#"[1,"x"]"#, "[]"], [#"["x",1]"#]
      ),
      (
        #"{"enum":[{"a":1},{"a":"1"},{"b":1},{"a":2,"c":3},{}],"properties":{"a":{"type":"integer"}},"additionalProperties":false,"minProperties":1}"#,
        [#"{"a":1}"#], [#"{"a":"1"}"#, #"{"b":1}"#, #"{"a":2,"c":3}"#, "{}"]
      ),
      (
        #"{"enum":[{"xa":1},{"xa":"1"},{"b":null},{}],"patternProperties":{"^x":{"type":"integer"}},"additionalProperties":{"type":"null"},"required":["xa"]}"#,
        [#"{"xa":1}"#], [#"{"xa":"1"}"#, #"{"b":null}"#, "{}"]
      ),
      // Schemas that overlap are refused for other values.
      (
        #"{"enum":[1,5,9],"oneOf":[{"minimum":4},{"maximum":6}]}"#, ["1", "9"], ["5"]
      ),
      (#"{"enum":[1,5,9],"anyOf":[{"minimum":6},{"const":1}]}"#, ["1", "9"], ["5"]),
      (
        ##"{"$defs":{"s":{"type":"string"}},"enum":[1,"a"],"$ref":"#/$defs/s"}"##, [#""a""#], ["1"]
      ),
      (#"{"const":3,"minimum":2}"#, ["3"], ["2"]),
      (#"{"allOf":[{"enum":[1,2,3]},{"minimum":2}]}"#, ["2", "3"], ["1"]),
      (#"{"type":"integer","maximum":2,"anyOf":[{"enum":[1,2,3]}]}"#, ["1", "2"], ["3"]),
      (
        #"{"type":"array","uniqueItems":true,"items":{"enum":[1,2,3],"minimum":2}}"#, ["[2,3]"],
        ["[1]"]
      ),
      (#"{"anyOf":[{"const":1,"minimum":2},{"type":"null"}]}"#, ["null"], ["1"]),
    ] as [(String, [String], [String])])
  func selected(schema: String, fitting: [String], others: [String]) throws {
    try expect(schema, fitting, others)
  }

  @Test(
    "a list of which no value is left, and a condition that is none, are errors",
    arguments: [
      (#"{"const":1,"minimum":2}"#, FormatError.Code.inconsistent),
      (#"{"enum":[{"a":1}],"properties":{"a":false}}"#, .inconsistent),
      (#"{"enum":[1],"minimum":"2"}"#, .malformed), (#"{"enum":["a"],"minLength":-1}"#, .malformed),
      (#"{"enum":[1],"not":{}}"#, .unsupported),
      (#"{"enum":[{"a":1}],"properties":{"a":{"not":{}}}}"#, .unsupported),
      (##"{"enum":[1],"$ref":"#"}"##, .limit),
    ])
  func refused(schema: String, code: FormatError.Code) throws {
    let error = #expect(throws: FormatError.self) {
      try TextConstraint(jsonSchema: JSONValue(parsing: schema))
    }
    #expect(error?.code == code, "\(error?.description ?? "")")
  }

  @Test(
    "what stands beside a reference holds with what it refers to",
    arguments: [
      (
        ##"{"$defs":{"n":{"type":"integer","minimum":0}},"$ref":"#/$defs/n","maximum":3}"##,
        ["0", "3"], ["-1", "4"]
      ),
      (
        ##"{"$defs":{"n":{"type":"integer"}},"allOf":[{"$ref":"#/$defs/n","minimum":3},{"maximum":4}]}"##,
        ["3", "4"], ["2", "5"]
      ),
      // A tag beside a base tells schemas of oneOf apart.
      (
        ##"""
        {"$defs":{"base":{"type":"object","properties":{"k":{"type":"string"}},"required":["k"]}},
         "oneOf":[{"$ref":"#/$defs/base","properties":{"k":{"const":"a"}}},
                  {"$ref":"#/$defs/base","properties":{"k":{"const":"b"},"x":{"type":"null"}},"required":["x"]}]}
        """##,
        [#"{"k":"a"}"#, #"{"k":"b","x":null}"#], [#"{"k":"b"}"#, #"{"k":"c"}"#]
      ),
      // Lists within themselves stay as deep as they like, with what stands beside the reference.
      (
        ##"""
        {"$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},
          "next":{"$ref":"#/$defs/node","required":["v"]}}}},"$ref":"#/$defs/node"}
        """##,
        ["{}", #"{"next":{"v":1}}"#, #"{"next":{"v":1,"next":{"v":2}}}"#],
        [#"{"next":{}}"#, #"{"next":{"v":1,"next":{}}}"#]
      ),
      (
        ##"{"$defs":{"s":{"enum":["a","b"]}},"$ref":"#/$defs/s","pattern":"b"}"##, [#""b""#],
        [#""a""#]
      ),
    ] as [(String, [String], [String])])
  func references(schema: String, fitting: [String], others: [String]) throws {
    try expect(schema, fitting, others)
  }

  @Test(
    "references that lead to themselves beside keywords are refused soon",
    arguments: [
      ##"{"$ref":"#","minimum":1}"##,
      ##"{"type":"object","properties":{"a":{"$ref":"#","properties":{"a":{"minProperties":1}}}}}"##,
      ##"{"$defs":{"a":{"$ref":"#/$defs/b","minimum":1},"b":{"$ref":"#/$defs/a","maximum":1}},"$ref":"#/$defs/a"}"##,
      ##"{"anyOf":[{"$ref":"#","minimum":1},{"$ref":"#","maximum":1}]}"##,
    ])
  func endless(schema: String) throws {
    #expect(throws: FormatError.self) { try TextConstraint(jsonSchema: JSONValue(parsing: schema)) }
  }
}
