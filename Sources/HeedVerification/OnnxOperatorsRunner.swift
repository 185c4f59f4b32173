import HeedAttention
import HeedFormats
import HeedTensor

/// The node tests of ONNX norms.
struct OnnxNormsRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let inputs = referenceCase.inputs
    let epsilon = referenceCase.number("epsilon") ?? 1e-5
    switch referenceCase.entry["op"]?.string {
    case "GroupNormalization":
      return [
        "y": try referenceCase.input("x").groupNorm(
          groupCount: referenceCase.integer("num_groups") ?? 1, gain: inputs["scale"],
          bias: inputs["bias"], epsilon: epsilon)
      ]
    case "InstanceNormalization":
      let x = try referenceCase.input("x")
      return [
        "y": x.groupNorm(
          groupCount: x.shape[1], gain: inputs["s"], bias: inputs["bias"], epsilon: epsilon)
      ]
    case "LayerNormalization":
      return try rows(referenceCase) { x in
        let mean = x.mean(alongAxes: [-1], keepingRank: true)
        let inverse = (x.variance(alongAxes: [-1], keepingRank: true) + epsilon)
          .reciprocalSquareRoot()
        let y = x.layerNorm(
          gain: inputs["W"]?.reshaped(to: [-1]), bias: inputs["B"]?.reshaped(to: [-1]),
          epsilon: epsilon)
        return ["Y": y, "Mean": mean, "InvStdDev": inverse]
      }
    case "RMSNormalization":
      return try rows(referenceCase) { x in
        ["Y": x.rmsNorm(gain: inputs["W"]?.reshaped(to: [-1]), epsilon: epsilon)]
      }
    case let name: throw Unsupported("the node \(name ?? "")")
    }
  }

  /// Runs `body` over rows of everything from the axis on; results get their shapes back.
  private func rows(
    _ referenceCase: ReferenceCase, _ body: (Tensor) -> [String: Tensor]
  ) throws -> [String: Tensor] {
    let x = try referenceCase.input("X")
    let given = referenceCase.integer("axis") ?? -1
    let axis = given < 0 ? given + x.rank : given
    let width = x.shape[axis...].reduce(1, *)
    return body(x.reshaped(to: [-1, width])).mapValues {
      let ends =
        $0.shape[1] == width && width > 1
        ? Array(x.shape[axis...]) : x.shape[axis...].map { _ in 1 }
      return $0.reshaped(to: x.shape[..<axis] + ends)
    }
  }
}

/// The node tests of ONNX activations and softmax.
struct OnnxElementsRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let axis = referenceCase.integer("axis") ?? -1
    switch referenceCase.entry["op"]?.string {
    case "Softmax": return ["y": try referenceCase.input("x").softmax(alongAxis: axis)]
    case "LogSoftmax": return ["y": try referenceCase.input("x").logSoftmax(alongAxis: axis)]
    case "Gelu":
      let activation: Activation =
        referenceCase.text("approximate") == "tanh" ? .geluTanh : .geluErf
      return ["y": try referenceCase.input("x").activated(activation)]
    case "Swish":
      guard referenceCase.number("alpha") ?? 1 == 1 else { throw Unsupported("Swish with alpha") }
      return ["y": try referenceCase.input("x").activated(.silu)]
    case "SwiGLU":
      let (a, b) = (try referenceCase.input("a"), try referenceCase.input("b"))
      guard a.elementType != .float16 else {
        let wide = a.converted(to: .float32).activated(.silu, times: b.converted(to: .float32))
        return ["y": wide.converted(to: .float16)]
      }
      return ["y": a.activated(.silu, times: b)]
    case let name: throw Unsupported("the node \(name ?? "")")
    }
  }
}

/// The node tests of ONNX `TensorScatter`.
struct OnnxScatterRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    guard referenceCase.integer("axis") ?? -2 == -2 else {
      throw Unsupported("TensorScatter along axis \(referenceCase.integer("axis") ?? 0)")
    }
    let update = try referenceCase.input("update")
    let starts = referenceCase.inputs["write_indices"]?.integers("write_indices")
    let cache = try referenceCase.input("past_cache").writingRows(
      of: update, at: starts ?? Array(repeating: 0, count: update.shape[0]),
      isCircular: referenceCase.text("mode") == "circular")
    return ["present_cache": cache]
  }
}
