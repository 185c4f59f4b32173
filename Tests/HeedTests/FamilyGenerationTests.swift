import Heed
import HeedAttention
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import HeedText
import Testing

@Suite("Generation by every family")
struct FamilyGenerationTests {
  /// The likeliest token at each place of the first row.
  private func likeliest(_ logits: Tensor) -> [Int] {
    let best = logits.sliced(axis: 0, range: 0..<1).argmax().elements(as: Int64.self)
    return best.map { Int($0) }
  }

  @Test(
    "every way to greedy tokens gives the same ones", arguments: SmallConfig.all,
    [ElementType.float32, .int8])
  func ways(config: JSONValue, cacheType: ElementType) throws {
    let model = try TinyModel.text(config, cacheType: cacheType)
    let prompt = "abc, abc, a"
    let read = try model.tokenizer.encode(prompt)
    // Each token by a pass over all before it without a cache, or with one whose rounding counts.
    var all = read
    var rounded = model.model.emptyCache(elementType: cacheType)
    for _ in 0..<8 {
      let known = rounded.first?.position ?? 0
      let logits =
        cacheType == .float32
        ? model.model.logits([all])
        : model.model.forward([Array(all[known...])], cache: &rounded).logits
      all.append(try #require(likeliest(logits).last))
    }
    let want = Array(all[read.count...])
    for length in [1, 3] {
      var cache = model.model.emptyCache(elementType: cacheType)
      let got = stride(from: 0, to: all.count - 1, by: length).flatMap { start in
        let piece = Array(all[start..<min(start + length, all.count - 1)])
        return likeliest(model.model.forward([piece], cache: &cache).logits)
      }
      #expect(Array(got[(read.count - 1)...]) == want, "pieces of \(length)")
    }
    var settings = settings(temperature: 0, count: want.count)
    func generated(_ prompts: [String], cache: PromptCache? = nil) throws -> [Int]? {
      try model.generate(prompts, settings: settings, cache: cache).first?.tokens.map(\.id)
    }
    #expect(try generated([prompt]) == want)
    #expect(try generated([prompt, "c", "hgf 01, ab"]) == want)
    try withFile { path in
      try PromptCache(reading: read, by: model).save(to: path)
      let saved = try PromptCache(contentsOf: path, for: model)
      #expect(saved.sharedCount(with: read) == read.count - 1)
      #expect(try generated([prompt], cache: saved) == want)
    }
    settings.speculation = .lookup(count: 3)
    #expect(try generated([prompt]) == want)
    #expect(try generated([prompt, "c", "hgf 01, ab"]) == want)
  }
}
