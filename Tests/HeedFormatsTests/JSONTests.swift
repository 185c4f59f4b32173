import HeedFormats
import Testing

@Suite("JSON")
struct JSONTests {
  @Test("a document comes back as it was written, members in order")
  func roundTrip() throws {
    let text = #"{"b":[1,-2.5,1e3,"é\n\u0001",null,true],"a":{"z":{},"y":[]}}"#
    let value = try JSONValue(parsing: text)
    #expect(value.object?.keys == ["b", "a"])
    #expect(try JSONValue(parsing: value.text()) == value)
    #expect(try JSONValue(parsing: value.text(indented: true)) == value)
    #expect(value["b"]?.array?[2].number == 1000)
  }

  @Test("integers of 64 bits stay exact")
  func integers() throws {
    let value = try JSONValue(
      parsing: "[9223372036854775807, -9223372036854775808, 9007199254740993]")
    #expect(value.array == [.integer(.max), .integer(.min), .integer(9_007_199_254_740_993)])
  }

  @Test("two spellings of an accented letter are two keys")
  func canonicalEquivalence() throws {
    let value = try JSONValue(parsing: "{\"\u{e9}\": 1, \"e\u{301}\": 2}")
    #expect(value.object?.count == 2)
    #expect(value["\u{e9}"] == 1)
    #expect(value["e\u{301}"] == 2)
  }

  @Test("surrogate pairs become one scalar")
  func surrogates() throws {
    #expect(try JSONValue(parsing: #""\ud83d\ude00\u00e9""#) == "\u{1F600}é")
  }

  @Test(
    "every mistake is refused with its place",
    arguments: [
      ("", 0), ("{", 1), ("[1,]", 3), ("[1 2]", 3), ("{\"a\":1,\"a\":2}", 7), ("01", 2), ("1.", 2),
      ("-", 1), ("\"a", 2), ("\"\\x\"", 2), ("\"\\ud800\"", 7), ("\"\\ude00\"", 7),
      ("\"\\ud83d\\u0041\"", 13), ("nul", 0),
      ("NaN", 0), ("-Infinity", 1), ("1e999", 0), ("[1]x", 3), ("\"\t\"", 1), ("{1:2}", 1),
    ])
  func mistakes(text: String, offset: Int) {
    let error = #expect(throws: FormatError.self) { try JSONValue(parsing: text) }
    #expect(error?.code == .malformed)
    #expect(error?.what.hasSuffix("at byte \(offset)") == true, "\(error?.what ?? "")")
  }

  @Test("bytes that are not UTF-8 are refused")
  func invalidUTF8() {
    #expect(throws: FormatError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
  }

  @Test("deep nesting is refused, not followed")
  func depth() throws {
    let deep = String(repeating: "[", count: 100_000)
    let error = #expect(throws: FormatError.self) { try JSONValue(parsing: deep) }
    #expect(error?.code == .limit)
    let fits = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    #expect(try JSONValue(parsing: fits).array?.count == 1)
  }

  @Test("bare NaN and infinities are accepted only when asked for")
  func nonFinite() throws {
    let options = JSONOptions(allowsNonFiniteNumbers: true)
    let values = try JSONValue(parsing: "[NaN, Infinity, -Infinity]", options: options).array ?? []
    #expect(values.first?.number?.isNaN == true)
    #expect(values.dropFirst().map(\.number) == [.infinity, -.infinity])
  }
}
