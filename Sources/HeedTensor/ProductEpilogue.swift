/// What is done to a matrix product while its parts are in the cache.
package enum ProductEpilogue: Sendable {
  /// Adds a vector `[N]` to each row.
  case addition(of: Tensor)
  /// Multiplies each element by the slope of an activation at the same element of `[M, N]`.
  case slope(of: Activation, at: Tensor)

  /// The same over a dense tensor.
  ///
  /// - Precondition: its elements are of the type of the product.
  func dense(_ elementType: ElementType) -> ProductEpilogue {
    func checked(_ tensor: Tensor) -> Tensor {
      precondition(
        tensor.elementType == elementType,
        "linear: a product in \(elementType) with a vector of \(tensor.elementType)")
      return tensor.dense()
    }
    return switch self {
    case .addition(let vector): .addition(of: checked(vector))
    case .slope(let activation, let input): .slope(of: activation, at: checked(input))
    }
  }

  /// For a result that begins at `result`. The tensor of this value must outlive the function.
  func function<S: TensorScalar>(
    of result: UnsafeMutablePointer<S>
  ) -> (MatrixBlock<S>) -> Void {
    switch self {
    case .addition(let vector):
      let vector = vector.pointer(to: S.self)
      return { $0.add(vector) }
    case .slope(let activation, let input):
      let input = input.pointer(to: S.self)
      return { block in
        for row in 0..<block.rows {
          let y = block.base + row * block.stride
          let x = input + (y - result)
          S.mapGradient(activation, block.columns.count, x, x, y, y)
        }
      }
    }
  }
}
