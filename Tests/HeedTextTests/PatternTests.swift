import HeedFormats
import HeedText
import Testing

@Suite("patterns")
struct PatternTests {
  private func found(
    _ pattern: String, _ text: String, options: PatternOptions = .oniguruma
  ) throws -> [String] {
    let bytes = Array(text.utf8)
    let compiled = try TextPattern(pattern, place: "test", options: options)
    return try compiled.matches(in: bytes, range: 0..<bytes.count)
      .map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  @Test(
    "patterns find what they say",
    arguments: [
      ("a+", "aab a", ["aa", "a"]),
      ("a*?b", "aab b", ["aab", "b"]),
      ("a{2,3}", "aaaaaa a", ["aaa", "aaa"]),
      ("a{2}", "aaaaa", ["aa", "aa"]),
      ("a{,2}b", "aaab", ["aab"]),
      ("a{x", "a{x", ["a{x"]),
      ("(?:ab|a)c", "abc ac", ["abc", "ac"]),
      ("(ab)+", "ababa", ["abab"]),
      ("(?<name>x)y", "xy", ["xy"]),
      ("x(?=y)", "xyxz", ["x"]),
      ("x(?!y)", "xyxz", ["x"]),
      ("(?<=y)x", "xyx", ["x"]),
      ("(?<!y)x", "xyx", ["x"]),
      ("(?<=a|b)c", "ac bc cc", ["c", "c"]),
      ("(?>a+)a", "aaa", []),
      ("a++a", "aaa", []),
      ("a*+", "aa", ["aa"]),
      ("(?i:'s|'t)", "'S 't 'x", ["'S", "'t"]),
      ("(?i)k", "Kk\u{212A}", ["K", "k", "\u{212A}"]),
      ("(?i:s)", "\u{17F}", ["\u{17F}"]),
      ("a(?i)b|c(?-i)d", "aB aCd cd", ["aB", "aCd"]),
      (#"\p{Lu}\p{Ll}+"#, "Äpfel und Öl", ["Äpfel", "Öl"]),
      (#"\P{L}+"#, "ab12cd", ["12"]),
      (#"\p{^L}+"#, "ab12cd", ["12"]),
      (#"\p{Han}+"#, "ab漢字cd", ["漢字"]),
      (#"[^\s\p{L}\p{N}]+"#, "a?! b", ["?!"]),
      (#"[a-c\-x]+"#, "abc-xyz", ["abc-x"]),
      (#"[]a]+"#, "a]b", ["a]"]),
      (#"[a&&[^b]]"#, "ab", ["a"]),
      (#"[\w&&[^\d]]+"#, "ab12", ["ab"]),
      (#"[[:digit:]]+"#, "a12", ["12"]),
      (#"\w+"#, "a² ⅷⓐ 🄰 〇", ["a²", "ⅷⓐ", "🄰", "〇"]),
      (#"[\w]+"#, "a²b½", ["a", "b"]),
      (#"\W+"#, "a²-b½", ["-"]),
      (#"\b"#, "a²", ["", ""]),
      (#"\x41\u0042\x{43}"#, "ABC", ["ABC"]),
      (#"\bcat\b"#, "cat concat cat", ["cat", "cat"]),
      (#"\Aab|b\z"#, "abab", ["ab", "b"]),
      ("^b", "a\nb", ["b"]),
      ("a$", "a\nb", ["a"]),
      (".+", "ab\ncd", ["ab", "cd"]),
      ("(?m:.+)", "ab\ncd", ["ab\ncd"]),
      (#"\R"#, "a\r\nb\n", ["\r\n", "\n"]),
      ("(?#note)a", "a", ["a"]),
      (#"\s+(?!\S)|\s+"#, "a   b ", ["  ", " ", " "]),
      (#"\h+"#, "xyzAF09", ["AF09"]),
      ("(a|b)*c", "abac", ["abac"]),
      ("(?:a?)*b", "aab", ["aab"]),
      ("x{0}y", "y", ["y"]),
    ] as [(String, String, [String])])
  func findsWhatItSays(_ pattern: String, _ text: String, _ expected: [String]) throws {
    #expect(try found(pattern, text) == expected)
  }

  @Test("bounds are possessive for tiktoken and repeated for Oniguruma")
  func boundsFollowTheFlavour() throws {
    #expect(try found(#"\p{N}{1,3}+"#, "12345", options: .tiktoken) == ["123", "45"])
    #expect(try found(#"\p{N}{1,3}+"#, "12345") == ["12345"])
    #expect(try found("a$", "a\nb", options: .tiktoken) == [])
  }

  @Test("a search in a range does not see what lies outside")
  func rangesAreWholeTexts() throws {
    let bytes = Array("ab cd".utf8)
    let pattern = try TextPattern(#"(?<!\w)\w+(?!\S)"#, place: "test")
    #expect(try pattern.matches(in: bytes, range: 1..<4) == [1..<2, 3..<4])
  }

  @Test("empty matches advance by whole characters")
  func emptyMatchesAdvance() throws {
    let bytes = Array("éa".utf8)
    let pattern = try TextPattern("x*", place: "test")
    #expect(try pattern.matches(in: bytes, range: 0..<3) == [0..<0, 2..<2, 3..<3])
  }

  @Test(
    "patterns that are not understood are refused",
    arguments: [
      "(", ")", "a)", "[a", "*a", "a**********", "(?<=ab)c", #"\p{Klingon}"#, #"\k<a>"#, "[z-a]",
      "a{3,2}", "a{2000}", #"\"#, #"\x{110000}"#, "(?x)a", "(?<=a)+",
      String(repeating: "(", count: 4000), String(repeating: "(?i)", count: 4000),
      String(repeating: "[", count: 4000), "((((a{1000}){1000}){1000}){1000})",
    ])
  func refusesTheRest(_ pattern: String) {
    #expect(throws: FormatError.self) { try TextPattern(pattern, place: "test") }
  }

  @Test("a search that explodes ends with an error")
  func explosionsEnd() throws {
    let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 200)
    let pattern = try TextPattern("(a+)+b", place: "test")
    #expect(throws: TokenizerError.self) {
      try pattern.matches(in: bytes, range: 0..<bytes.count)
    }
  }

  @Test("long runs are taken without recursion and in few steps")
  func longRunsAreFine() throws {
    let bytes = [UInt8](repeating: 0x20, count: 300_000) + [0x61]
    let pattern = try TextPattern(#" ?\p{L}+|\s+(?!\S)|\s+"#, place: "test")
    #expect(
      try pattern.matches(in: bytes, range: 0..<bytes.count) == [0..<299_999, 299_999..<300_001])
  }
}
