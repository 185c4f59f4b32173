import Heed
import HeedTensor
import Testing

@Suite struct ScoresTests {
  private func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = RandomGenerator(seed: seed)
    // Rounded, so that there are equal ones.
    return (generator.normal([count], deviation: 3) * 4).elements(as: Float.self).map {
      $0.rounded() / 4
    }
  }

  private let empty = TokenHistory(tokens: [], promptCount: 0)

  @Test("the k largest are those that sorting finds", arguments: [1, 2, 7, 100, 5000, 20_000])
  func topK(count: Int) {
    for (size, seed) in [(1, 1), (5, 2), (300, 3), (10_000, 4)] {
      let values = random(size, seed: UInt64(seed))
      var scores = TokenScores(values)
      TopK(count).process(&scores, empty)
      let limit = values.sorted(by: >)[min(count, size) - 1]
      for id in values.indices {
        #expect(scores[id] == (values[id] >= limit ? values[id] : -.infinity))
      }
    }
  }

  @Test("the likeliest tokens of a mass are those that sorting finds")
  func topP() {
    for seed in 1..<20 {
      let values = random(400, seed: UInt64(seed))
      let mass = Float(seed) / 20
      var scores = TokenScores(values)
      TopP(mass).process(&scores, empty)
      let probabilities = TokenScores(values).probabilities().values
      let order = values.indices.sorted {
        probabilities[$0] == probabilities[$1]
          ? $0 < $1 : probabilities[$0] > probabilities[$1]
      }
      var kept: Set<Int> = []
      var sum = 0.0
      for id in order where sum < Double(mass) {
        kept.insert(id)
        sum += Double(probabilities[id])
      }
      #expect(Set(scores.candidates ?? []) == kept)
    }
  }

  @Test("filters after a filter look at what is left only")
  func chained() {
    let values = random(1000, seed: 9)
    var scores = TokenScores(values)
    ScoreChain([TopK(10), Temperature(0.5), MinP(0.1), TypicalMass(0.9), EtaCutoff(0.01)])
      .process(&scores, empty)
    let best = TokenScores(values).best
    #expect(scores.best == best)
    #expect((scores.candidates?.count ?? 0) >= 1 && (scores.candidates?.count ?? 99) <= 20)
  }

  @Test("ids that a constraint allows and the model has not are passed over")
  func unknownIds() {
    var scores = TokenScores([3, 1, 2])
    scores.keep([1, 2, 3, .max])
    #expect(scores.candidates == [1, 2] && scores.best == 2)
    #expect((0..<scores.count).map { scores[$0] } == [-.infinity, 1, 2])
  }

  @Test("what is no number never comes")
  func notANumber() {
    var scores = TokenScores([.nan, 1, -.infinity, 2])
    #expect(scores.best == 3)
    TopK(2).process(&scores, empty)
    #expect(scores.candidates == [1, 3])
    #expect(TokenScores([.nan, .nan]).best == nil)
    var none = TokenScores([.nan, -.infinity])
    let chooser = TokenChooser(SamplingSettings(topK: 2, topP: 0.5), endTokens: [], promptCount: 0)
    #expect(chooser.choose(&none, empty) == nil)
  }

  @Test("all scores forbidden, or none of any mass, leave nothing to draw")
  func nothing() {
    for settings in [SamplingSettings(), SamplingSettings(topP: 0.5), SamplingSettings(minP: 0.5)] {
      var scores = TokenScores([Float](repeating: -.infinity, count: 600))
      let chooser = TokenChooser(settings, endTokens: [], promptCount: 0)
      #expect(chooser.choose(&scores, empty) == nil)
      var one = TokenScores((0..<600).map { $0 == 511 ? 1 : -.infinity })
      #expect(chooser.choose(&one, empty) == 511)
    }
  }

  @Test("draws have the frequencies of the probabilities")
  func frequencies() {
    let logits: [Float] = [0, 1, 2, -1]
    let wanted = TokenScores(logits).probabilities().values
    let settings = SamplingSettings(seed: 4)
    var counts = [Int](repeating: 0, count: 4)
    for step in 0..<8000 { counts[settings.token(from: logits, history: [], step: step)] += 1 }
    for id in 0..<4 {
      let share = Double(counts[id]) / 8000
      let deviation = (Double(wanted[id]) * (1 - Double(wanted[id])) / 8000).squareRoot()
      #expect(abs(share - Double(wanted[id])) < 5 * deviation)
    }
  }

  @Test("penalties and places change what they say")
  func rules() {
    let history = TokenHistory(tokens: [1, 2, 1, 2], promptCount: 2)
    var scores = TokenScores([1, 1, 1, 1])
    FrequencyPenalty(frequency: 0.5, presence: 0.25).process(&scores, history)
    #expect(scores.values == [1, 0.25, 0.25, 1])
    NoRepeatedSequence(length: 3).process(&scores, history)
    #expect(scores[1] == -.infinity && scores[2] == 0.25)
    ForcedToken([3, 99], at: 4).process(&scores, history)
    #expect(scores.best == 3 && scores.candidates == [3])
    var others = TokenScores([1, 2, 3, 4])
    SequenceBias([.init([2, 0], 9), .init([1, 3], 9), .init([99], 1)]).process(&others, history)
    #expect(others.values == [10, 2, 3, 4])
    MinimumLength(3, endTokens: [0]).process(&others, history)
    #expect(others[0] == -.infinity)
  }

  @Test("settings that make no sense are named")
  func problems() {
    func problem(_ change: (inout SamplingSettings) -> Void) -> String? {
      var settings = SamplingSettings()
      change(&settings)
      return settings.problem
    }
    #expect(problem { _ in } == nil)
    #expect(problem { $0.topK = 0 }?.contains("top-k") == true)
    #expect(problem { $0.typicalP = 0 }?.contains("typical-p") == true)
    #expect(problem { $0.epsilonCutoff = .nan }?.contains("epsilon") == true)
    #expect(problem { $0.noRepeatLength = 0 } != nil)
    #expect(problem { $0.frequencyPenalty = .infinity } != nil)
    #expect(problem { $0.bias = [1: .nan] } != nil)
    var settings = GenerationSettings()
    settings.strategy = .beam(BeamSettings(beamCount: 4, groupCount: 3))
    #expect(settings.problem?.contains("groups") == true)
    settings.strategy = .contrastive(candidateCount: 4, penalty: 2)
    #expect(settings.problem != nil)
  }
}
