import HeedFormats
import HeedModels
import HeedTestSupport
import Testing

@Suite("Description")
struct DescriptionTests {
  @Test("each family is described in about ten lines", arguments: snapshots)
  func snapshot(config: JSONValue, text: String) throws {
    let family = try FamilyRegistry.standard.family(for: config, place: "test")
    #expect(try family.spec(config, "test").summary == text)
  }

  @Test("a description names how rotary positions are stretched")
  func stretched() throws {
    let config = SmallConfig.llama.with(("rope_scaling", ["type": "linear", "factor": 2.0]))
    let text = try ModelFamily.llama.spec(config, "test").summary
    #expect(text.contains("attention(4/2 heads of 6, rotary 6 base 5000.0, linear x2.0)"))
  }

  private static let snapshots: [(JSONValue, String)] = [
    (
      SmallConfig.gpt2,
      """
      GPT-2: 2 blocks, width 12, vocabulary 17, context 20
      embedding    [17, 12] + learned positions [20, 12]
      blocks 0 to 1
        x <- x + attention(3 heads of 4, biases) of layer norm 1e-05
        x <- x + feed-forward(geluTanh, 48, biases) of layer norm 1e-05
      final        layer norm 1e-05
      head         the embedding
      parameters   4236
      """
    ),
    (
      SmallConfig.gptJ,
      """
      GPT-J: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1, branches in parallel, of layer norm 1e-05
        x <- x + attention(3 heads of 4, rotary 2 by neighbours base 10000.0)
        x <- x + feed-forward(geluTanh, 14, biases)
      final        layer norm 1e-05
      head         [17, 12], bias
      parameters   2373
      """
    ),
    (
      SmallConfig.gptNeoX,
      """
      GPT-NeoX: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1, branches in parallel
        x <- x + attention(3 heads of 4, rotary 2 base 10000.0, biases) of layer norm 1e-05
        x <- x + feed-forward(geluErf, 14, biases) of layer norm 1e-05
      final        layer norm 1e-05
      head         [17, 12]
      parameters   2500
      """
    ),
    (
      SmallConfig.opt,
      """
      OPT: 2 blocks, width 12, vocabulary 17, context 20
      embedding    [17, 12] + learned positions [22, 12] from row 2
      blocks 0 to 1
        x <- x + attention(3 heads of 4, biases) of layer norm 1e-05
        x <- x + feed-forward(relu, 14, biases) of layer norm 1e-05
      final        layer norm 1e-05
      head         the embedding
      parameters   2560
      """
    ),
    (
      SmallConfig.optPostNorm,
      """
      OPT: 2 blocks, width 12, vocabulary 17, context 20
      embedding    [17, 12] + learned positions [22, 12] from row 2
      blocks 0 to 1
        x <- layer norm 1e-05 of (x + attention(3 heads of 4, biases))
        x <- layer norm 1e-05 of (x + feed-forward(relu, 14, biases))
      head         the embedding
      parameters   2536
      """
    ),
    (
      SmallConfig.bloom,
      """
      BLOOM: 2 blocks, width 12, vocabulary 17, context 2048
      embedding    [17, 12], layer norm 1e-05
      blocks 0 to 1
        x <- x + attention(3 heads of 4, ALiBi, biases) of layer norm 1e-05
        x <- x + feed-forward(geluTanh, 48, biases) of layer norm 1e-05
      final        layer norm 1e-05
      head         the embedding
      parameters   4020
      """
    ),
    (
      SmallConfig.llama,
      """
      Llama: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0) of RMS norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   3204
      """
    ),
    (
      SmallConfig.mistral,
      """
      Mistral: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, window 3) of RMS norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   3204
      """
    ),
    (
      SmallConfig.mixtral,
      """
      Mixtral: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0) of RMS norm 1e-05
        x <- x + experts(2 of 4 by softmax summing to one, each gated silu, 14) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   6324
      """
    ),
    (
      SmallConfig.qwen2,
      """
      Qwen2: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      block 0
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, input biases) of RMS norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      block 1
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, window 3, input biases) of RMS \
      norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   3300
      """
    ),
    (
      SmallConfig.qwen2MoE,
      """
      Qwen2-MoE: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      block 0
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, input biases) of RMS norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      block 1
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, input biases) of RMS norm 1e-05
        x <- x + experts(2 of 4 by softmax, each gated silu, 10) + gated shared(gated silu, 8) \
      of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   4584
      """
    ),
    (
      SmallConfig.qwen3,
      """
      Qwen3: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, queries and keys through RMS \
      norm 1e-05) of RMS norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   3228
      """
    ),
    (
      SmallConfig.gemma,
      """
      Gemma: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12] x 3.464
      blocks 0 to 1
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0) of RMS norm 1e-05, gain + 1
        x <- x + feed-forward(gated geluTanh, 14) of RMS norm 1e-05, gain + 1
      final        RMS norm 1e-05, gain + 1
      head         the embedding
      parameters   3000
      """
    ),
    (
      SmallConfig.gemma2,
      """
      Gemma 2: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12] x 3.464
      block 0
        x <- x + RMS norm 1e-05, gain + 1 of attention(4/2 heads of 6, rotary 6 base 5000.0, \
      window 3, scale 0.333, soft cap 2) of RMS norm 1e-05, gain + 1
        x <- x + RMS norm 1e-05, gain + 1 of feed-forward(gated geluTanh, 14) of RMS norm 1e-05, \
      gain + 1
      block 1
        x <- x + RMS norm 1e-05, gain + 1 of attention(4/2 heads of 6, rotary 6 base 5000.0, \
      scale 0.333, soft cap 2) of RMS norm 1e-05, gain + 1
        x <- x + RMS norm 1e-05, gain + 1 of feed-forward(gated geluTanh, 14) of RMS norm 1e-05, \
      gain + 1
      final        RMS norm 1e-05, gain + 1
      head         the embedding, soft cap 5
      parameters   3048
      """
    ),
    (
      SmallConfig.gemma3,
      """
      Gemma 3: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12] x 3.464
      block 0
        x <- x + RMS norm 1e-05, gain + 1 of attention(4/2 heads of 6, rotary 6 base 100.0, \
      window 3, queries and keys through RMS norm 1e-05, gain + 1) of RMS norm 1e-05, gain + 1
        x <- x + RMS norm 1e-05, gain + 1 of feed-forward(gated geluTanh, 14) of RMS norm 1e-05, \
      gain + 1
      block 1
        x <- x + RMS norm 1e-05, gain + 1 of attention(4/2 heads of 6, rotary 6 base 5000.0, \
      queries and keys through RMS norm 1e-05, gain + 1) of RMS norm 1e-05, gain + 1
        x <- x + RMS norm 1e-05, gain + 1 of feed-forward(gated geluTanh, 14) of RMS norm 1e-05, \
      gain + 1
      final        RMS norm 1e-05, gain + 1
      head         the embedding
      parameters   3072
      """
    ),
    (
      SmallConfig.phi3,
      """
      Phi-3: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1
        x <- x + attention(4/2 heads of 6, rotary 4 base 5000.0, window 5) of RMS norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   3204
      """
    ),
    (
      SmallConfig.deepSeekV2,
      """
      DeepSeek-V2: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      block 0
        x <- x + latent attention(4 heads of 4 + 2, values of 3, latent 8, rotary 2 by \
      neighbours base 5000.0) of RMS norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      block 1
        x <- x + latent attention(4 heads of 4 + 2, values of 3, latent 8, rotary 2 by \
      neighbours base 5000.0) of RMS norm 1e-05
        x <- x + experts(2 of 4 by softmax in 1 of 2 groups x 1.5, each gated silu, 10) + \
      shared(gated silu, 20) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   4748
      """
    ),
    (
      SmallConfig.deepSeekV3,
      """
      DeepSeek-V3: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1
        x <- x + latent attention(4 heads of 4 + 2, values of 3, latent 8, query latent 7, \
      rotary 2 by neighbours base 5000.0) of RMS norm 1e-05
        x <- x + experts(3 of 8 by sigmoid with correction in 2 of 4 groups summing to one x \
      2.5, each gated silu, 10) + shared(gated silu, 10) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   8666
      """
    ),
    (
      SmallConfig.gptOSS,
      """
      gpt-oss: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      block 0
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, YaRN x4.0, window 3, sinks, \
      biases) of RMS norm 1e-05
        x <- x + experts(2 of 4 by softmax with bias summing to one, each gated sigmoid x 1.702 \
      within 7, 14, biases) of RMS norm 1e-05
      block 1
        x <- x + attention(4/2 heads of 6, rotary 6 base 5000.0, YaRN x4.0, sinks, biases) of \
      RMS norm 1e-05
        x <- x + experts(2 of 4 by softmax with bias summing to one, each gated sigmoid x 1.702 \
      within 7, 14, biases) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   6780
      """
    ),
    (
      SmallConfig.diffLlama,
      """
      DiffLlama: 2 blocks, width 12, vocabulary 17, context 64
      embedding    [17, 12]
      blocks 0 to 1
        x <- x + differential attention(4/2 heads of 4 in pairs, rotary 4 base 5000.0) of RMS \
      norm 1e-05
        x <- x + feed-forward(gated silu, 14) of RMS norm 1e-05
      final        RMS norm 1e-05
      head         [17, 12]
      parameters   2660
      """
    ),
  ]
}
