import HeedTensor

/// Losses and their gradients (`ops_basic/losses`).
struct LossesRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: nil)
    let x = try step.input("x")
    let target = try step.input("target")
    let reduction = LossReduction(rawValue: referenceCase.text("reduction") ?? "mean") ?? .mean
    let loss: Tensor
    switch referenceCase.text("kind") {
    case "ce":
      loss = crossEntropy(
        x, targets: target, labelSmoothing: referenceCase.number("label_smoothing") ?? 0,
        classWeights: step.optional("weight"), reduction: reduction)
    case "bce": loss = binaryCrossEntropy(logits: x, targets: target, reduction: reduction)
    case "mse": loss = meanSquaredError(x, targets: target, reduction: reduction)
    case "kl":
      // The reference gives logits on both sides.
      loss = divergence(
        logProbabilities: x.logSoftmax(), targets: target.softmax(), reduction: reduction)
    case "ctc":
      let counts = try referenceCase.input("target_lengths").integers("target_lengths")
      loss = alignmentLoss(
        x.logSoftmax(), targets: zip(integerRows(target), counts).map { Array($0.prefix($1)) },
        stepCounts: try referenceCase.input("input_lengths").integers("input_lengths"),
        blank: referenceCase.integer("blank") ?? 0, reduction: reduction)
    case let kind: throw Unsupported("the loss \(kind ?? "without a name")")
    }
    return step.results(["loss": loss], differentiated: "loss")
  }
}
