import HeedFormats
import HeedModels
import Testing

@Suite("Description")
struct DescriptionTests {
  private func summary(_ config: JSONValue) throws -> String {
    try FamilyRegistry.standard.family(for: config, place: "test").spec(config, "test").summary
  }

  @Test("GPT-2 is described in about ten lines")
  func gpt2() throws {
    let text = try summary(SmallConfig.gpt2)
    #expect(
      text == """
        GPT-2: 2 blocks, width 12, vocabulary 17, context 20
        embedding    [17, 12] + learned positions [20, 12]
        blocks 0 to 1
          x <- x + attention(3 heads of 4, biases) of layer norm 1e-05
          x <- x + feed-forward(geluTanh, 48, biases) of layer norm 1e-05
        final        layer norm 1e-05
        head         the embedding
        parameters   4236
        """)
  }

  @Test("Llama is described in about ten lines")
  func llama() throws {
    let config = SmallConfig.llama.with(("rope_scaling", ["type": "linear", "factor": 2.0]))
    let text = try summary(config)
    #expect(
      text == """
        Llama: 2 blocks, width 12, vocabulary 17, context 64
        embedding    [17, 12]
        blocks 0 to 1
          x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, linear x2.0) of RMS norm 1e-05
          x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
        final        RMS norm 1e-05
        head         [17, 12]
        parameters   3204
        """)
  }
}
