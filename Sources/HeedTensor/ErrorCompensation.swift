// How much of an error of one column the columns behind it make good. A row of rounding errors e costs
// e H e^T, H the moments of the inputs. With H = M D M^T, M upper with ones on its diagonal, that is
//
//   sum over k of D[k] (e[k] + sum over i < k of e[i] M[i, k])^2
//
// so when columns are rounded in order, column k loses least as the nearest to its weight plus what
// those before it owe, e[i] M[i, k]. This is GPTQ (Frantar et al. 2022, arXiv 2210.17323) in the words of
// QuIP (Chee et al. 2023, arXiv 2307.13304), which shows that they are the same. Written so there is one
// decomposition; GPTQ's own way inverts H and decomposes that, in as many steps again, and each loses bits.
//
// D[k] is also what an error of column k counts in the end: scales of blocks are chosen for errors that
// count so. Columns of large inputs come first, while there are many behind them that can make good what
// they lose: whole blocks in the order of their inputs' squares, and within a block its columns. Both
// together bring the four models of docs/PERFORMANCE.md in four types up to 20 % nearer, 7 % in the mean, and
// 15 of these 16 nearer at all. A damping of 0.001 or 0.05 makes no difference beyond luck in rounding.
//
// M comes from the last column to the first, in panels: what the columns behind explain of a panel is one
// product, the rest is a small decomposition and a triangular system for each row, in float64.

/// How rounding errors of a weight's columns are made good by the columns behind them.
public struct ErrorCompensation: Sendable {
  /// K.
  public let width: Int
  /// The width of the blocks whose columns stay together.
  public let blockWidth: Int
  /// The columns in the order in which they are rounded.
  package let order: [Int]
  /// M in that order, `[K, K]`: what is above the diagonal counts.
  package let factor: Tensor
  /// D in that order over its mean, `[K]`: what an error of a column counts.
  package let weights: Tensor

  /// Columns of a panel.
  private static let panel = 64

  /// The compensation for inputs of these moments.
  ///
  /// - Parameters:
  ///   - moments: of any rank; those of no inputs, or of zeros, give no compensation.
  ///   - type: what is made of the weight.
  ///   - damping: what is added to the diagonal, in shares of its mean. It keeps columns from making good
  ///     what only the inputs that were seen allow.
  /// - Returns: nil when the moments are not finite.
  /// - Complexity: O(K³) time, K² numbers of memory.
  public init?(_ moments: InputMoments, for type: BlockType, damping: Double = 0.01) {
    self.init(moments, blockWidth: type.blockWidth, damping: damping, step: {})
  }

  /// The same for someone who may want to stop: `step` is called before each panel of columns.
  package init?<Failure: Error>(
    _ moments: InputMoments, blockWidth: Int, damping: Double = 0.01,
    step: () throws(Failure) -> Void
  ) throws(Failure) {
    let K = moments.width
    width = K
    self.blockWidth = blockWidth
    guard moments.sums.nonFiniteCount == 0 else { return nil }
    let squares = moments.sums.pointer(to: Float.self)
    order = Self.order((0..<K).map { squares[$0 * K + $0] }, blockWidth: blockWidth)
    let factor = moments.sums.rearranged(order)
    let values = factor.mutablePointer(to: Float.self)
    var diagonal = (0..<K).map { Double(values[$0 * K + $0]) }
    let mean = diagonal.reduce(0, +) / Double(max(K, 1))
    // Of zeros no column goes with another, whatever is on the diagonal.
    let least = mean > 0 ? damping * mean : 1
    for column in diagonal.indices { diagonal[column] += least }
    for end in stride(from: K, to: 0, by: -Self.panel) {
      try step()
      Self.decompose(max(0, end - Self.panel)..<end, of: factor, &diagonal, least: least)
    }
    self.factor = factor
    let unit = diagonal.reduce(0, +) / Double(max(K, 1))
    weights = Tensor(diagonal.map { Float($0 / unit) })
  }

