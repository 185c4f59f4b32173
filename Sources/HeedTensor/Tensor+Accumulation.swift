extension Tensor {
  /// Ones with the shape and type of `other`.
  package static func ones(like other: Tensor) -> Tensor {
    switch other.elementType {
    case .float64: Tensor(repeating: 1.0 as Double, shape: other.shape)
    default: Tensor(repeating: 1.0 as Float, shape: other.shape)
    }
  }

  /// Adds `other` to this tensor, in place when nobody shares it. No trace.
  package mutating func accumulate(_ other: Tensor) {
    precondition(
      shape == other.shape && elementType == other.elementType,
      "accumulate: \(shape) \(elementType) and \(other.shape) \(other.elementType)")
    requireMathematics("accumulate")
    trace = nil
    guard isUnique() else {
      // One pass that writes elsewhere, instead of a copy and then a sum.
      self = Tensor.combined(self, other.detached(), Addition(), "accumulate")
      return
    }
    let source = other.dense()
    if elementType == .float64 { add(source, Double.self) } else { add(source, Float.self) }
    withExtendedLifetime(source) {}
  }

  private func add<S: TensorScalar>(_ source: Tensor, _ type: S.Type) {
    let (target, addend) = (mutablePointer(to: S.self), source.pointer(to: S.self))
    forChunks(count, of: elementwiseChunk) { S.add($1, target + $0, addend + $0, target + $0) }
  }
}
