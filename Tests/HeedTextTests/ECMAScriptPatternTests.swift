import HeedFormats
import HeedText
import Testing

/// Patterns of JSON schemas. What is expected here was compared with an engine of ECMAScript.
@Suite struct ECMAScriptPatternTests {
  private func matches(_ pattern: String, _ text: String) throws -> Bool {
    let compiled = try TextPattern(pattern, place: "test", options: .ecmaScript)
    let bytes = Array(text.utf8)
    return try compiled.matches(in: bytes, range: 0..<bytes.count).isEmpty == false
  }

  @Test(
    "a pattern is found where ECMAScript finds it",
    arguments: [
      (#"^\d+$"#, ["1", "90"], ["\u{663}", "\u{FF11}"]),
      (#"^\D$"#, ["\u{663}", "a"], ["1"]),
      (#"^\w+$"#, ["aZ_9"], ["\u{E9}", "\u{4E2D}", "a b"]),
      (#"^\W$"#, ["\u{E9}", "-"], ["a"]),
      (
        #"^\s$"#,
        ["\t", "\u{B}", "\u{A0}", "\u{1680}", "\u{2003}", "\u{2028}", "\u{3000}", "\u{FEFF}"],
        ["\u{85}", "\u{180E}", "\u{200B}"]
      ),
      (#"^\S$"#, ["\u{85}", "a"], ["\u{FEFF}"]),
      (
        "^.$", ["a", "\u{85}", "\u{1F600}", "\t"], ["\n", "\r", "\u{2028}", "\u{2029}", "ab"]
      ),
      (#"\bcat\b"#, ["a cat", "\u{E9}cat\u{E9}"], ["cats", "_cat"]),
      (#"a\Bb"#, ["ab"], ["a b"]),
      ("^a$", ["a"], ["a\n", "b\na"]),
      (#"^[a[b]$"#, ["a", "[", "b"], ["]"]),
      (#"^[a&&b]$"#, ["a", "&", "b"], ["c"]),
      (#"^[^]$"#, ["a", "\n", "\u{1F600}"], [""]),
      ("[]", [], ["a", ""]),
      (#"^[\b\-\]]$"#, ["\u{8}", "-", "]"], ["b"]),
      ("^[a-]$", ["a", "-"], ["b"]),
      ("^[--0]$", ["-", ".", "0"], ["1", ","]),
      (#"^\u0041\x42\u{43}$"#, ["ABC"], ["ABc"]),
      (#"^\u{00001F600}$"#, ["\u{1F600}"], ["\u{F600}"]),
      (#"^\uD83D\uDE00$"#, ["\u{1F600}"], ["\u{D83}"]),
      (#"^[\uD83D\uDE00-\uD83D\uDE02]$"#, ["\u{1F601}"], ["\u{1F603}"]),
      (#"^[^\uD800-\uDFFF]$"#, ["\u{1F600}", "a"], [""]),
      (#"\uD83D"#, [], ["\u{1F600}"]),
      (#"^\cJ\cj$"#, ["\n\n"], ["JJ"]),
      (#"^\0$"#, ["\u{0}"], ["0"]),
      (#"^\/\.\^\$\*\+\?\(\)\[\]\{\}\|\\$"#, [#"/.^$*+?()[]{}|\"#], ["a"]),
      (#"^\t\n\v\f\r$"#, ["\t\n\u{B}\u{C}\r"], ["tnvfr"]),
      (#"^(?<year>\d{4})-(?<$_a\u0062>\d\d)$"#, ["2024-05"], ["2024-5"]),
      ("^(?:a|b)+?c{2,}d{0,1}$", ["abacc", "accd"], ["ac", "cc"]),
      ("(?=b)b(?!c)", ["bd"], ["bc"]),
      ("(?<=a)b(?<!c)", ["ab"], ["cb"]),
      (#"^\p{Lu}\p{Lowercase_Letter}\P{L}$"#, ["Ab1", "\u{C4}\u{F6}-"], ["AB1"]),
      (#"^\p{gc=Nd}\p{General_Category=Sc}$"#, ["\u{663}$"], ["a$"]),
      (#"^\p{Script=Han}\p{sc=Hira}$"#, ["\u{4E2D}\u{3042}"], ["a\u{3042}"]),
      (
        #"^[\p{Alphabetic}\p{White_Space}]$"#, ["a", "\u{345}", "\u{85}", "\u{24B6}"],
        ["1", "\u{FEFF}"]
      ),
      (#"^\p{Any}\p{ASCII}\p{Emoji}$"#, ["\u{4E2D}a\u{1F600}", "a\u{7F}1"], ["aa\u{4E2D}"]),
      (#"^[^\p{Assigned}]$"#, ["\u{378}"], ["a"]),
      ("", ["", "a"], []),
      ("^(|a)$", ["", "a"], ["b"]),
      ("^(?:(?:){1000}){1000}x{0}$", [""], ["x"]),
    ] as [(String, [String], [String])])
  func found(pattern: String, fitting: [String], others: [String]) throws {
    for text in fitting { #expect(try matches(pattern, text), "\(pattern): \(text)") }
    for text in others { #expect(try !matches(pattern, text), "\(pattern): \(text)") }
  }

  @Test(
    "what ECMAScript does not know is refused by its name",
    arguments: [
      (#"\h"#, #"the escape \h"#), (#"\Aa"#, #"the escape \A"#), (#"a\z"#, #"the escape \z"#),
      (#"a\Z"#, #"the escape \Z"#), (#"\G"#, #"the escape \G"#), (#"\R"#, #"the escape \R"#),
      (#"\a"#, #"the escape \a"#), (#"\e"#, #"the escape \e"#), (#"a\-b"#, #"the escape \-"#),
      (#"\ "#, #"the escape \ "#), (#"[\h]"#, #"the escape \h"#), (#"[\B]"#, #"the escape \B"#),
      ("[a[b]]", "a ]"), ("a]", "a ]"), ("a}", "a }"), ("{", "a {"), ("a{", "a { without"),
      ("a{,3}", "a { without"), ("a{x}", "a { without"), ("a{1", "a { that"),
      ("a*+", "possessive"), ("a++", "possessive"), ("a{1,3}+", "possessive"),
      ("a**", "a *"), ("a{2}{3}", "a {"), ("*", "a *"), ("(?>a)", "(?>"), ("(?i)a", "(?i"),
      ("(?i:a)", "(?i"), ("(?-i:a)", "(?-"), ("(?#a)", "(?#"), ("(?P<n>a)", "(?P"),
      ("(?<1a>b)", "the name"), ("(?<>b)", "name of a group"), ("(?<a>b)(?<a>c)", "twice"),
      ("^*", "a repetition of a place"), ("$+", "a repetition of a place"),
      (#"\b?"#, "a repetition of a place"), ("(?=a)*", "a repetition of a place"),
      ("(?<!a){2}", "a repetition of a place"), (#"\1(a)"#, "back reference"),
      (#"(?<n>a)\k<n>"#, "back reference"), (#"\00"#, "octal"), (#"\x4"#, "number of a character"),
      ("\\x\u{FF11}1", "number of a character"),
      (#"\u{110000}"#, "number of a character"), (#"\u{}"#, "number of a character"),
      (#"\u041"#, "number of a character"), (#"\c1"#, #"\c"#), (#"\c"#, #"\c"#),
      (#"\pL"#, #"\p without {"#), (#"\p{L"#, #"\p{"#), (#"\p{lu}"#, #"\p{lu}"#),
      (#"\p{^L}"#, #"\p{^L}"#), (#"\p{Han}"#, #"\p{Han}"#), (#"\p{IsL}"#, #"\p{IsL}"#),
      (#"\p{Uppercase Letter}"#, #"\p{Uppercase Letter}"#), (#"\p{alnum}"#, #"\p{alnum}"#),
      (#"\p{Script=han}"#, #"\p{Script=han}"#), (#"\p{Script=Klingon}"#, "Klingon"),
      (#"[\d-a]"#, "a range"), (#"[a-\d]"#, "a range"), ("[b-a]", "wrong way round"),
      ("[a", "not closed"), ("[a-", "not closed"), ("(a", "not closed"), (")", "')'"),
      (#"\"#, "a backslash"), (#"[\"#, "a backslash"), ("a{3,1}", "wrong way round"),
      ("a{200000}", "100000"), ("a{99999999999999999999}", "100000"),
    ])
  func refused(pattern: String, words: String) throws {
    let error = #expect(throws: FormatError.self, "\(pattern)") {
      try TextPattern(pattern, place: "test", options: .ecmaScript)
    }
    #expect(error?.what.contains(words) == true, "\(pattern): \(error?.what ?? "")")
  }

  @Test("the patterns of a schema, of values and of names, are ECMAScript's")
  func schemas() throws {
    let digits = try TextConstraint(jsonSchema: ["type": "string", "pattern": #"^\d\w.\s$"#])
    #expect(digits.matches(#""1a- ""#) && digits.matches("\"1a\u{85}\u{FEFF}\""))
    for text in [
      "\"\u{663}a- \"", "\"1\u{E9}- \"", #""1a\r ""#, "\"1a\u{2028} \"", "\"1a-\u{85}\"",
    ] {
      #expect(!digits.matches(text), "\(text)")
    }
    let names = try TextConstraint(
      jsonSchema: ["patternProperties": [#"^\w$"#: ["type": "null"]]])
    #expect(names.matches(#"{"a":null}"#) && !names.matches("{\"\u{E9}\":null}"))
    let error = #expect(throws: FormatError.self) {
      try TextConstraint(jsonSchema: ["type": "string", "pattern": "(?i)a"])
    }
    #expect(error?.place == "JSON schema, #/pattern" && error?.what.contains("(?i") == true)
    // What a person gives is read as before.
    #expect(try TextConstraint(pattern: #"(?i)\h\d"#).matches("F\u{663}"))
  }

  @Test("each alternative of a pattern says itself where it begins and ends")
  func anchorsOfAlternatives() throws {
    let schema = try TextConstraint(jsonSchema: ["type": "string", "pattern": "^a$|b|^c|d$|^$"])
    for text in ["a", "xbx", "cx", "xd", ""] { #expect(schema.matches("\"\(text)\""), "\(text)") }
    for text in ["ax", "xa", "xc", "dx", "x"] { #expect(!schema.matches("\"\(text)\""), "\(text)") }
  }

  @Test("a place within a pattern of a schema is refused, as no automaton knows it")
  func places() {
    for pattern in [#"\bword\b"#, "a(?=b)", "(?<!a)b", "a^b", "(^a|b)$c"] {
      let error = #expect(throws: FormatError.self, "\(pattern)") {
        try TextConstraint(jsonSchema: ["type": "string", "pattern": .string(pattern)])
      }
      #expect(error?.code == .unsupported)
    }
  }
}
