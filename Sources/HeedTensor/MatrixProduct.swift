// One product of two matrices, wherever their elements lie: rows or columns may be contiguous, so
// that a transposed operand, which every backward pass has, costs no copy.

/// A matrix in memory; one of the two strides is 1 (`Tensor.matrixOperand` sees to it).
package struct MatrixOperand<Scalar> {
  package let base: UnsafePointer<Scalar>
  package let rowStride: Int
  package let columnStride: Int

  package init(base: UnsafePointer<Scalar>, rowStride: Int, columnStride: Int) {
    self.base = base
    self.rowStride = rowStride
    self.columnStride = columnStride
  }
}

/// c [m, n] = a [m, k] b [k, n], once for each pair of operands of a batch.
package struct MatrixProduct<Scalar> {
  package var rows: Int
  package var columns: Int
  package var depth: Int
  package var precision = ProductPrecision.float32
  /// For batch item i: a and b begin at these elements; c is [items, m, n], dense.
  package var left: LeftOperand<Scalar>
  package var right: RightOperand<Scalar>
  package var leftPlaces: [Int] = [0]
  package var rightPlaces: [Int] = [0]
  package var result: ProductResult<Scalar>
  /// What is done to each finished block of c, in this order, while it is still in the cache.
  package var epilogue: [ProductEpilogue] = []

  package var itemCount: Int { leftPlaces.count }
}

/// The left-hand side.
package enum LeftOperand<Scalar> {
  case matrix(MatrixOperand<Scalar>)
  /// bfloat16 for a product in that precision. Where k is contiguous, k and the elements between rows
  /// are even: neighbours are words.
  case halves(MatrixOperand<UInt16>)

  /// Whether neighbours in memory are neighbouring rows.
  var liesAcross: Bool {
    switch self {
    case .matrix(let matrix): matrix.columnStride != 1
    case .halves(let matrix): matrix.columnStride != 1
    }
  }

  var isHalves: Bool {
    if case .halves = self { true } else { false }
  }
}

/// Where the result goes.
package enum ProductResult<Scalar> {
  case scalars(UnsafeMutablePointer<Scalar>)
  /// Rounded to bfloat16 after the epilogue.
  case halves(UnsafeMutablePointer<UInt16>)
}

/// The right-hand side: as it lies in memory, or packed into panels before.
package enum RightOperand<Scalar> {
  case matrix(MatrixOperand<Scalar>)
  /// bfloat16 for a product in that precision, columns contiguous.
  case halves(MatrixOperand<UInt16>)
  /// `[ceil(N / 32)][K][32]`, or pairs `[ceil(N / 32)][ceil(K / 2)][32]` in bfloat16.
  case panels(UnsafeRawPointer)

  /// Whether neighbours in memory are neighbouring columns.
  var liesAcross: Bool {
    switch self {
    case .matrix(let matrix): matrix.rowStride != 1
    case .halves: true
    case .panels: false
    }
  }

  var isPacked: Bool {
    if case .panels = self { true } else { false }
  }
}

/// A finished part of a result.
package struct MatrixBlock<Scalar> {
  package let base: UnsafeMutablePointer<Scalar>
  package let stride: Int
  /// Its rows among those of all items of the batch.
  package let rows: Range<Int>
  /// The columns of the whole matrix that the block covers.
  package let columns: Range<Int>

  /// Calls `body` with each row's place among those of all items and its first element here.
  @inline(__always)
  func forEachRow(_ body: (_ row: Int, _ first: UnsafeMutablePointer<Scalar>) -> Void) {
    for (index, row) in rows.enumerated() { body(row, base + index * stride) }
  }
}

extension MatrixProduct where Scalar: TensorScalar {
  func finish(_ block: MatrixBlock<Scalar>) {
    for step in epilogue { step.apply(to: block) }
  }
}

/// The plain product, in the order in which the fast one adds: one sequential sum over k.
extension TensorScalar {
  package static func multiplyMatrices(_ product: MatrixProduct<Self>) {
    guard case .matrix(let left) = product.left, case .matrix(let right) = product.right,
      case .scalars(let result) = product.result
    else { preconditionFailure("matrix product: \(Self.self) has no packed form") }
    let (m, n, k) = (product.rows, product.columns, product.depth)
    for item in 0..<product.itemCount {
      let a = left.base + product.leftPlaces[item]
      let b = right.base + product.rightPlaces[item]
      let c = result + item * m * n
      forRows(m, width: n * k) { start, rows in
        for i in start..<start + rows {
          let row = c + i * n
          row.update(repeating: 0, count: n)
          for kk in 0..<k {
            let factor = a[i * left.rowStride + kk * left.columnStride]
            let source = b + kk * right.rowStride
            for j in 0..<n { row[j] += factor * source[j * right.columnStride] }
          }
        }
        product.finish(
          MatrixBlock(
            base: c + start * n, stride: n,
            rows: item * m + start..<item * m + start + rows, columns: 0..<n))
      }
    }
  }
}
