// Training steps: losses, the gradients of the first step, and the weights after the last one, by the
// tape and the optimiser of the package.

import HeedFormats
import HeedModels
import HeedTensor

/// Language models under AdamW (`training/*_lm`).
struct TrainingRunner: CaseRunner {
  var registry: FamilyRegistry = .standard

  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let settings = file.description["hyper_parameters"] ?? .object(JSONObject())
    guard settings["optimizer"]?.string == "adamw" else {
      throw Unsupported("training with \(settings["optimizer"]?.text() ?? "no optimizer")")
    }
    let model = try LanguageModel(folder: file.folder, registry: registry, packed: false)
    let rates = file.description["learning_rates"]?.array?.compactMap(\.number) ?? []
    let betas = settings["betas"]?.array?.compactMap(\.number) ?? []
    guard betas.count == 2 else { throw Unsupported("AdamW without two betas") }
    let batches = try (file.description["batches"]?.array ?? []).map {
      integerRows(try file.tensor($0["input_ids"] ?? .null))
    }
    let names = model.binding.names
    var parameters = model.parameters
    var first = parameters.mapValues { Tensor(zeros: $0.shape) }
    var second = first
    var losses: [Float] = []
    var norms: [Float] = []
    var results: [String: Tensor] = [:]
    for (step, rate) in rates.enumerated() {
      let ids = batches[step % batches.count]
      let (loss, gradients) = Self.gradients(model, parameters, names, ids)
      let norm = globalNorm(gradients)
      losses.append(loss)
      norms.append(Float(norm))
      let limit = settings["clip_norm"]?.number ?? .infinity
      let update = AdamWStep(
        learningRate: rate, beta1: betas[0], beta2: betas[1],
        epsilon: settings["eps"]?.number ?? 1e-8,
        weightDecay: settings["weight_decay"]?.number ?? 0, step: step + 1,
        gradientScale: min(1, limit / (norm + 1e-6)))
      for (name, gradient) in zip(names, gradients) {
        if step == 0 { results["gradients.\(name)"] = gradient }
        guard var weight = parameters[name], var m = first[name], var v = second[name] else {
          continue
        }
        weight.adamWStep(gradient: gradient, firstMoment: &m, secondMoment: &v, update)
        (parameters[name], first[name], second[name]) = (weight, m, v)
      }
    }
    for (name, weight) in parameters { results["weights_after.\(name)"] = weight }
    results["losses"] = Tensor(losses)
    results["grad_norms"] = Tensor(norms)
    return results
  }

  private static func gradients(
    _ model: LanguageModel, _ parameters: [String: Tensor], _ names: [String], _ ids: [[Int]]
  ) -> (Float, [Tensor]) {
    let tape = Tape()
    let watched = parameters.mapValues { tape.watch($0) }
    let training = LanguageModel(
      spec: model.spec, binding: model.binding, parameters: watched, packed: false)
    let loss = training.loss(
      ids.map { Array($0.dropLast()) }, targets: ids.map { Array($0.dropFirst()) })
    return (
      loss.item(as: Float.self),
      tape.gradients(of: loss, for: names.compactMap { watched[$0] })
    )
  }
}
