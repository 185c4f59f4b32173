import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import HeedTraining
import Testing

@Suite("Training of every family")
struct FamilyTests {
  private let inputs: [[Int]]
  private let targets: [[Int]]

  init() {
    let rows = (0..<4).map { row in (0..<12).map { ($0 * (row + 3) + row) % 17 } }
    inputs = rows.map { Array($0.dropLast()) }
    targets = rows.map { Array($0.dropFirst()) }
  }

  @Test("no family is left out")
  func families() {
    let tested = Set(SmallConfig.all.compactMap { $0["model_type"]?.string })
    for family in FamilyRegistry.standard.families {
      #expect(!tested.isDisjoint(with: family.modelTypes), "\(family.modelTypes)")
    }
  }

  /// What corrects the choice of experts is no part of any sum: it is trained by counting.
  private func isCorrection(_ name: String) -> Bool { name.hasSuffix("e_score_correction_bias") }

  /// Whether the loss does not depend on a parameter: a bias of keys that nothing turns adds the same to
  /// all scores of a query.
  private func isIdle(_ name: String, in config: JSONValue) -> Bool {
    isCorrection(name) || config["model_type"] == "opt" && name.hasSuffix("k_proj.bias")
  }

  /// Of a gradient's length: sums in single precision, some hundred of them behind one another.
  private static let singleSums = 1e-4

  /// Of the length of the whole gradient: factors of 8 bits, through two blocks and back.
  private static let roundedFactors = 0.1

  /// Of a loss: its gradient is 0, but for the last bits of sums.
  private static let nothing = 1e-12

  @Test(
    "gradients of every parameter are those of differences, and nearly so in float32 and bfloat16",
    arguments: SmallConfig.all)
  func gradients(config: JSONValue) throws {
    var (spec, binding, parameters) = try smallParameters(config, deviation: 0.2)
    // Each expert has to be chosen by some token: none is kept away by a correction.
    for (name, tensor) in parameters where isCorrection(name) {
      parameters[name] = Tensor(zeros: tensor.shape)
    }
    func loss(_ parameters: [String: Tensor], _ precision: ProductPrecision = .float32) -> Tensor {
      LanguageModel(
        spec: spec, binding: binding, parameters: parameters, packed: false, precision: precision
      ).loss(inputs, targets: targets)
    }
    let names = parameters.keys.sorted()
    func gradients(
      _ parameters: [String: Tensor], _ precision: ProductPrecision = .float32
    ) -> [Tensor] {
      let tape = Tape()
      let watched = parameters.mapValues { tape.watch($0) }
      let value = loss(watched, precision)
      return tape.gradients(of: value, for: names.compactMap { watched[$0] })
        .map { $0.converted(to: .float64) }
    }
    let exact = parameters.mapValues { $0.converted(to: .float64) }
    let (wanted, single, half) = (
      gradients(exact), gradients(parameters), gradients(parameters, .bfloat16)
    )
    #expect(Set(names) == Set(binding.names))
    for (place, name) in names.enumerated() {
      let gradient = wanted[place]
      var generator = RandomGenerator(seed: 1, stream: UInt64(place))
      let direction = generator.normal(gradient.shape).converted(to: .float64)
      func moved(_ distance: Double) throws -> Double {
        var changed = exact
        changed[name] = try #require(exact[name]) + direction * distance
        return loss(changed).item()
      }
      let step = 1e-6
      let difference = try (moved(step) - moved(-step)) / (2 * step)
      let slope: Double = (gradient * direction).sum().item()
      #expect(abs(slope - difference) < differenceTolerance * max(1, abs(slope)), "\(name)")
      func distance(_ other: Tensor) -> Double {
        (other - gradient).sumOfSquares().squareRoot() / length
      }
      let length = gradient.sumOfSquares().squareRoot()
      #expect((length < Self.nothing) == isIdle(name, in: config), "\(name)")
      if isIdle(name, in: config) { continue }
      #expect(distance(single[place]) < Self.singleSums, "\(name)")
      #expect(half[place].nonFiniteCount == 0 && half[place].sumOfSquares() > 0, "\(name)")
    }
    // Where a rounded input chooses another expert or side of a kink, one tensor changes much, the step not.
    func joinedLength(_ tensors: [Tensor]) -> Double {
      tensors.reduce(0) { $0 + $1.sumOfSquares() }.squareRoot()
    }
    let change = joinedLength(zip(half, wanted).map { $0 - $1 }) / joinedLength(wanted)
    #expect(change < Self.roundedFactors)
  }

  @Test(
    "one step lowers the loss of its batch, and twenty teach it",
    arguments: SmallConfig.all, [ProductPrecision.float32, .bfloat16])
  func steps(config: JSONValue, precision: ProductPrecision) throws {
    let family = try FamilyRegistry.standard.family(for: config, place: "test")
    let spec = try family.spec(config, "test")
    let (binding, fresh) = family.weights(spec).freshParameters(of: spec, seed: 3)
    var trainer = Trainer(
      parameters: fresh,
      settings: TrainingSettings(
        optimizer: Optimizer(.adamW()), schedule: .constant(peak: 1e-2, warmup: 0), gradientLimit: 1
      ))
    let losses = try (0..<21).map { _ in
      try trainer.step { parameters, _ in
        LanguageModel(
          spec: spec, binding: binding, parameters: parameters, packed: false, precision: precision
        ).loss(inputs, targets: targets)
      }.loss
    }
    #expect(losses[1] < losses[0])
    #expect(losses[20] < 0.75 * losses[0])
  }
}
