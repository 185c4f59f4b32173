// The gated feed-forward layer (Shazeer 2020, arXiv 2002.05202) in one pass: activation and product
// of a piece that stays in the first cache. The backward pass computes the activation again instead
// of keeping it.

extension Tensor {
  /// `activation` of each element, times `factor`, in one pass: a gated feed-forward layer.
  ///
  /// - Precondition: the shapes are equal.
  public func activated(_ activation: Activation, times factor: Tensor) -> Tensor {
    requireMathematics("activated(_:times:)")
    precondition(
      shape == factor.shape && elementType == factor.elementType,
      "activated(_:times:): \(shape) \(elementType) and \(factor.shape) \(factor.elementType)")
    let (gate, up) = (detached().dense(), factor.detached().dense())
    let result =
      elementType == .float64
      ? Gating.value(activation, gate, up, Double.self)
      : Gating.value(activation, gate, up, Float.self)
    guard let tape = Tape.recording(self, factor) else { return result }
    let (needsGate, needsUp) = (trace != nil, factor.trace != nil)
    return tape.record(result, from: [self, factor]) { dy in
      gate.elementType == .float64
        ? Gating.gradients(activation, gate, up, dy, needsGate, needsUp, Double.self)
        : Gating.gradients(activation, gate, up, dy, needsGate, needsUp, Float.self)
    }
  }
}

private enum Gating {
  static let chunk = 4096

  static func value<S: TensorScalar>(
    _ f: Activation, _ gate: Tensor, _ up: Tensor, _ type: S.Type
  ) -> Tensor {
    let result = Tensor(uninitialized: gate.shape, gate.elementType)
    let (g, u) = (gate.pointer(to: S.self), up.pointer(to: S.self))
    let y = result.mutablePointer(to: S.self)
    forChunks(gate.count, of: chunk) {
      S.map(f, $1, g + $0, y + $0)
      S.multiply($1, y + $0, u + $0, y + $0)
    }
    withExtendedLifetime((gate, up)) {}
    return result
  }

  static func gradients<S: TensorScalar>(
    _ f: Activation, _ gate: Tensor, _ up: Tensor, _ dy: Tensor, _ needsGate: Bool,
    _ needsUp: Bool, _ type: S.Type
  ) -> [Tensor?] {
    let dy = dy.dense()
    let dGate = needsGate ? Tensor(uninitialized: gate.shape, gate.elementType) : nil
    let dUp = needsUp ? Tensor(uninitialized: gate.shape, gate.elementType) : nil
    let (g, u) = (gate.pointer(to: S.self), up.pointer(to: S.self))
    let d = dy.pointer(to: S.self)
    let (a, b) = (dGate?.mutablePointer(to: S.self), dUp?.mutablePointer(to: S.self))
    forChunks(gate.count, of: chunk) {
      if let a {
        S.multiply($1, d + $0, u + $0, a + $0)
        S.mapGradient(f, $1, g + $0, g + $0, a + $0, a + $0)
      }
      if let b {
        S.map(f, $1, g + $0, b + $0)
        S.multiply($1, b + $0, d + $0, b + $0)
      }
    }
    withExtendedLifetime((gate, up, dy)) {}
    return [dGate, dUp]
  }
}
