import Foundation
import Heed
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import HeedText
import Testing

@Suite("Evaluation")
struct EvaluationTests {
  private let text = "Der Bär aß süße Äpfel. 日本 😀 und ging in den Wald."

  /// A model of random weights over byte pairs.
  private func model() throws -> TextModel {
    var trainer = try BPETrainer(vocabularySize: 264)
    try trainer.add(text)
    let tokenizer = try PipelineTokenizer(json: trainer.trained(), place: "test")
    let config: JSONValue = [
      "model_type": "llama", "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16,
      "intermediate_size": 24, "max_position_embeddings": 16, "tie_word_embeddings": true,
      "vocab_size": .integer(tokenizer.vocabularySize),
    ]
    let spec = try ModelFamily.llama.spec(config, "test")
    let fresh = ModelFamily.llama.weights(spec).freshParameters(of: spec, seed: 1)
    let parameters = fresh.parameters.mapValues { $0 * 20 }
    return TextModel(
      name: "test",
      model: LanguageModel(spec: spec, binding: fresh.binding, parameters: parameters),
      tokenizer: tokenizer)
  }

  /// Bits of each token but the first, each from the tokens of its window before it.
  private func bits(_ model: TextModel, _ ids: [Int], windows: [(start: Int, first: Int, end: Int)])
    -> Double
  {
    var bits = 0.0
    for window in windows {
      for place in window.first..<window.end {
        let input = Array(ids[window.start..<place])
        let logits = model.model.logits([input]).elements(as: Float.self)
          .suffix(model.model.spec.vocabularySize).map { Double($0) }
        let high = logits.max() ?? 0
        let sum = logits.reduce(0) { $0 + exp($1 - high) }
        bits -= (logits[ids[place]] - high - log(sum)) / log(2)
      }
    }
    return bits
  }

  @Test("the divergence is that of the definition, and none from a model to itself")
  func divergence() throws {
    let reference = try model()
    let parameters = reference.model.parameters.mapValues { $0 * 0.9 }
    let other = TextModel(
      name: "other",
      model: LanguageModel(
        spec: reference.model.spec, binding: reference.model.binding, parameters: parameters),
      tokenizer: reference.tokenizer)
    let ids = try reference.tokenizer.encode(text)
    let none = try reference.divergence(from: reference, on: text)
    #expect(none.nats == 0 && none.lossChange == 0 && none.agreement == 1)
    let size = reference.model.spec.vocabularySize
    func logs(_ row: Int, _ logits: [Float]) -> [Double] {
      let values = logits[row * size..<(row + 1) * size].map { Double($0) }
      let whole = log(values.reduce(0) { $0 + exp($1) })
      return values.map { $0 - whole }
    }
    var (nats, change, agreed) = (0.0, 0.0, 0)
    for start in stride(from: 0, to: ids.count - 1, by: 16) {
      let input = [Array(ids[start..<min(start + 16, ids.count - 1)])]
      let (a, b) = (reference.model.logits(input), other.model.logits(input))
      for row in input[0].indices {
        let p = logs(row, a.elements(as: Float.self))
        let q = logs(row, b.elements(as: Float.self))
        nats += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
        change += p[ids[start + row + 1]] - q[ids[start + row + 1]]
        if p.firstIndex(of: p.max() ?? 0) == q.firstIndex(of: q.max() ?? 0) { agreed += 1 }
      }
    }
    let result = try other.divergence(from: reference, on: text)
    let count = Double(ids.count - 1)
    #expect(result.tokens == ids.count - 1)
    // Logarithms of float32 near 10, of which differences are taken.
    let rounding = 1e-5
    #expect(result.nats > 100 * rounding && abs(result.nats - nats / count) < rounding)
    #expect(abs(result.lossChange - change / count) < rounding)
    #expect(result.agreement == Double(agreed) / count)
    #expect(result.natsError > 0 && result.natsError < result.nats)
    let losses = try (reference.evaluate(text).loss, other.evaluate(text).loss)
    #expect(abs(result.lossChange - (losses.1 - losses.0)) < rounding)
  }