  /// Columns by the squares of their inputs, those of a block together. Where squares are nearly the same,
  /// columns stay in their order, as neighbours may be alike.
  private static func order(_ squares: [Float], blockWidth: Int) -> [Int] {
    let sizes = squares.map(Self.size)
    let blocks = stride(from: 0, to: squares.count, by: blockWidth).map { first in
      let columns = first..<min(first + blockWidth, squares.count)
      return columns.sorted { (sizes[$1], $0) < (sizes[$0], $1) }
    }
    let sums = blocks.map { Self.size($0.reduce(0) { $0 + squares[$1] }) }
    return blocks.indices.sorted { (sums[$1], $0) < (sums[$0], $1) }.flatMap { blocks[$0] }
  }

  /// How large a square is, in steps of about half of itself.
  private static func size(_ square: Float) -> Int {
    square > 0 ? 2 * Int(square.exponent) + (square.significand < 1.5 ? 0 : 1) : .min
  }

  /// Puts the columns `panel` of M in place of those of H, and of D in place of H's diagonal.
  ///
  /// - Parameter least: what no element of D is less than, but for rounding.
  private static func decompose(
    _ panel: Range<Int>, of factor: Tensor, _ diagonal: inout [Double], least: Double
  ) {
    let (first, P, K) = (panel.lowerBound, panel.count, factor.shape[0])
    let values = factor.mutablePointer(to: Float.self)
    let known = explained(panel, of: factor, diagonal)  // [panel's end, P]
    let parts = known.pointer(to: Float.self)
    func rest(_ row: Int, _ column: Int) -> Double {
      Double(values[row * K + first + column]) - Double(parts[row * P + column])
    }
    // The corner, by columns: [k * P + i] is row i of column k.
    var corner = [Double](repeating: 0, count: P * P)
    for k in 0..<P {
      for i in 0..<k { corner[k * P + i] = rest(first + i, k) }
      corner[k * P + k] = diagonal[first + k] - Double(parts[(first + k) * P + k])
    }
    for k in (0..<P).reversed() {
      let pivot = max(corner[k * P + k], least)
      diagonal[first + k] = pivot
      for j in 0..<k {
        let share = corner[k * P + j] / pivot
        for i in 0...j { corner[j * P + i] -= share * corner[k * P + i] }
      }
      for i in 0..<k {
        corner[k * P + i] /= pivot
        values[(first + i) * K + first + k] = Float(corner[k * P + i])
      }
    }
    let pivots = diagonal[panel].map { $0 }
    corner.withUnsafeBufferPointer { corner in
      forRows(first, width: P * P / 2) { start, count in
        var row = [Double](repeating: 0, count: P)
        for r in start..<start + count {
          for k in 0..<P { row[k] = rest(r, k) }
          for k in (0..<P).reversed() {
            for i in 0..<k { row[i] -= row[k] * corner[k * P + i] }
            values[r * K + first + k] = Float(row[k] / pivots[k])
          }
        }
      }
    }
    withExtendedLifetime(known) {}
  }

  /// What the columns behind `panel` explain of its part of H; `[end of the panel, panel]`.
  private static func explained(
    _ panel: Range<Int>, of factor: Tensor, _ diagonal: [Double]
  ) -> Tensor {
    let behind = panel.upperBound..<factor.shape[0]
    guard !behind.isEmpty else { return Tensor(zeros: [factor.shape[0], panel.count]) }
    let columns = factor.sliced(axis: 1, range: behind)  // [K, behind]
    let scales = Tensor(diagonal[behind].map { Float($0) })
    let scaled = columns.sliced(axis: 0, range: panel) * scales  // [panel, behind]
    return Tensor.product(
      columns.sliced(axis: 0, range: 0..<panel.upperBound), scaled.transposed(), .float32)
  }
}

extension Tensor {
  /// A square matrix, float32, with its rows and columns in another order.
  fileprivate func rearranged(_ order: [Int]) -> Tensor {
    let result = Tensor(uninitialized: shape)
    let (from, to) = (pointer(to: Float.self), result.mutablePointer(to: Float.self))
    let K = order.count
    forRows(K, width: K) { first, count in
      for row in first..<first + count {
        let source = from + order[row] * K
        for column in 0..<K { to[row * K + column] = source[order[column]] }
      }
    }
    return result
  }
}
