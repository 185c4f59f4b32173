import HeedAttention
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

/// Scalings whose frequencies depend on the length of the text, beyond 5 tokens.
@Suite("Rotary frequencies that depend on the length")
struct RotaryLengthTests {
  static let longRope = SmallConfig.llama.with(
    (
      "rope_scaling",
      [
        "type": "longrope", "short_factor": [1.0, 1.1, 1.2], "long_factor": [2.5, 4.0, 7.0],
        "original_max_position_embeddings": 5,
      ]
    ))
  static let dynamic = SmallConfig.llama.with(
    ("rope_scaling", ["type": "dynamic", "factor": 4.0, "original_max_position_embeddings": 5]))
  static let both = [longRope, dynamic]

  private let text = [3, 1, 4, 1, 5, 9, 2, 6]

  /// Logits of pieces of a text behind one another, `[1, T, V]`.
  private func pieces(
    _ model: LanguageModel, _ counts: [Int], options: LanguageModel.Options = .init()
  ) -> Tensor {
    var cache = model.emptyCache()
    var rest = text[...]
    let parts = counts.map { count in
      defer { rest = rest.dropFirst(count) }
      return model.forward([Array(rest.prefix(count))], cache: &cache, options: options).logits
    }
    return Tensor(concatenating: parts, alongAxis: 1)
  }

  @Test("a short sequence beside a long one has the bits that it has alone", arguments: both)
  func neighbours(config: JSONValue) throws {
    let model = try smallModel(config)
    var alone = [model.emptyCache(), model.emptyCache()]
    _ = model.forward([text], cache: &alone[1])
    var together = alone
    for step in [[[7, 8], [1, 2]], [[0, 3], [4, 5]], [[6, 6], [2, 9]]] {
      let got = model.forward(step, sequences: &together).logits
      for row in 0..<2 {
        let want = model.forward([step[row]], cache: &alone[row]).logits
        #expect(bits(got.sliced(axis: 0, range: row..<row + 1)) == bits(want))
      }
    }
  }

  @Test("with a cache, one piece and many give the same bits", arguments: both)
  func sameBitsInPieces(config: JSONValue) throws {
    let model = try smallModel(config)
    let whole = bits(pieces(model, [8]))
    for counts in [[1, 1, 1, 1, 1, 1, 1, 1], [3, 4, 1], [5, 3], [6, 2]] {
      #expect(bits(pieces(model, counts)) == whole)
    }
  }

  @Test("pieces that are told the length of their text give the bits of one pass", arguments: both)
  func toldLength(config: JSONValue) throws {
    let model = try smallModel(config)
    var options = LanguageModel.Options()
    options.textLengths = [8]
    let whole = bits(model.logits([text]))
    #expect(bits(pieces(model, [3, 4, 1], options: options)) == whole)
    #expect(bits(pieces(model, [3, 4, 1])) != whole)
  }

  @Test("rows that share positions may belong to texts of other lengths", arguments: both)
  func lengthsOfRows(config: JSONValue) throws {
    let model = try smallModel(config)
    var options = LanguageModel.Options()
    options.textLengths = [4, 8]
    let rows = [Array(text[..<4]), Array(text[4...])]
    let got = model.logits(rows, options: options)
    for row in 0..<2 {
      options.textLengths = [4 * (row + 1)]
      let want = model.logits([rows[row]], options: options)
      #expect(bits(got.sliced(axis: 0, range: row..<row + 1)) == bits(want))
    }
    #expect(bits(got.sliced(axis: 0, range: 1..<2)) != bits(model.logits([rows[1]])))
  }

  @Test("only LongRoPE with two sets of factors has a length at which a text is read anew")
  func switchLength() throws {
    #expect(try smallModel(Self.longRope).spec.rotarySwitchLength == 5)
    #expect(try smallModel(Self.dynamic).spec.rotarySwitchLength == nil)
    #expect(try smallModel(SmallConfig.llama).spec.rotarySwitchLength == nil)
  }
}