  @Test("bits per byte count every byte of a text of several bytes a character")
  func multiByte() throws {
    let model = try model()
    let ids = try model.tokenizer.encode(text)
    #expect(ids.count > 33 && text.utf8.count > text.count)
    let result = try model.evaluate(text)
    #expect(result.tokens == ids.count - 1 && result.bytes == text.utf8.count)
    // Windows of 16 inputs; the first token of all costs what an id of 264 needs.
    var windows: [(start: Int, first: Int, end: Int)] = []
    for start in stride(from: 0, to: ids.count - 1, by: 16) {
      windows.append((start, start + 1, min(start + 17, ids.count)))
    }
    let wanted = (bits(model, ids, windows: windows) + 9) / Double(text.utf8.count)
    #expect(abs(result.bitsPerByte - wanted) < 1e-4)
  }

  @Test("with an overlap every token is still predicted once, from more before it")
  func overlap() throws {
    let model = try model()
    let ids = try model.tokenizer.encode(text)
    let result = try model.evaluate(text, overlap: 6)
    var windows: [(start: Int, first: Int, end: Int)] = [(0, 1, 17)]
    while let last = windows.last, last.end < ids.count {
      let start = last.end - 1 - 6
      windows.append((start, last.end, min(start + 17, ids.count)))
    }
    #expect(windows.count > 3)
    let wanted = (bits(model, ids, windows: windows) + 9) / Double(text.utf8.count)
    #expect(abs(result.bitsPerByte - wanted) < 1e-4)
    #expect(throws: TokenizerError.self) { try model.evaluate(text, overlap: 16) }
  }

  @Test(
    "keys from a cache of 32 bits change nothing, those of 8 bits what they change token by token",
    arguments: TinyModel.all + SmallConfig.all)
  func cacheTypes(config: JSONValue) throws {
    let model = try TinyModel.text(config)
    let text = "abc, abc, a0. hgf ab"
    #expect(try model.evaluate(text, cacheType: .float32) == model.evaluate(text))
    let ids = try model.tokenizer.encode(text)
    #expect(ids.count <= model.model.spec.contextLength)
    var options = LanguageModel.Options()
    // Rotary frequencies of the whole window.
    options.textLengths = [ids.count - 1]
    var cache = model.model.emptyCache(elementType: .int8)
    var sum = 0.0
    for place in 1..<ids.count {
      let logits = model.model.forward([[ids[place - 1]]], cache: &cache, options: options).logits
      let target = Tensor([Int64(ids[place])], shape: [1, 1])
      sum += Double(crossEntropy(logits, targets: target).item(as: Float.self))
    }
    let small = try model.evaluate(text, cacheType: .int8)
    // Sums of 19 losses near 5 in another order.
    let rounding = 1e-5
    #expect(abs(small.loss - sum / Double(ids.count - 1)) < rounding)
  }

  @Test("a cache of fewer bits is further from none")
  func smallCaches() throws {
    let model = try TinyModel.text()
    let text = String(repeating: "abc, abc, a0. hgf {1}: ", count: 8)
    let far = try [ElementType?.none, .float32, .bfloat16, .int8].map {
      try model.divergence(from: model, on: text, cacheType: $0).nats
    }
    #expect(far[0] == 0 && far[1] == 0 && far[2] > 0 && far[3] > far[2])
  }

  @Test("a text that was counted bit by bit has no token that was not predicted")
  func counted() {
    let result = Evaluation(bits: 96, tokens: 8, bytes: 24)
    #expect(abs(result.bitsPerToken - 12) < 1e-12 && abs(result.bitsPerByte - 4) < 1e-12)
  }

  @Test("a folder gives its texts in order, plain or compressed, and names what is missing")
  func folder() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent(UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func write(_ name: String, _ bytes: [UInt8]) throws {
      try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name))
    }
    let missing = #expect(throws: FormatError.self) { try TextCorpus(folder: folder + "/none") }
    #expect(missing?.what == "there is no such folder")
    try write("train-2.txt", Array("two".utf8))
    // "one", stored.
    let sum: [UInt8] = [0xF1, 0x86, 0x6C, 0x7A]
    let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1, 3, 0, 0xFC, 0xFF]
    try write("train-1.txt.gz", header + Array("one".utf8) + sum + [3, 0, 0, 0])
    try write("training-notes.md", [0xFF])
    let half = #expect(throws: FormatError.self) { try TextCorpus(folder: folder) }
    #expect(half?.what.contains("valid") == true)
    try write("valid.txt", Array("three".utf8))
    let corpus = try TextCorpus(folder: folder)
    #expect(corpus.training == ["one", "two"] && corpus.validation == ["three"])
  }
}
