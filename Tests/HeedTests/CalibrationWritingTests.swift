import Heed
import HeedFormats
import HeedModels
import HeedTensor
import Testing

@Suite("Texts that models write to be calibrated with")
struct CalibrationWritingTests {
  @Test(
    "the same text on every run and any number of threads, of the length that is asked for",
    arguments: [TinyModel.llama, TinyModel.longRope])
  func same(config: JSONValue) throws {
    let model = try TinyModel.text(config).model
    let texts = try [1, 2, 3].map { threads in
      try ThreadPool.withThreadCount(threads) {
        try CalibrationText.written(by: model, beginningToken: 2, tokenCount: 2000).tokens
      }
    }
    #expect(texts[0].count == 2000 && texts[0] == texts[1] && texts[0] == texts[2])
    // Each fills the context, and each goes its own way.
    let apart = stride(from: 0, to: 2000, by: 48).map { Array(texts[0][$0..<min($0 + 48, 2000)]) }
    #expect(apart.allSatisfy { $0[0] == 2 } && Set(apart).count == apart.count)
    let other = try CalibrationText.written(
      by: model, beginningToken: 2, tokenCount: 2000, seed: 100)
    #expect(other.tokens != texts[0])
  }

  @Test("without a first token every round draws its own")
  func drawn() throws {
    let model = try TinyModel.text(TinyModel.llama).model
    let text = try CalibrationText.written(by: model, tokenCount: 32 * 48 * 4).tokens
    let firsts = (0..<4).map { round in
      Set((0..<32).map { text[(round * 32 + $0) * 48] })
    }
    #expect(firsts.allSatisfy { $0.count == 1 } && Set(firsts).count > 1)
    #expect(text.allSatisfy { (0..<model.spec.vocabularySize).contains($0) })
  }

  @Test("a model whose scores are no numbers writes nothing, and progress can end it")
  func refusals() throws {
    let model = try TinyModel.text(TinyModel.llama).model
    var parameters = model.parameters
    for (name, tensor) in parameters { parameters[name] = tensor * Double.nan }
    let damaged = LanguageModel(
      spec: model.spec, binding: model.binding, parameters: parameters)
    let error = #expect(throws: GenerationError.self) {
      try CalibrationText.written(by: damaged, tokenCount: 100)
    }
    #expect(error?.description.contains("no numbers") == true)
    var seen: [Int] = []
    #expect(throws: CancellationError.self) {
      try CalibrationText.written(by: model, tokenCount: 1000) { count in
        seen.append(count)
        if count > 100 { throw CancellationError() }
      }
    }
    #expect(seen.count > 1 && seen.last ?? 0 > 100 && seen.last ?? 0 < 1000)
  }
}
