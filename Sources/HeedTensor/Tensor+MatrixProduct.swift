extension Tensor {
  /// Matrix product over the last two axes; the leading axes are broadcast as in numpy.
  ///
  ///     scores = queries.matrixProduct(keys.transposed())   // [B, H, T, D] [B, H, D, S] -> [B, H, T, S]
  ///
  /// Each element is one sum over K in order: it has the same bits alone and among others.
  ///
  /// - Parameters:
  ///   - other: `[.., K, N]` for this tensor `[.., M, K]`.
  ///   - precision: of the products; sums are float32. Ignored in `float64`.
  /// - Returns: `[.., M, N]`.
  public func matrixProduct(_ other: Tensor, precision: ProductPrecision = .float32) -> Tensor {
    precondition(
      rank >= 2 && other.rank >= 2 && shape[rank - 1] == other.shape[other.rank - 2],
      "matrixProduct(_:): \(shape) and \(other.shape) do not fit each other")
    if other.rank == 2 && rank > 2 {
      // One product with all leading rows together.
      let flat = reshaped(to: [count / Swift.max(1, shape[rank - 1]), shape[rank - 1]])
      return flat.matrixProduct(other, precision: precision)
        .reshaped(to: shape.dropLast() + [other.shape[1]])
    }
    let result = Tensor.product(detached(), other.detached(), precision)
    guard let tape = Tape.recording(self, other) else { return result }
    let (a, b) = (Operand(self), Operand(other))
    let left = b.isNeeded ? detached() : nil
    let right = a.isNeeded ? other.detached() : nil
    return tape.record(result, from: [self, other]) { gradient in
      [
        right.flatMap { a.gradient(Tensor.product(gradient, $0.transposed(), precision)) },
        left.flatMap { b.gradient(Tensor.product($0.transposed(), gradient, precision)) },
      ]
    }
  }

  /// This tensor, or a copy when neither of its last two axes is contiguous.
  private func matrixReady() -> Tensor {
    let (row, column) = (strides[rank - 2], strides[rank - 1])
    let isReady =
      (column == 1 || shape[rank - 1] == 1) && row >= 1
      || (row == 1 || shape[rank - 2] == 1) && column >= 1
    return isReady ? self : copied()
  }

  /// This tensor as a side of a product, or a copy that can be one. bfloat16 stays what it is where
  /// it can be read as it lies, and becomes float32 elsewhere.
  private func asOperand(_ precision: ProductPrecision, isRight: Bool = false) -> Tensor {
    guard elementType == .bfloat16 && precision == .bfloat16 else {
      requireMathematics("matrixProduct(_:)")
      return matrixReady()
    }
    let isReadable =
      if isRight || strides[rank - 1] != 1 {
        strides[rank - (isRight ? 1 : 2)] == 1 && shape[rank - 1] > 1
      } else {
        shape[rank - 1] % 2 == 0 && ([offset] + strides.dropLast()).allSatisfy { $0 % 2 == 0 }
      }
    return isReadable ? self : converted(to: .float32).matrixReady()
  }

  /// The matrices of a tensor that is ready, from `base`, its first element, on.
  private func matrixOperand<Scalar>(_ base: UnsafePointer<Scalar>) -> MatrixOperand<Scalar> {
    let (row, column) = (strides[rank - 2], strides[rank - 1])
    // The stride of an axis of length 1 says nothing: call it what the packing likes.
    if column == 1 || shape[rank - 1] == 1 {
      return MatrixOperand(base: base, rowStride: row, columnStride: 1)
    }
    return MatrixOperand(
      base: base, rowStride: shape[rank - 2] == 1 ? 1 : row, columnStride: column)
  }

  /// The product without a trace.
  ///
  /// - Parameters:
  ///   - left: `[.., M, K]`.
  ///   - right: `[.., K, N]`, of the same type; in a product of bfloat16 each may be float32 or
  ///     bfloat16.
  ///   - epilogue: what happens to each part of the product while it is in the cache, in this order.
  ///   - resultType: the type of the operands, or bfloat16 for a product in that precision.
  package static func product(
    _ left: Tensor, _ right: Tensor, _ precision: ProductPrecision,
    then epilogue: [ProductEpilogue] = [], resultType: ElementType? = nil
  ) -> Tensor {
    let (a, b) = (left.asOperand(precision), right.asOperand(precision, isRight: true))
    let type: ElementType = a.elementType == .bfloat16 ? .float32 : a.elementType
    precondition(
      type == (b.elementType == .bfloat16 ? .float32 : b.elementType),
      "matrixProduct(_:): \(left.elementType) and \(right.elementType) are not one type")
    let leading = broadcastShape(
      Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2)), "matrixProduct(_:)")
    let (m, k, n) = (a.shape[a.rank - 2], a.shape[a.rank - 1], b.shape[b.rank - 1])
    let result = Tensor(uninitialized: leading + [m, n], resultType ?? type)
    precondition(
      result.elementType == type || result.elementType == .bfloat16 && precision == .bfloat16,
      "matrixProduct(_:): no product of \(type) in \(result.elementType)")
    func run<S: TensorScalar>(_ type: S.Type) {
      let product = MatrixProduct<S>(
        rows: m, columns: n, depth: k, precision: precision,
        left: a.elementType == .bfloat16
          ? .halves(a.matrixOperand(UnsafePointer(a.halves)))
          : .matrix(a.matrixOperand(a.pointer(to: S.self))),
        right: b.elementType == .bfloat16
          ? .halves(b.matrixOperand(UnsafePointer(b.halves)))
          : .matrix(b.matrixOperand(b.pointer(to: S.self))),
        leftPlaces: a.matrixPlaces(leading), rightPlaces: b.matrixPlaces(leading),
        result: result.elementType == .bfloat16
          ? .halves(result.halves) : .scalars(result.mutablePointer(to: S.self)),
        epilogue: epilogue.map { $0.dense(S.elementType) })
      S.multiplyMatrices(product)
    }
    if type == .float64 { run(Double.self) } else { run(Float.self) }
    withExtendedLifetime((a, b)) {}
    return result
  }

  /// Where the matrix of each batch item begins, relative to the first.
  private func matrixPlaces(_ leading: [Int]) -> [Int] {
    let own = Tensor(
      storage: storage, shape: Array(shape.dropLast(2)), strides: Array(strides.dropLast(2)),
      offset: 0, elementType: elementType)
    let steps = own.strides(broadcastTo: leading)
    var places = [0]
    for (length, step) in zip(leading, steps) {
      places = places.flatMap { place in (0..<length).map { place + $0 * step } }
    }
    return places
  }
}
