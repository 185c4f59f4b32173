import HeedFormats
import HeedText
import Testing

@Suite("SentencePiece")
struct SentencePieceTests {
  private let bytePieces: [(String, Float, UInt64)] = (0...255).map { byte in
    let digits = String(byte, radix: 16, uppercase: true)
    return ("<0x" + (byte < 16 ? "0" : "") + digits + ">", 0, 6)
  }

  private func tokenizer(_ bytes: [UInt8]) throws -> SentencePieceTokenizer {
    try SentencePieceTokenizer(bytes: bytes, place: "test.model")
  }

  private func tokens(_ tokenizer: SentencePieceTokenizer, _ text: String) throws -> [String] {
    try tokenizer.encoding(of: text).tokens
  }

  private let unigramPieces: [(String, Float, UInt64)] = [
    ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("▁", -1, 1), ("a", -2, 1), ("b", -2, 1),
    ("▁ab", -2.5, 1), ("<sym>", 0, 4), ("abab", -1, 5),
  ]

  @Test("unigram: spaces are marks, unknown neighbours one token, symbols whole")
  func unigram() throws {
    let model = try tokenizer(Protobuf.model(unigramPieces, type: 1))
    #expect(try tokens(model, "  ab   a ") == ["▁ab", "▁", "a"])
    #expect(try tokens(model, "a日本b") == ["▁", "a", "日本", "b"])
    #expect(try model.encode("a日本b") == [3, 4, 0, 5])
    #expect(try tokens(model, "a<sym>b") == ["▁", "a", "<sym>", "b"])
    // Control pieces are not found in text, unused ones not at all.
    #expect(try tokens(model, "<s>") == ["▁", "<s>"])
    #expect(try model.encode("<s>") == [3, 0])
    #expect(try tokens(model, "abab") == ["▁ab", "a", "b"])
    #expect(try tokens(model, "") == [])
    #expect(try model.encoding(of: "é ab").offsets == [0..<0, 0..<1, 1..<4])
    #expect(model.specialTokens.beginning == 1)
    #expect(model.specialTokens.end == 2)
    #expect(model.specialTokens.unknown == 0)
  }

  @Test("unigram: text comes back, unknown tokens as a sign")
  func decoding() throws {
    let model = try tokenizer(Protobuf.model(unigramPieces, type: 1))
    #expect(model.decode([1, 6, 3, 4, 0, 2]) == "ab a \u{2047} ")
    #expect(model.decode([-1, 99, 6]) == "ab")
    #expect(model.token(of: 6) == "▁ab")
    #expect(model.id(of: "▁ab") == 6)
  }

  @Test("pairs: the best piece merges first, unused pieces fall apart, bytes for the rest")
  func bytePair() throws {
    let pieces: [(String, Float, UInt64)] =
      [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)] + bytePieces + [
        ("▁", -20, 1), ("a", -21, 1), ("b", -22, 1), ("ab", -1, 1), ("▁a", -2, 1), ("aba", -3, 5),
        ("<x>", 0, 4),
      ]
    let rules = Protobuf.field(4, 0)  // extra spaces stay
    let model = try tokenizer(
      Protobuf.model(pieces, type: 2, usesBytes: true, normalizer: rules))
    #expect(try tokens(model, "aba") == ["▁", "ab", "a"])
    #expect(try tokens(model, "a<x>b") == ["▁a", "<x>", "b"])
    #expect(try tokens(model, "é") == ["▁", "<0xC3>", "<0xA9>"])
    #expect(try tokens(model, " a") == ["▁", "▁a"])
    for text in ["aba é\n日 😀", " a  b ", "<s>"] {
      #expect(model.decode(try model.encode(text)) == text)
    }
    let broken = [3 + 0xFF, 3 + 0xC3, 3 + 0xA9, 3 + 0xC3].map { model.decode([$0]) }
    #expect(broken == ["\u{FFFD}", "\u{FFFD}", "\u{FFFD}", "\u{FFFD}"])
    #expect(model.decode([3 + 0xFF, 3 + 0xC3, 3 + 0xA9]) == "\u{FFFD}é")
  }

  @Test("a long text of one letter is done in a moment")
  func longText() throws {
    let pieces: [(String, Float, UInt64)] = [
      ("<unk>", 0, 2), ("a", -3, 1), ("aa", -1, 1), ("aaaa", -2, 1),
    ]
    let rules = Protobuf.field(3, 0)
    let model = try tokenizer(Protobuf.model(pieces, type: 2, normalizer: rules))
    #expect(try model.encode(String(repeating: "a", count: 80_000)).count == 20_000)
  }

  @Test("the mark may stand behind words, and need not be added")
  func flags() throws {
    let pieces: [(String, Float, UInt64)] = [("<unk>", 0, 2), ("a", -1, 1), ("▁", -1, 1)]
    let suffixed = try tokenizer(Protobuf.model(pieces, type: 1, spacesAreSuffixes: true))
    #expect(try tokens(suffixed, "a a") == ["a", "▁", "a", "▁"])
    let rules = Protobuf.field(3, 0) + Protobuf.field(5, 0)
    let plain = try tokenizer(Protobuf.model(pieces, type: 1, normalizer: rules))
    #expect(try plain.encode("a a") == [1, 0, 1])
  }

  @Test("models that are broken are refused, whatever their lengths claim")
  func refusals() throws {
    let good = Protobuf.model(unigramPieces, type: 1)
    for length in stride(from: 0, to: good.count, by: 3) {
      // A part of a model may be a smaller one; it must not be a crash.
      _ = try? tokenizer(Array(good[..<length]))
    }
    var generator = SteadyGenerator(state: 5)
    for _ in 0..<300 {
      var bad = good
      for _ in 0..<3 {
        bad[Int.random(in: 0..<bad.count, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      if let model = try? tokenizer(bad) { _ = try? model.encode("ab <sym> 日") }
    }
    let unknown: (String, Float, UInt64) = ("<unk>", 0, 2)
    let broken: [[UInt8]] = [
      [], [0x0A], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
      [UInt8](repeating: 0xFF, count: 40), [0x0B], [0x02, 0x00],
      Protobuf.model([("a", 0, 1)], type: 1),  // no unknown piece
      Protobuf.model([unknown, unknown], type: 1),
      Protobuf.model([unknown, ("", 0, 1)], type: 1),
      Protobuf.model([unknown, ("a", .nan, 1)], type: 1),
      Protobuf.model([unknown, ("a", 0, 9)], type: 1),
      Protobuf.model([unknown], type: 3), Protobuf.model([unknown], type: 77),
      Protobuf.model([unknown], type: 2, usesBytes: true),
      Protobuf.model([unknown], type: 1, normalizer: Protobuf.field(2, [1, 2, 3, 4, 5])),
      Protobuf.model(
        [unknown], type: 1,
        normalizer: Protobuf.field(2, [0xFC, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 64))),
    ]
    for bytes in broken {
      #expect(throws: FormatError.self) { try tokenizer(bytes) }
    }
  }

  @Test("a map of characters that leads astray does no harm")
  func wildMaps() throws {
    var generator = SteadyGenerator(state: 9)
    for _ in 0..<100 {
      let units = (0..<64).flatMap { _ in
        (0..<4).map { _ in UInt8.random(in: 0...255, using: &generator) }
      }
      let map = [0, 1, 0, 0] + units + Array("x\u{0}yz".utf8)
      let rules = Protobuf.field(2, map)
      let model = try tokenizer(Protobuf.model(unigramPieces, type: 1, normalizer: rules))
      _ = try model.encode("ab é 日本 \u{7F}")
    }
  }
}
