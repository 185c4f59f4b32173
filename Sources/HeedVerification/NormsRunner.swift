import HeedTensor

/// Norms and softmax over rows, with their gradients (`ops_basic/norms`).
struct NormsRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "dy")
    let x = try step.input("x")
    let gain = step.optional("weight")
    let bias = step.optional("bias")
    let epsilon = referenceCase.number("eps") ?? 1e-5
    let axis = referenceCase.integer("dim") ?? -1
    let y: Tensor
    switch referenceCase.text("kind") {
    case "layer_norm": y = x.layerNorm(gain: gain, bias: bias, epsilon: epsilon)
    case "rms_norm":
      let offset: Double = referenceCase.flag("gemma") ? 1 : 0
      y = x.rmsNorm(gain: gain, gainOffset: offset, epsilon: epsilon)
    case "group_norm":
      let groups = referenceCase.integer("groups") ?? 1
      y = x.groupNorm(groupCount: groups, gain: gain, bias: bias, epsilon: epsilon)
    case "batch_norm":
      y = x.batchNorm(
        mean: try step.input("mean"), variance: try step.input("var"), gain: gain, bias: bias,
        epsilon: epsilon)
    case "softmax": y = x.softmax(alongAxis: axis)
    case "log_softmax": y = x.logSoftmax(alongAxis: axis)
    case let kind: throw Unsupported("the operator \(kind ?? "without a name")")
    }
    return step.results(["y": y], differentiated: "y")
  }
}
