import HeedFormats
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

  @Test("characters come at once, and whole, where every token ends one and begins the next")
  func straddlingTokens() throws {
    // A thumb is F0 9F 91 8D; the only merges make "8D F0 9F" of two of them.
    let letters = ByteAlphabet.letters.map(String.init)
    let middle = letters[0x8D] + letters[0xF0]
    var vocabulary = JSONObject()
    for (id, token) in (letters + [middle, middle + letters[0x9F]]).enumerated() {
      vocabulary[token] = .integer(id)
    }
    let tokenizer = try pipeline(
      """
      {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
       "decoder": {"type": "ByteLevel"},
       "model": {"type": "BPE", "vocab": \(JSONValue.object(vocabulary).text()),
                 "merges": [["\(letters[0x8D])", "\(letters[0xF0])"],
                            ["\(middle)", "\(letters[0x9F])"]]}}
      """)
    let thumbs = String(repeating: "👍", count: 100)
    let ids = try tokenizer.encode(thumbs)
    #expect(ids.count == 3 + 99 * 2 + 1)
    var stream = StreamDecoder(tokenizer)
    let pieces = ids.map { stream.next($0) }
    #expect(pieces.joined() + stream.finish() == thumbs)
    #expect(pieces.filter { $0 == "👍" }.count == 100)
  }

  @Test("spaces behind an unknown token are not taken for the beginning of a text")
  func spacesOfTheirOwn() throws {
    let model = Protobuf.model([("<unk>", 0, 2), ("▁", -1, 1), ("▁the", -1, 1)], type: 1)
    try withFolder(["tokenizer.model": model]) { folder in
      let tokenizer = try TokenizerFolder.tokenizer(at: folder)
      for ids in [[0, 1, 2], [2, 1, 1, 1, 2], [2, 1, 0, 1, 1]] {
        var stream = StreamDecoder(tokenizer)
        let text = ids.map { stream.next($0) }.joined() + stream.finish()
        #expect(text == tokenizer.decode(ids))
      }
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
