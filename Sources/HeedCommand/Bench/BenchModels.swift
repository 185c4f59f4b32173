import ArgumentParser
import HeedAttention
import HeedBlocks
import HeedFormats
import HeedModels
import HeedTensor

/// Decoders of known sizes with random weights: speed does not depend on the values.
enum BenchModel {
  static let all = ["nanogpt-cpu", "gpt-char", "gpt2-124m"]
  /// For people.
  static let names = all.joined(separator: ", ")

  /// A spec and random weights; nil for an unknown name.
  static func make(_ name: String) throws -> (ModelSpec, WeightBinding, [String: Tensor])? {
    let sizes: (layers: Int, width: Int, heads: Int, context: Int, vocabulary: Int)
    switch name {
    case "nanogpt-cpu": sizes = (4, 128, 4, 64, 65)
    case "gpt-char": sizes = (6, 384, 6, 256, 65)
    case "gpt2-124m": sizes = (12, 768, 12, 1024, 50257)
    default: return nil
    }
    let config: JSONValue = [
      "model_type": "gpt2", "n_embd": .integer(sizes.width), "n_head": .integer(sizes.heads),
      "n_layer": .integer(sizes.layers), "n_positions": .integer(sizes.context),
      "vocab_size": .integer(sizes.vocabulary),
    ]
    let family = ModelFamily.gpt2
    let spec = try family.spec(config, name)
    let fresh = family.weights(spec).freshParameters(of: spec, seed: 1)
    return (spec, fresh.binding, fresh.parameters)
  }
}

/// `heed bench train`: one step: forward, backward, clipping, AdamW.
struct BenchTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Time a training step of a known model size.")

  @Option(help: "One of \(BenchModel.names).") var model = "gpt-char"
  @Option(help: "Sequences.") var batch = 4
  @Option(help: "Tokens of a sequence.") var sequence = 256
  @Option(help: "Element type of products: f32 or bf16.") var dtype = BenchType.f32
  @OptionGroup var options: BenchOptions

  func run() throws {
    guard let (spec, binding, initial) = try BenchModel.make(model) else {
      throw ValidationError("--model must be one of \(BenchModel.names), not \(model)")
    }
    guard batch > 0, sequence > 0, sequence <= spec.contextLength else {
      throw ValidationError("--sequence must be from 1 to \(spec.contextLength)")
    }
    options.withThreads {
      var parameters = initial
      let names = parameters.keys.sorted()
      var moments: [String: (Tensor, Tensor)] = [:]
      for name in names {
        let shape = initial[name]?.shape ?? []
        moments[name] = (Tensor(zeros: shape), Tensor(zeros: shape))
      }
      var generator = RandomGenerator(seed: 2)
      func ids() -> [[Int]] {
        (0..<batch).map { _ in
          let row: [Int64] = generator.integers([sequence], in: 0..<spec.vocabularySize).elements()
          return row.map { Int($0) }
        }
      }
      let (inputs, targets) = (ids(), ids())
      var step = 0
      // As in `Trainer`, the tape and what it watches are gone when parameters change in place.
      func gradients() -> [Tensor] {
        let tape = Tape()
        let watched = parameters.mapValues { tape.watch($0) }
        let network = LanguageModel(
          spec: spec, binding: binding, parameters: watched, packed: false,
          precision: dtype.precision)
        let loss = network.loss(inputs, targets: targets)
        return tape.gradients(of: loss, for: names.compactMap { watched[$0] })
      }
      let measurement = Measurement(seconds: max(options.seconds, 3)) {
        step += 1
        let gradients = gradients()
        let norm = globalNorm(gradients)
        let update = AdamWStep(
          learningRate: 1e-4, step: step, gradientScale: norm > 1 ? 1 / norm : 1)
        for (name, gradient) in zip(names, gradients) {
          guard var weight = parameters.removeValue(forKey: name),
            var moment = moments.removeValue(forKey: name)
          else { continue }
          weight.adamWStep(
            gradient: gradient, firstMoment: &moment.0, secondMoment: &moment.1, update)
          parameters[name] = weight
          moments[name] = moment
        }
      }
      let tokens = Double(batch * sequence)
      let count = Double(
        spec.slots.filter { !$0.path.hasPrefix("positions") }.map { $0.shape.reduce(1, *) }
          .reduce(0, +))
      // Causal: half of the products.
      let attention = 6 * Double(spec.blocks.count * spec.width * sequence)
      BenchReport(
        name: "training step of \(model), \(batch) x \(sequence)", measurement: measurement,
        operations: tokens * (6 * count + attention), type: dtype,
        extra: ["tokens_per_s": .number(tokens / measurement.median)]
      ).show(options)
    }
  }
}
