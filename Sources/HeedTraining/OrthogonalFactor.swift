// The nearest matrix whose singular values are all near 1: what Muon makes of a gradient. The exact
// factor needs a singular value decomposition; five steps of a polynomial in products of matrices
// bring singular values from 1e-3 to 1 into 0.7 to 1.2, which is as good for a direction
// (Jordan et al. 2024, kellerjordan.github.io/posts/muon, whose coefficients these are; after
// Bernstein & Newhouse 2024, arXiv 2409.20325).

import HeedTensor

/// Singular values made equal.
enum OrthogonalFactor {
  /// x <- a x + b x^3 + c x^5 on every singular value, again and again.
  private static let coefficients = (a: 3.4445, b: -4.7750, c: 2.0315)
  private static let stepCount = 5

  /// U V^T of a matrix U S V^T, roughly; zeros of zeros.
  ///
  /// - Complexity: 15 products in which the shorter side counts twice.
  static func factor(of matrix: Tensor) -> Tensor {
    let length = matrix.sumOfSquares().squareRoot()
    let isTall = matrix.shape[0] > matrix.shape[1]
    let wide = isTall ? matrix.transposed().dense() : matrix  // [m, n], m <= n
    var x = wide * (1 / (length + 1e-7))
    let (a, b, c) = coefficients
    for _ in 0..<stepCount {
      let square = x.matrixProduct(x.transposed())  // [m, m]
      let rest = square * b + square.matrixProduct(square) * c  // [m, m]
      x = x * a + rest.matrixProduct(x)  // [m, n]
    }
    return isTall ? x.transposed().dense() : x
  }
}
