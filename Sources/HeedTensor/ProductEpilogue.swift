import CHeedKernels

/// A thing that is done to a matrix product while its parts are in the cache.
package enum ProductEpilogue: Sendable {
  /// Adds a vector `[N]` to each row.
  case addition(of: Tensor)
  /// Writes a float32 product, as far as it has come, to a dense tensor `[M, N]` of bfloat16.
  case copy(to: Tensor)
  /// Applies a function to each element.
  case activation(Activation)
  /// Multiplies each element by the slope of an activation at the same element of `[M, N]`, which is of
  /// the type of the product; bfloat16 will do for float32.
  case slope(of: Activation, at: Tensor)

  /// Adds a float32 product up along its rows, from one block of rows to a row of a tensor of zeros that
  /// `Tensor.blockSums(of:)` makes.
  case sums(to: Tensor)

  /// The same over dense tensors.
  ///
  /// - Precondition: their elements are of a type that fits a product in `elementType`.
  func dense(_ elementType: ElementType) -> ProductEpilogue {
    func checked(_ tensor: Tensor, _ types: [ElementType]) -> Tensor {
      precondition(
        types.contains(tensor.elementType),
        "linear: a product in \(elementType) with a tensor of \(tensor.elementType)")
      return tensor.dense()
    }
    let smaller: [ElementType] = elementType == .float32 ? [.bfloat16] : []
    return switch self {
    case .addition(let vector): .addition(of: checked(vector, [elementType]))
    case .copy(let target): .copy(to: checked(target, smaller))
    case .sums(let target):
      .sums(to: checked(target, elementType == .float32 ? [.float32] : []))
    case .activation: self
    case .slope(let activation, let input):
      .slope(of: activation, at: checked(input, [elementType] + smaller))
    }
  }

  /// Does it to one block; the tensors are dense.
  func apply<S: TensorScalar>(to block: MatrixBlock<S>) {
    let width = block.columns.count
    switch self {
    case .addition(let vector):
      let vector = vector.pointer(to: S.self) + block.columns.lowerBound
      block.forEachRow { _, y in S.add(width, y, vector, y) }
    case .copy(let target):
      (block as? MatrixBlock<Float>)?.round(to: target)
    case .sums(let target):
      (block as? MatrixBlock<Float>)?.add(to: target)
    case .activation(let activation):
      block.forEachRow { _, y in S.map(activation, width, y, y) }
    case .slope(let activation, let input) where input.elementType == S.elementType:
      let x = input.pointer(to: S.self) + block.columns.lowerBound
      let stride = input.shape[input.rank - 1]
      block.forEachRow { row, y in
        S.mapGradient(activation, width, x + row * stride, x + row * stride, y, y)
      }
    case .slope(let activation, let input):
      (block as? MatrixBlock<Float>)?.multiply(bySlopeOf: activation, at: input)
    }
  }
}

extension Tensor {
  /// Zeros `[.., N]` for the sums of blocks of a product of `rows` rows: blocks begin at least a tile
  /// of rows apart.
  package static func blockSums(of rows: Int, columns: Int) -> Tensor {
    Tensor(zeros: [rows / TiledProduct.tileRows + 1, columns])
  }
}

extension MatrixBlock where Scalar == Float {
  fileprivate func add(to sums: Tensor) {
    let place = rows.lowerBound / TiledProduct.tileRows * sums.shape[1] + columns.lowerBound
    let z = sums.mutablePointer(to: Float.self) + place
    forEachRow { _, y in Float.add(columns.count, z, y, z) }
  }

  fileprivate func round(to target: Tensor) {
    let stride = target.shape[target.rank - 1]
    let z = target.halves + columns.lowerBound
    forEachRow { row, y in Kernels.table.bf16_from_f32(columns.count, y, z + row * stride) }
  }

  fileprivate func multiply(bySlopeOf activation: Activation, at input: Tensor) {
    let stride = input.shape[input.rank - 1]
    let x = input.halves + columns.lowerBound
    let width = columns.count
    withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { memory in
      guard let floats = memory.baseAddress else { return }
      forEachRow { row, y in
        Kernels.table.f32_from_bf16(width, x + row * stride, floats)
        activation.gradients(width, floats, floats, y, y)
      }
    }
  }
}
