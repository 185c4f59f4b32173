/// What the inputs of a weight are like: the sum of `x x^T` over all of them.
///
/// Its entry (i, j) says how much input i goes with input j, which is what an error of one column of the
/// weight can be made good by another with.
public struct InputMoments: Sendable {
  /// K.
  public let width: Int
  /// How many inputs were added.
  public private(set) var rowCount = 0
  /// `[K, K]`, float32.
  private(set) var sums: Tensor

  /// The moments of no inputs of `width` values.
  public init(width: Int) {
    self.width = width
    sums = Tensor(zeros: [width, width])
  }

  /// Adds inputs.
  ///
  /// - Parameter x: `[.., K]`, float32.
  /// - Complexity: O(rows·K²) time, K² numbers of memory.
  public mutating func add(_ x: Tensor) {
    precondition(
      x.shape.last == width && x.elementType == .float32,
      "InputMoments: \(x.shape) \(x.elementType) for inputs of \(width) values")
    let rows = x.detached().reshaped(to: [x.count / max(width, 1), width])  // [rows, K]
    sums.accumulate(Tensor.product(rows.transposed(), rows, .float32))
    rowCount += rows.shape[0]
  }
}
