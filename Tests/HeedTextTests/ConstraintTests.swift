import HeedFormats
import HeedTensor
import HeedText
import Testing

@Suite struct ConstraintTests {
  @Test(
    "a whole text matches or does not",
    arguments: [
      ("a*b", ["b", "ab", "aaab"], ["", "a", "ba", "abb"]),
      ("[^a-c]x?", ["d", "dx", "\u{4E2D}", "\u{1F600}x"], ["a", "", "dd"]),
      ("(?i:ab){2,3}", ["abAB", "ABabAb"], ["ab", "abababab"]),
      ("\\p{L}+", ["abc", "\u{E9}\u{4E2D}"], ["1", "a b"]),
      (
        "[\u{7FF}-\u{10001}]", ["\u{7FF}", "\u{800}", "\u{FFFF}", "\u{10001}"],
        ["\u{7FE}", "\u{10002}"]
      ),
      ("^a.c$", ["abc", "a c"], ["a\nc", "ac"]),
    ])
  func patterns(pattern: String, fitting: [String], others: [String]) throws {
    let constraint = try TextConstraint(pattern: pattern)
    for text in fitting { #expect(constraint.matches(text), "\(pattern): \(text)") }
    for text in others { #expect(!constraint.matches(text), "\(pattern): \(text)") }
  }

  @Test("ranges of characters become the right bytes")
  func ranges() throws {
    let edges: [UInt32] = [
      0, 0x7F, 0x80, 0x81, 0xBF, 0xC0, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF,
      0x10000, 0x3FFFF, 0x40000, 0x10FFFF,
    ]
    for low in edges {
      for high in edges where low <= high {
        guard let first = Unicode.Scalar(low), let last = Unicode.Scalar(high) else { continue }
        let constraint = try TextConstraint(pattern: "[\(first)-\(last)]")
        for value in edges {
          guard let scalar = Unicode.Scalar(value) else { continue }
          let isMember = constraint.matches(String(scalar))
          #expect(isMember == (low...high).contains(value), "\(low) \(high) \(value)")
        }
      }
    }
  }

  @Test(
    "what an automaton cannot do is an error",
    arguments: ["a(?=b)", "\\bab", "(a", "a{3,1}", "a^b", "[^\\s\\S]"])
  func refused(pattern: String) {
    #expect(throws: FormatError.self) { try TextConstraint(pattern: pattern) }
  }

  private func accepts(_ schema: JSONValue, _ text: String) throws -> Bool {
    try TextConstraint(jsonSchema: schema).matches(text)
  }

  @Test("documents meet a schema or do not")
  func schemas() throws {
    let person: JSONValue = [
      "type": "object",
      "properties": [
        "name": ["type": "string", "minLength": 1, "maxLength": 5],
        "age": ["type": "integer", "minimum": 0, "maximum": 130],
        "tags": ["type": "array", "items": ["enum": ["x", "y"]], "maxItems": 2],
      ],
      "required": ["age"],
    ]
    for text in [
      #"{"age":0}"#, #"{"name": "Ann", "age": 130}"#, #"{"age":7,"tags":[]}"#,
      #"{"name":"\"\\\n","age":1, "tags":["x", "y"]}"#,
    ] { #expect(try accepts(person, text), "\(text)") }
    for text in [
      "{}", #"{"age":131}"#, #"{"age":-1}"#, #"{"age":07}"#, #"{"name":"","age":1}"#,
      #"{"name":"toolong","age":1}"#, #"{"age":1,}"#, #"{"age":1,"tags":["z"]}"#,
      #"{"age":1,"name":"Ann"}"#, #"{"age":1} "#, #"{"age":1,"tags":["x","x","x"]}"#,
    ] { #expect(try !accepts(person, text), "\(text)") }
    #expect(try accepts(["type": ["null", "boolean"]], "null"))
    #expect(try accepts(["anyOf": [["type": "integer"], ["type": "string"]]], "-12"))
    #expect(try accepts(["const": ["a": [1, true]]], #"{"a":[1, true]}"#))
    #expect(try accepts(["type": "number"], "-1.5e+10"))
    #expect(try !accepts(["type": "number"], "1."))
    #expect(try accepts(["type": "string", "pattern": "b+"], #""abc""#))
    #expect(try !accepts(["type": "string", "pattern": "^b+$"], #""abc""#))
    #expect(
      try accepts(["type": "object", "additionalProperties": ["type": "null"]], #"{"q":null}"#))
    #expect(try accepts(true, #"[{"a":[1]}]"#))
    let tree: JSONValue = [
      "$defs": ["leaf": ["type": "boolean"]], "type": "array",
      "prefixItems": [["$ref": "#/$defs/leaf"], ["type": "null"]], "items": false,
    ]
    #expect(try accepts(tree, "[true,null]"))
    #expect(try !accepts(tree, "[null,true]"))
  }

  @Test("whole numbers between bounds are exactly those")
  func bounds() throws {
    for (low, high) in [(0, 0), (-7, 12), (95, 1003), (-120, -99), (-5, 0), (10, 19)] {
      let constraint = try TextConstraint(
        jsonSchema: ["type": "integer", "minimum": .integer(low), "maximum": .integer(high)])
      for value in -1100...1100 {
        #expect(constraint.matches("\(value)") == (low...high).contains(value), "\(value)")
      }
      #expect(!constraint.matches("-0") && !constraint.matches("007"))
    }
  }

  @Test("numbers with fractions between bounds are exactly those")
  func fractions() throws {
    let texts =
      ["0", "-0.5", "0.0", "1", "1.0", "1.00", "1.001", "9.99", "12"]
      + (0..<400).flatMap { n in
        ["\(n / 100).\(n % 100 < 10 ? "0" : "")\(n % 100)", "-\(n / 100).\(n % 100)5", "\(n / 40)"]
      }
    for (low, high) in [
      (0.5, 2.25), (-1.5, 1.0), (-3.05, -0.2), (0, 0.75), (1, 1), (2, 2.5), (-0.5, 3), (0.05, 0.07),
    ] {
      for (isLeastOut, isMostOut) in [(false, false), (true, false), (false, true)] {
        if low == high, isLeastOut || isMostOut { continue }
        let constraint = try TextConstraint(
          jsonSchema: [
            "type": "number", isLeastOut ? "exclusiveMinimum" : "minimum": .number(low),
            isMostOut ? "exclusiveMaximum" : "maximum": .number(high),
          ])
        for text in texts {
          guard let value = Double(text), value != 0 || !text.hasPrefix("-") else { continue }
          let isWithin =
            (isLeastOut ? value > low : value >= low) && (isMostOut ? value < high : value <= high)
          #expect(constraint.matches(text) == isWithin, "\(text) in \(low) \(high)")
        }
      }
    }
    #expect(try accepts(["type": "number", "minimum": 2.5], "123456.75"))
    #expect(try accepts(["type": "number", "exclusiveMaximum": 0], "-0.001"))
    #expect(try !accepts(["type": "number", "exclusiveMinimum": 0], "0.000"))
  }

  @Test("what is left out of bounds is left out for whole numbers among several types too")
  func boundsOfSeveralTypes() throws {
    for type: JSONValue in [["integer", "null"], ["null", "integer"]] {
      let schema: JSONValue = ["type": type, "exclusiveMinimum": 3, "exclusiveMaximum": 6]
      for (text, isWithin) in [("3", false), ("4", true), ("5", true), ("6", false)] {
        #expect(try accepts(schema, text) == isWithin, "\(text)")
      }
    }
    let merged: JSONValue = [
      "allOf": [["type": "integer"], ["type": "number", "exclusiveMinimum": 3]]
    ]
    #expect(try accepts(merged, "4") && !accepts(merged, "3"))
  }

  @Test("a member that may never be there is kept out, and listed values keep their order")
  func absentMembers() throws {
    let none: JSONValue = ["type": "object", "properties": ["a": false]]
    #expect(try accepts(none, "{}") && !accepts(none, #"{"a":1}"#))
    let set: JSONValue = [
      "type": "array", "items": ["enum": ["b", "a", "b"]], "uniqueItems": true,
    ]
    #expect(try accepts(set, #"["b","a"]"#) && !accepts(set, #"["a","b"]"#))
  }

  @Test("categories, cuts and complements of sets have the members that they name")
  func setsAsRanges() throws {
    for pattern in [
      "[\\p{L}&&[^\\p{Lu}x]]", "[^\\p{L}\\d]", "\\P{Zs}", "[[^a-f]\\p{Nd}]", "[^\\W]",
    ] {
      let constraint = try TextConstraint(pattern: pattern)
      let matcher = try TextPattern(pattern, place: "test")
      for value in stride(from: UInt32(0), through: 0x2FFFF, by: 97) {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let text = String(scalar)
        let bytes = Array(text.utf8)
        let isMember = try matcher.matches(in: bytes, range: 0..<bytes.count) == [0..<bytes.count]
        #expect(constraint.matches(text) == isMember, "\(pattern) \(value)")
      }
    }
  }

  @Test(
    "a hostile pattern or schema is answered at once: with a limit, or with a text that ends there")
  func hostile() throws {
    // A hundred thousand sets of one member.
    #expect(throws: FormatError.self) {
      try TextConstraint(pattern: "(?:(?:\\p{Zl}{1000}){100}){10}")
    }
    // Lists that can be read in two ways at each depth: 2^n stacks.
    let twice: JSONValue = [
      "anyOf": [
        ["type": "array", "items": ["$ref": "#"]], ["type": "array", "items": ["$ref": "#"]],
        ["type": "null"],
      ]
    ]
    let lists = try TextConstraint(jsonSchema: twice)
    #expect(lists.matches("[[[null]]]") && !lists.matches("[[[null]]"))
    let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(!lists.matches(deep))
    // Parts of parts of parts.
    var definitions = JSONObject()
    for level in 0..<7 {
      definitions["\(level)"] = [
        "allOf": .array(
          [JSONValue](repeating: ["$ref": .string("#/$defs/\(level + 1)")], count: 50))
      ]
    }
    definitions["7"] = ["type": "null"]
    let parts: JSONValue = ["$defs": .object(definitions), "$ref": "#/$defs/0"]
    let error = #expect(throws: FormatError.self) { try TextConstraint(jsonSchema: parts) }
    #expect(error?.what.contains("parts of allOf") == true)
  }

  @Test("multiples, unique values, patterns of names and allOf are met")
  func moreKeywords() throws {
    #expect(try accepts(["type": "number", "multipleOf": 0.01], "-12.25"))
    #expect(try !accepts(["type": "number", "multipleOf": 0.01], "12.255"))
    #expect(try accepts(["type": "integer", "multipleOf": 100], "1200"))
    #expect(try !accepts(["type": "integer", "multipleOf": 100], "1250"))
    let set: JSONValue = [
      "type": "array", "items": ["enum": ["a", "b", "c"]], "uniqueItems": true,
    ]
    #expect(try accepts(set, #"["a","c"]"#) && accepts(set, "[]") && !accepts(set, #"["a","a"]"#))
    let names: JSONValue = ["patternProperties": ["^x_": ["type": "integer"]]]
    #expect(try accepts(names, #"{"x_a":1, "x_":2}"#) && !accepts(names, #"{"a":1}"#))
    let merged: JSONValue = [
      "$defs": ["base": ["properties": ["a": ["type": "integer"]], "required": ["a"]]],
      "allOf": [
        ["$ref": "#/$defs/base"],
        ["properties": ["a": ["minimum": 3], "b": ["type": "null"]], "required": ["b"]],
      ], "type": "object",
    ]
    #expect(try accepts(merged, #"{"a":3,"b":null}"#) && !accepts(merged, #"{"a":2,"b":null}"#))
    #expect(try !accepts(merged, #"{"a":3}"#))
    let endless: JSONValue = ["allOf": [["$ref": "#"], ["type": "object"]]]
    #expect(throws: FormatError.self) { try TextConstraint(jsonSchema: endless) }
  }

  @Test(
    "a schema that is not supported or cannot be met names the part",
    arguments: [
      (#"{"type":"string","nonsense":2}"#, "#/nonsense"),
      (#"{"type":"array","uniqueItems":true}"#, "#/uniqueItems"),
      (
        #"{"properties":{"a":true},"patternProperties":{"b":true}}"#, "#/patternProperties"
      ),
      (
        #"{"allOf":[{"properties":{"a":true},"additionalProperties":false},{"properties":{"b":true}}]}"#,
        "#/allOf/1/additionalProperties"
      ),
      (#"{"properties":{"a":{"type":"strin"}}}"#, "#/properties/a/type"),
      (#"{"properties":{"a":{"minimum":3}}}"#, "#/properties/a"),
      (
        #"{"allOf":[{"prefixItems":[{"type":"string"}]},{"items":{"type":"null"}}]}"#,
        "#/allOf/1/items"
      ),
      (
        #"{"allOf":[{"additionalProperties":false},{"patternProperties":{"^b":{}}}]}"#,
        "#/allOf/1/additionalProperties"
      ),
      (#"{"exclusiveMinimum":3}"#, "#"), (#"{"minProperties":2}"#, "#"),
      (#"{"oneOf":[{"type":"number"},{"type":"integer"}]}"#, "#/oneOf/1"),
      (#"{"oneOf":[{"type":["null","integer"]},{"type":"number"}]}"#, "#/oneOf/1"),
      (#"{"type":"array","items":{"enum":[1]},"uniqueItems":1}"#, "#/uniqueItems"),
      (#"{"type":"integer","minimum":3,"maximum":2}"#, "#"),
      (#"{"type":"array","minItems":3,"maxItems":2}"#, "#"),
      (#"{"enum":[]}"#, "#"),
      (#"{"items":{"enum":["a"],"type":"integer"},"minItems":1}"#, "#/items"),
      (##"{"$ref":"#"}"##, "#/$ref"), (##"{"$ref":"#/nowhere"}"##, "#/$ref"),
      (#"{"allOf":[{"type":"null"},false]}"#, "#/allOf/1"), (#"{"allOf":[false]}"#, "#"),
      (##"{"$defs":{"n":false},"allOf":[{"$ref":"#/$defs/n"},true]}"##, "#/allOf/0"),
      (#"{"allOf":[{"const":1},{"const":2}]}"#, "#/allOf/1/const"),
      (#"{"allOf":[{"enum":[1]},{"enum":[2]}]}"#, "#"),
      (#"{"required":["a"],"properties":{},"additionalProperties":false}"#, "#/required"),
      (#"{"type":"string","pattern":"a(?=b)"}"#, "#/pattern"),
      (#"{"oneOf":[{"type":"string"},{"type":"string","maxLength":2}]}"#, "#/oneOf/1"),
      (#"{"type":"string","minLength":-1}"#, "#/minLength"), ("3", "#"), ("false", "#"),
      (#"{"type":"string","maxLength":99999999}"#, "#"),
    ])
  func schemaErrors(schema: String, place: String) throws {
    let error = #expect(throws: FormatError.self) {
      try TextConstraint(jsonSchema: JSONValue(parsing: schema))
    }
    #expect(error?.place.hasSuffix(place) == true, "\(error?.description ?? "")")
  }

  @Test("allowed tokens are those whose bytes can be followed, also halves of characters")
  func tokens() throws {
    let constraint = try TextConstraint(pattern: "a\u{E9}+b?")
    let tokens: [[UInt8]?] = [
      Array("a".utf8), [0xC3], [0xA9], Array("b".utf8), Array("a\u{E9}".utf8), nil, [],
      Array("\u{E9}b".utf8), Array("ab".utf8),
    ]
    var walker = ConstraintWalker(constraint, tokens: tokens)
    func allowed(_ state: Int) -> [Int] { walker.allowed(state, endTokens: [5]) }
    func next(_ state: Int, _ token: Int) -> Int? { walker.next(state, token: token) }
    #expect(allowed(0) == [0, 4])
    let afterA = try #require(next(0, 0))
    #expect(allowed(afterA) == [1, 7])
    let half = try #require(next(afterA, 1))
    #expect(allowed(half) == [2])
    let whole = try #require(next(half, 2))
    #expect(allowed(whole) == [1, 3, 5, 7])
    // What a config calls an end may be any number: it costs no memory.
    #expect(walker.allowed(whole, endTokens: [5, -1, .max]) == [1, 3, 5, 7])
    #expect(!walker.isComplete(whole) && walker.accepts(whole))
    let end = try #require(next(whole, 3))
    #expect(walker.isComplete(end))
    #expect(next(end, 0) == nil)
  }

  @Test("random walks through a schema end in documents that JSON readers take")
  func walks() throws {
    let schema: JSONValue = [
      "type": "object",
      "properties": [
        "text": ["type": "string", "maxLength": 6], "any": true,
        "list": ["type": "array", "items": ["type": "number"], "maxItems": 3],
      ],
    ]
    let constraint = try TextConstraint(jsonSchema: schema)
    var walker = ConstraintWalker(
      constraint, tokens: (0..<256).map { [UInt8($0)] })
    var generator = RandomGenerator(seed: 3)
    var finished = 0
    for _ in 0..<40 {
      var (state, bytes) = (0, [UInt8]())
      while bytes.count < 3000, !walker.isComplete(state) {
        let allowed = walker.allowed(state, endTokens: [])
        // Closing signs first, most of the time, so that walks end.
        let closing = allowed.filter { "\"]},:".utf8.contains(UInt8($0)) }
        let isClosing = !closing.isEmpty && Int.random(in: 0..<3, using: &generator) > 0
        let id = try #require((isClosing ? closing : allowed).randomElement(using: &generator))
        bytes.append(UInt8(id))
        let next = walker.next(state, token: id)
        state = try #require(next)
      }
      guard walker.isComplete(state) else { continue }
      finished += 1
      #expect(throws: Never.self) {
        try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
      }
    }
    #expect(finished > 20)
  }

  private static let tree: JSONValue = [
    "$defs": [
      "node": [
        "type": "object",
        "properties": [
          "name": ["type": "string", "maxLength": 3],
          "children": ["type": "array", "items": ["$ref": "#/$defs/node"]],
          "next": ["anyOf": [["$ref": "#/$defs/node"], ["type": "null"]]],
        ],
        "required": ["name", "next"],
      ]
    ], "$ref": "#/$defs/node",
  ]

  @Test("lists stand in lists to any depth that readers take, and what is open has to be closed")
  func nesting() throws {
    let any = try TextConstraint(jsonSchema: true)
    for depth in [3, 50, 110] {
      let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      #expect(any.matches(text) && !any.matches(text + "]") && !any.matches("[" + text))
      let objects =
        String(repeating: #"{"a": ["#, count: depth / 2) + "1"
        + String(repeating: "]}", count: depth / 2)
      #expect(any.matches(objects) && !any.matches(objects.replacing("]", with: "}")))
      #expect(throws: Never.self) { try JSONValue(parsing: objects) }
    }
  }

  @Test("a schema that refers to itself is met by what it says, and by nothing else")
  func recursion() throws {
    #expect(try accepts(Self.tree, #"{"name":"a","next":null}"#))
    let leaf = #"{"name":"b","next":null}"#
    #expect(
      try accepts(Self.tree, #"{"name":"a","children":["# + leaf + "," + leaf + #"],"next":null}"#))
    #expect(try accepts(Self.tree, #"{"name":"a","next":"# + leaf + "}"))
    #expect(try !accepts(Self.tree, #"{"name":"a","children":[1],"next":null}"#))
    #expect(try !accepts(Self.tree, #"{"name":"a","next":{"name":"b"}}"#))
    let list: JSONValue = ["type": "array", "items": ["$ref": "#"]]
    #expect(try accepts(list, "[[],[[]]]") && !accepts(list, "[1]"))
    // Without an end, and with nothing between.
    let endless: JSONValue = ["type": "array", "items": ["$ref": "#"], "minItems": 1]
    let error = #expect(throws: FormatError.self) { try TextConstraint(jsonSchema: endless) }
    #expect(error?.what.contains("nothing can match") == true)
    let circle: JSONValue = [
      "$defs": [
        "a": [
          "anyOf": [["type": "array", "items": ["$ref": "#/$defs/b"]], ["$ref": "#/$defs/b"]]
        ],
        "b": ["anyOf": [["$ref": "#/$defs/a"], ["type": "null"]]],
      ], "$ref": "#/$defs/a",
    ]
    #expect(throws: FormatError.self) { try TextConstraint(jsonSchema: circle) }
    // What can never end is left out where something else can.
    let optional: JSONValue = [
      "$defs": ["endless": endless.with("items", ["$ref": "#/$defs/endless"])],
      "type": "object", "properties": ["a": ["$ref": "#/$defs/endless"], "b": ["type": "null"]],
    ]
    #expect(try accepts(optional, #"{"b":null}"#) && !accepts(optional, #"{"a":[[]]}"#))
  }

  @Test("random walks through a schema that refers to itself end in trees")
  func recursiveWalks() throws {
    func isTree(_ value: JSONValue) -> Bool {
      guard (value["name"]?.string?.unicodeScalars.count ?? 9) <= 3, let next = value["next"] else {
        return false
      }
      return (value["children"]?.array ?? []).allSatisfy(isTree) && (next == .null || isTree(next))
    }
    var walker = ConstraintWalker(
      try TextConstraint(jsonSchema: Self.tree), tokens: (0..<256).map { [UInt8($0)] })
    var generator = RandomGenerator(seed: 9)
    var finished = 0
    for _ in 0..<60 {
      var (state, bytes) = (0, [UInt8]())
      while bytes.count < 2000, !walker.isComplete(state) {
        let allowed = walker.allowed(state, endTokens: [])
        let ascii = allowed.filter { $0 < 127 }
        let closing = allowed.filter { "\"]},:n".utf8.contains(UInt8($0)) }
        let isClosing = !closing.isEmpty && Int.random(in: 0..<4, using: &generator) > 0
        let id = try #require((isClosing ? closing : ascii).randomElement(using: &generator))
        bytes.append(UInt8(id))
        let next = walker.next(state, token: id)
        state = try #require(next)
      }
      guard walker.isComplete(state) else { continue }
      finished += 1
      #expect(isTree(try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))))
    }
    #expect(finished > 20)
  }

  @Test("tokens stand for their bytes behind other text")
  func bytes() throws {
    let characters = CharacterTokenizer(charactersOf: "ab\u{E9}")
    #expect(characters.bytes(ofToken: 2) == Array("\u{E9}".utf8))
    let words = try wordLevel(
      ["a", "\u{2581}the", "<0xC3>"],
      decoder:
        #"{"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}"#
    )
    #expect(words.bytes(ofToken: 2) == Array(" the".utf8))
    #expect(words.bytes(ofToken: 3) == [0xC3])
    let bytes = try wordLevel(["\u{120}a", "\u{C3}"], decoder: #"{"type": "ByteLevel"}"#)
    #expect(bytes.bytes(ofToken: 1) == Array(" a".utf8))
    #expect(bytes.bytes(ofToken: 2) == [0xC3])
  }
}

extension JSONValue {
  /// An object with one more member.
  fileprivate func with(_ key: String, _ value: JSONValue) -> JSONValue {
    var object = object ?? JSONObject()
    object[key] = value
    return .object(object)
  }
}
