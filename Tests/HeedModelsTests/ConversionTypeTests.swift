import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Types of converted models")
struct ConversionTypeTests {
  /// Rows of 64 and of 256.
  private let config = SmallConfig.llama.with(
    ("hidden_size", 64), ("head_dim", 16), ("intermediate_size", 256))

  private func converted(
    _ config: JSONValue, _ type: ConversionType,
    _ body: (GGUFFile, ConversionReport) throws -> Void
  ) throws {
    let (_, _, parameters) = try smallParameters(config)
    try withModelFolder(config, parameters) { folder in
      let report = try ModelConversion.convert(folder, to: folder + "/m.gguf", type: type)
      try body(GGUFFile(path: folder + "/m.gguf"), report)
    }
  }

  @Test(
    "rows that are no whole blocks take llama.cpp's replacement, and the report says so",
    arguments: [
      (ConversionType.q4_k, BlockType.q4_K, BlockType.q5_0),
      (.q5_k, .q5_K, .q5_1), (.q6_k, .q6_K, .q8_0),
    ])
  func replacements(type: ConversionType, wide: BlockType, narrow: BlockType) throws {
    try converted(config, type) { file, report in
      #expect(file.entry(named: "blk.0.attn_q.weight")?.type == .blocks(narrow))
      #expect(file.entry(named: "blk.1.ffn_down.weight")?.type == .blocks(wide))
      #expect(file.entry(named: "token_embd.weight")?.type == .blocks(.q8_0))
      let texts = report.fallbacks.map(\.description).sorted()
      let (name, other) = (wide.rawValue, narrow.rawValue)
      let want =
        type == .q6_k
        ? ["14 matrices of rows of 64 became q8_0: q6_k needs multiples of 256"]
        : [
          "12 matrices of rows of 64 became \(other): \(name) needs multiples of 256",
          "2 matrices of rows of 64 became q8_0: q6_k needs multiples of 256",
        ]
      #expect(texts == want)
    }
  }

  @Test(
    "blocks of 32 need no replacement, and half precision takes what has no blocks at all",
    arguments: [ConversionType.q8_0, .q5_1, .q5_0, .q4_1, .q4_0])
  func small(type: ConversionType) throws {
    let blocks = try #require(BlockType(rawValue: type.rawValue))
    try converted(config.with(("hidden_size", 256), ("head_dim", 64)), type) { file, report in
      #expect(report.fallbacks.isEmpty)
      #expect(file.entry(named: "blk.0.attn_q.weight")?.type == .blocks(blocks))
      let table: BlockType = type == .q8_0 ? .q8_0 : .q6_K
      #expect(file.entry(named: "token_embd.weight")?.type == .blocks(table))
      #expect(file["general.file_type"]?.integer != nil)
    }
    try converted(SmallConfig.llama, type) { file, report in
      #expect(file.entry(named: "blk.0.attn_q.weight")?.type == .elements(.float16))
      #expect(report.fallbacks.contains { $0.written == nil && $0.width == 12 })
    }
  }
}
