import Heed
import HeedModels
import Testing

@Suite struct PublishedSamplingTests {
  @Test("published settings are taken where tokens are drawn, penalties always")
  func taken() {
    var published = PublishedGeneration()
    var settings = SamplingSettings(temperature: 0.8, topK: 7)
    settings.apply(published)
    #expect(settings == SamplingSettings(temperature: 0.8, topK: 7))
    published.temperature = 0.6
    published.topK = 20
    published.topP = 0.95
    published.repetitionPenalty = 1.1
    published.suppressedTokens = [3]
    for (isSampling, isTaken) in [(nil, true), (true, true), (false, false)] as [(Bool?, Bool)] {
      published.isSampling = isSampling
      var settings = SamplingSettings(temperature: 0.8)
      settings.apply(published)
      #expect(settings.temperature == (isTaken ? 0.6 : 0.8))
      #expect(settings.topK == (isTaken ? 20 : nil) && settings.topP == (isTaken ? 0.95 : 1))
      #expect(settings.repetitionPenalty == 1.1 && settings.suppressedTokens == [3])
    }
    var searched = SamplingSettings()
    published.isSampling = true
    searched.apply(published, withFilters: false)
    #expect(searched.temperature == 1 && searched.topK == nil && searched.repetitionPenalty == 1.1)
    published.topK = 0
    published.temperature = nil
    settings.apply(published)
    #expect(settings.topK == nil && settings.temperature == 1)
  }
}
