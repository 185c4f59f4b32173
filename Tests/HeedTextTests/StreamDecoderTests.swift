import HeedText
import Testing

@Suite("stream decoder")
struct StreamDecoderTests {
  private func byteLevel() throws -> PipelineTokenizer {
    let letters = ByteAlphabet.letters.enumerated().map {
      #""\#($1 == "\"" || $1 == "\\" ? "\\" : "")\#($1)": \#($0)"#
    }
    return try pipeline(
      """
      {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
       "decoder": {"type": "ByteLevel"}, "added_tokens": [{"id": 256, "content": "<e>", "special": true}],
       "model": {"type": "BPE", "merges": [], "vocab": {\(letters.joined(separator: ", "))}}}
      """)
  }

  @Test("pieces joined are the text, and no piece ends inside a character")
  func piecesJoin() throws {
    let tokenizer = try byteLevel()
    for text in ["héllo 😀 日本", "e\u{301}", "", "👩🏿‍🚀", "\u{FFFD}x"] {
      var stream = StreamDecoder(tokenizer)
      var result = ""
      for id in try tokenizer.encode(text) {
        let piece = stream.next(id)
        if !text.contains("\u{FFFD}") { #expect(!piece.contains("\u{FFFD}")) }
        result += piece
      }
      result += stream.finish()
      #expect(Array(result.utf8) == Array(text.utf8))
    }
  }

  @Test("bytes that never become a character are not held for ever")
  func brokenBytes() throws {
    var stream = StreamDecoder(try byteLevel())
    var result = ""
    for _ in 0..<20 { result += stream.next(0xFF) }
    #expect(result.unicodeScalars.count >= 8)
    result += stream.finish()
    #expect(result == String(repeating: "\u{FFFD}", count: 20))
  }

  @Test("special tokens are silent unless they are asked for")
  func specialTokens() throws {
    var quiet = StreamDecoder(try byteLevel())
    #expect([97, 256, 98].map { quiet.next($0) } == ["a", "", "b"])
    var loud = StreamDecoder(try byteLevel(), skippingSpecialTokens: false)
    #expect([97, 256, 98].map { loud.next($0) } == ["a", "<e>", "b"])
  }

  @Test("the space before the first word is dropped once, not before every word")
  func firstSpace() throws {
    let tokenizer = try wordLevel(
      ["▁a", "▁b"], decoder: #"{"type": "Metaspace", "replacement": "▁"}"#)
    var stream = StreamDecoder(tokenizer)
    #expect([1, 2, 1].map { stream.next($0) } == ["a", " b", " a"])
  }
}
