import CHeedKernels

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
    let source = other.dense()
    trace = nil
    makeUnique()
    withExtendedLifetime(source) {
      switch elementType {
      case .float32:
        let target = mutablePointer(to: Float.self)
        Kernels.table.add_f32(count, target, source.pointer(to: Float.self), target)
      case .float64:
        let target = mutablePointer(to: Double.self)
        let addend = source.pointer(to: Double.self)
        for i in 0..<count { target[i] += addend[i] }
      default:
        preconditionFailure("accumulate: \(elementType) has no sum")
      }
    }
  }
}
