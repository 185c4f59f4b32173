import HeedText
import Testing

@Suite("truncation and padding")
struct TruncationTests {
  private let tokenizer: PipelineTokenizer

  init() throws {
    tokenizer = try wordLevel(
      ["a", "b", "c", "d", "e", "[S]"], preTokenizer: #"{"type": "WhitespaceSplit"}"#,
      postProcessor: """
        {"type": "TemplateProcessing",
         "single": [{"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[S]", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                  {"SpecialToken": {"id": "[S]", "type_id": 0}},
                  {"Sequence": {"id": "B", "type_id": 1}}],
         "special_tokens": {"[S]": {"id": "[S]", "ids": [6], "tokens": ["[S]"]}}}
        """)
  }

  private func ids(
    _ text: String, _ second: String? = nil, _ truncation: Truncation
  ) throws -> (ids: [Int], overflowing: [[Int]]) {
    let encoding = try tokenizer.encoding(of: text, and: second, truncation: truncation)
    return (encoding.ids, encoding.overflowing.map(\.ids))
  }

  @Test("what is cut off comes in pieces with the same frame")
  func pieces() throws {
    let right = try ids("a b c d e", nil, Truncation(maximumLength: 3))
    #expect(right.ids == [1, 2, 6])
    #expect(right.overflowing == [[3, 4, 6], [5, 6]])
    let left = try ids("a b c d e", nil, Truncation(maximumLength: 3, side: .left))
    #expect(left.ids == [4, 5, 6])
    #expect(left.overflowing == [[2, 3, 6], [1, 6]])
    let strided = try ids("a b c d", nil, Truncation(maximumLength: 4, stride: 1))
    #expect(strided.ids == [1, 2, 3, 6])
    #expect(strided.overflowing == [[3, 4, 6]])
  }

  @Test("the longer text of a pair is cut, or the one that is named")
  func pairs() throws {
    #expect(try ids("a b c d", "e", Truncation(maximumLength: 4)).ids == [1, 2, 6, 5])
    #expect(
      try ids("a b c", "d e", Truncation(maximumLength: 4, strategy: .onlyFirst)).ids
        == [1, 6, 4, 5])
    #expect(
      try ids("a b", "d e", Truncation(maximumLength: 4, strategy: .onlySecond)).ids
        == [1, 2, 6, 4])
  }

  @Test("nothing left is nothing, not an error")
  func nothingLeft() throws {
    let result = try ids("a b", nil, Truncation(maximumLength: 1))
    #expect(result.ids == [6])
    #expect(result.overflowing == [[1, 2, 6]])
  }

  @Test(
    "truncation that cannot be kept is an error",
    arguments: [
      Truncation(maximumLength: 0), Truncation(maximumLength: -3),
      Truncation(maximumLength: 3, stride: 2), Truncation(maximumLength: 3, stride: -1),
      Truncation(maximumLength: 3, strategy: .onlySecond),
    ])
  func impossible(_ truncation: Truncation) {
    #expect(throws: TokenizerError.self) { try ids("a b c d", nil, truncation) }
  }

  @Test("padding brings a batch to one length")
  func padding() throws {
    let batch = try tokenizer.encodings(
      of: ["a", "a b c"], padding: Padding(multiple: 3, id: 9, typeID: 1, token: "[P]"))
    #expect(batch.map(\.ids) == [[1, 6, 9, 9, 9, 9], [1, 2, 3, 6, 9, 9]])
    #expect(batch[0].attentionMask == [1, 1, 0, 0, 0, 0])
    #expect(batch[0].typeIDs == [0, 0, 1, 1, 1, 1])
    #expect(batch[0].tokens.last == "[P]")
    let left = try tokenizer.encodings(of: ["a"], padding: Padding(length: .fixed(4), side: .left))
    #expect(left[0].ids == [0, 0, 1, 6])
    #expect(left[0].offsets == [0..<0, 0..<0, 0..<1, 0..<0])
    let none = try tokenizer.encodings(of: ["a b c"], padding: Padding(length: .fixed(2)))
    #expect(none[0].ids == [1, 2, 3, 6])
  }
}
