import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import HeedTraining
import Testing

@Suite("Loads of experts")
struct LoadBalanceTests {
  /// DeepSeek-V3's way: eight experts in each of two blocks, three for each token.
  private struct Mixture {
    let spec: ModelSpec
    let binding: WeightBinding
    let parameters: [String: Tensor]
    let corrections: [Int: String]
    let windows: TokenWindows

    init() throws {
      let config = SmallConfig.deepSeekV3
      let family = try FamilyRegistry.standard.family(for: config, place: "test")
      spec = try family.spec(config, "test")
      (binding, parameters) = family.weights(spec).freshParameters(of: spec, seed: 3)
      corrections = binding.loadCorrections(of: spec)
      let size = spec.vocabularySize
      windows = TokenWindows((0..<400).map { ($0 * $0 / 3 + $0) % size }, length: 16)
    }

    func trainer(speed: Double) -> Trainer {
      Trainer(parameters: parameters, settings: settings(speed: speed))
    }

    func settings(speed: Double) -> TrainingSettings {
      TrainingSettings(
        optimizer: Optimizer(.adamW(weightDecay: 0.1)),
        schedule: .constant(peak: 1e-3, warmup: 0),
        balance: LoadBalance(corrections: Set(corrections.values), speed: speed),
        microbatchCount: 2, seed: 5)
    }

    /// Takes steps; returns the largest load of an expert over the mean, of all blocks, for each step.
    @discardableResult
    func train(_ trainer: inout Trainer, steps: Int) throws -> [Double] {
      try (0..<steps).map { _ in
        let loads = ExpertLoads()
        var excess = 0.0
        try trainer.step(loads: {
          var result: [String: [Int]] = [:]
          for (layer, name) in corrections {
            let counts = loads.counts(ofBlock: layer) ?? []
            let mean = Double(counts.reduce(0, +)) / Double(counts.count)
            excess = max(excess, Double(counts.max() ?? 0) / mean)
            result[name] = counts
          }
          return result
        }) { parameters, microbatch in
          let batch = windows.batch(of: 4, microbatch)
          var options = LanguageModel.Options()
          options.loads = loads
          return LanguageModel(spec: spec, binding: binding, parameters: parameters, packed: false)
            .loss(batch.inputs, targets: batch.targets, options: options)
        }
        return excess
      }
    }
  }

  @Test("a correction moves against the load of its expert, and not where that is the mean")
  func rule() {
    let balance = LoadBalance(corrections: ["c"], speed: 0.25)
    let moved = balance.moved(Tensor([1, 1, -1, 0] as [Float]), by: [5, 1, 3, 3])
    #expect(moved.elements(as: Float.self) == [0.75, 1.25, -1, 0])
    // Means that are no whole numbers.
    let other = balance.moved(Tensor(zeros: [3]), by: [1, 2, 2])
    #expect(other.elements(as: Float.self) == [0.25, -0.25, -0.25])
  }

  @Test("loads become more even over steps, and stay uneven without")
  func even() throws {
    let mixture = try Mixture()
    #expect(mixture.corrections.count == mixture.spec.blocks.count)
    var (balanced, other) = (mixture.trainer(speed: 0.002), mixture.trainer(speed: 0))
    let excess = try mixture.train(&balanced, steps: 60)
    let without = try mixture.train(&other, steps: 60)
    func mean(_ part: ArraySlice<Double>) -> Double { part.reduce(0, +) / Double(part.count) }
    #expect(mean(excess.suffix(10)) < 0.8 * mean(excess.prefix(5)), "\(excess)")
    #expect(mean(without.suffix(10)) > 1.2 * mean(excess.suffix(10)), "\(without)")
    for name in mixture.corrections.values {
      #expect(other.parameters[name].map { $0.sumOfSquares() } == 0)
    }
  }

  @Test("a run that goes on from a checkpoint has the bits of one that never stopped")
  func resume() throws {
    let mixture = try Mixture()
    var whole = mixture.trainer(speed: 0.01)
    try mixture.train(&whole, steps: 6)
    try withTemporaryFolder { folder in
      let path = folder + "/checkpoint.safetensors"
      var first = mixture.trainer(speed: 0.01)
      try mixture.train(&first, steps: 3)
      try Checkpoint(of: first, recipe: "tiny", settings: [:]).write(to: path)
      var second = try Trainer(
        resuming: Checkpoint(path: path), settings: mixture.settings(speed: 0.01))
      try mixture.train(&second, steps: 3)
      #expect(bits(of: second) == bits(of: whole))
      let correction = try #require(mixture.corrections[0].flatMap { second.parameters[$0] })
      #expect(correction.sumOfSquares() > 0)
    }
  }
}
