import HeedFormats
import HeedTensor
import HeedTraining

/// Optimiser steps for given gradients, and learning rates (`training/optimizers`).
struct OptimizersRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    if let schedule = try schedule(referenceCase) {
      let count = referenceCase.outputs["learning_rates"]?.count ?? 0
      return ["learning_rates": Tensor((0..<count).map { Float(schedule.rate(step: $0)) })]
    }
    let optimizer = Optimizer(try rule(referenceCase), groups: [])
    let names = ["p0", "p1"]
    var parameters = try names.map { try referenceCase.input($0) }
    var moments = zip(parameters, names).map { optimizer.emptyMoments(like: $0, named: $1) }
    var steps: [[Tensor]] = names.map { _ in [] }
    for step in 0..<(referenceCase.integer("steps") ?? 0) {
      let gradients = try ["g0", "g1"].map { try referenceCase.input($0).entry(step, axis: 0) }
      let norm = globalNorm(gradients)
      let scale = referenceCase.number("clip").map { min(1, $0 / (norm + 1e-6)) } ?? 1
      for (place, name) in names.enumerated() {
        optimizer.update(
          &parameters[place], named: name, gradient: gradients[place], gradientScale: scale,
          moments: &moments[place], learningRate: referenceCase.number("lr") ?? 0, step: step + 1)
        steps[place].append(parameters[place])
      }
    }
    return ["p0": Tensor(stacking: steps[0]), "p1": Tensor(stacking: steps[1])]
  }

  private func rule(_ referenceCase: ReferenceCase) throws -> OptimizerRule {
    let betas = referenceCase.attributes["betas"]?.array?.compactMap(\.number) ?? [0.9, 0.999]
    guard betas.count == 2 else { throw Unsupported("Adam with \(betas.count) betas") }
    let decay = referenceCase.number("weight_decay") ?? 0
    let epsilon = referenceCase.number("eps") ?? 1e-8
    switch referenceCase.text("optimizer") {
    case "adamw":
      return .adamW(
        beta1: betas[0], beta2: betas[1], epsilon: epsilon, weightDecay: decay,
        isAMSGrad: referenceCase.flag("amsgrad"))
    case "adam":
      return .adam(
        beta1: betas[0], beta2: betas[1], epsilon: epsilon, weightDecay: decay,
        isAMSGrad: referenceCase.flag("amsgrad"))
    case "sgd":
      return .sgd(
        momentum: referenceCase.number("momentum") ?? 0,
        isNesterov: referenceCase.flag("nesterov"), weightDecay: decay)
    case let name: throw Unsupported("the optimizer \(name ?? "")")
    }
  }

  private func schedule(_ referenceCase: ReferenceCase) throws -> Schedule? {
    guard let name = referenceCase.text("schedule") else { return nil }
    let peak = referenceCase.number("lr") ?? 0
    let warmup = referenceCase.integer("warmup_steps") ?? 0
    let total = referenceCase.integer("total_steps") ?? 0
    let specific = referenceCase.attributes["specific"]
    switch name {
    case "constant": return .constant(peak: peak)
    case "constant_with_warmup": return .constant(peak: peak, warmup: warmup)
    case "linear": return .linear(peak: peak, warmup: warmup, total: total)
    case "cosine": return .cosineWave(peak: peak, warmup: warmup, total: total)
    case "cosine_with_restarts":
      return .cosineWithRestarts(
        peak: peak, warmup: warmup, total: total, cycles: specific?["num_cycles"]?.integer ?? 1)
    case "polynomial":
      return .polynomial(
        peak: peak, final: specific?["lr_end"]?.number ?? 1e-7, warmup: warmup, total: total,
        power: specific?["power"]?.number ?? 1)
    case "inverse_sqrt": return .inverseSquareRoot(peak: peak, warmup: warmup)
    default: throw Unsupported("the schedule \(name)")
    }
  }
}
