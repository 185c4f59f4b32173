import HeedFormats
import HeedTensor

/// Optimiser steps for given gradients (`training/optimizers`).
struct OptimizersRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    guard let name = referenceCase.text("optimizer"), ["adamw", "adam"].contains(name),
      !referenceCase.flag("amsgrad")
    else {
      throw Unsupported(
        referenceCase.text("schedule").map { "the schedule \($0)" }
          ?? "the optimizer \(referenceCase.text("optimizer") ?? "")")
    }
    let betas = referenceCase.attributes["betas"]?.array?.compactMap(\.number) ?? [0.9, 0.999]
    let decay = referenceCase.number("weight_decay") ?? 0
    let names = ["p0", "p1"]
    var parameters = try names.map { try referenceCase.input($0) }
    var first = parameters.map { Tensor(zeros: $0.shape) }
    var second = first
    var steps: [[Tensor]] = names.map { _ in [] }
    for step in 0..<(referenceCase.integer("steps") ?? 0) {
      var gradients = try ["g0", "g1"].map { try referenceCase.input($0).entry(step, axis: 0) }
      let norm = globalNorm(gradients)
      let scale = referenceCase.number("clip").map { min(1, $0 / (norm + 1e-6)) } ?? 1
      // Adam with L2: the decay is a part of the gradient.
      if name == "adam" { gradients = zip(gradients, parameters).map { $0 * scale + $1 * decay } }
      let update = AdamWStep(
        learningRate: referenceCase.number("lr") ?? 0, beta1: betas[0], beta2: betas[1],
        epsilon: referenceCase.number("eps") ?? 1e-8, weightDecay: name == "adamw" ? decay : 0,
        step: step + 1, gradientScale: name == "adamw" ? scale : 1)
      for place in names.indices {
        parameters[place].adamWStep(
          gradient: gradients[place], firstMoment: &first[place], secondMoment: &second[place],
          update)
        steps[place].append(parameters[place])
      }
    }
    return ["p0": Tensor(stacking: steps[0]), "p1": Tensor(stacking: steps[1])]
  }
}
