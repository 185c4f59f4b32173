// Sums and maxima along axes. The reduced axes are brought together, so that every case is
// [outer, reduced, inner] -> [outer, inner]. Long sums go in blocks of a fixed size whose partial
// sums are added in order: the same bits for every number of threads, and a rounding error that
// grows with the logarithm of the length.

extension Tensor {
  /// `axis` counted from the front.
  package func resolved(_ axis: Int, _ operation: String) -> Int {
    let result = axis < 0 ? axis + rank : axis
    precondition(
      result >= 0 && result < rank, "\(operation): \(shape) has no axis \(axis)")
    return result
  }

  /// Sum over `axes`, over all of them when nil.
  ///
  /// - Parameter keepingRank: keeps the axes with length 1.
  public func sum(alongAxes axes: [Int]? = nil, keepingRank: Bool = false) -> Tensor {
    requireMathematics("sum(alongAxes:)")
    let plan = ReductionPlan(self, axes, "sum(alongAxes:)")
    let source = plan.arranged(detached())
    let result =
      (elementType == .float64
      ? Reduction.sum(source, plan, Double.self) : Reduction.sum(source, plan, Float.self))
      .reshaped(to: keepingRank ? plan.keptShape : plan.shape)
    guard let tape = Tape.recording(self) else { return result }
    let original = shape
    return tape.record(result, from: [self]) { gradient in
      [gradient.reshaped(to: plan.keptShape).broadcast(to: original)]
    }
  }

  /// Mean over `axes`, over all of them when nil.
  ///
  /// - Parameter keepingRank: keeps the axes with length 1.
  public func mean(alongAxes axes: [Int]? = nil, keepingRank: Bool = false) -> Tensor {
    let sum = sum(alongAxes: axes, keepingRank: keepingRank)
    return sum / Double(Swift.max(1, count) / Swift.max(1, sum.count))
  }

  /// Mean of the squared distances from the mean, over `axes`, over all of them when nil.
  ///
  /// - Parameter correction: what is subtracted from the number of elements; 1 for an estimate
  ///   from a sample.
  public func variance(
    alongAxes axes: [Int]? = nil, keepingRank: Bool = false, correction: Int = 0
  ) -> Tensor {
    let distances = self - mean(alongAxes: axes, keepingRank: true)
    let sum = distances.squared().sum(alongAxes: axes, keepingRank: keepingRank)
    return sum / Double(count / Swift.max(1, sum.count) - correction)
  }

  /// Largest element along `axes`, of all when nil. The first of equal ones gets the gradient.
  ///
  /// - Precondition: there is at least one element along `axes`.
  public func max(alongAxes axes: [Int]? = nil, keepingRank: Bool = false) -> Tensor {
    requireMathematics("max(alongAxes:)")
    let plan = ReductionPlan(self, axes, "max(alongAxes:)")
    precondition(plan.reduced > 0, "max(alongAxes:): nothing to choose from in \(shape)")
    let source = plan.arranged(detached())
    let (values, places) =
      elementType == .float64
      ? Reduction.max(source, plan, Double.self) : Reduction.max(source, plan, Float.self)
    let result = values.reshaped(to: keepingRank ? plan.keptShape : plan.shape)
    guard let tape = Tape.recording(self) else { return result }
    return tape.record(result, from: [self]) { gradient in
      [
        plan.restored(
          gradient.elementType == .float64
            ? Reduction.placed(gradient, places, plan, Double.self)
            : Reduction.placed(gradient, places, plan, Float.self))
      ]
    }
  }

  /// Smallest element along `axes`, of all when nil. The first of equal ones gets the gradient.
  public func min(alongAxes axes: [Int]? = nil, keepingRank: Bool = false) -> Tensor {
    negated().max(alongAxes: axes, keepingRank: keepingRank).negated()
  }

  /// Place of the largest element along `axis`, the first of equal ones; of type `int64`.
  public func argmax(alongAxis axis: Int = -1) -> Tensor {
    requireMathematics("argmax(alongAxis:)")
    let plan = ReductionPlan(self, [axis], "argmax(alongAxis:)")
    precondition(plan.reduced > 0, "argmax(alongAxis:): nothing to choose from in \(shape)")
    let source = plan.arranged(detached())
    return
      (elementType == .float64
      ? Reduction.max(source, plan, Double.self).places
      : Reduction.max(source, plan, Float.self).places)
      .reshaped(to: plan.shape)
  }
}

/// Which axes go, which stay.
struct ReductionPlan: Sendable {
  private(set) var outer = 1
  private(set) var reduced = 1
  private(set) var inner = 1
  /// Shape of the result, and the same with the reduced axes as 1.
  let shape: [Int]
  let keptShape: [Int]
  /// The order that brings the reduced axes together; nil where they already are.
  private let order: [Int]?
  private let arrangedShape: [Int]

  init(_ tensor: Tensor, _ axes: [Int]?, _ operation: String) {
    let given = axes ?? Array(tensor.shape.indices)
    let gone = Set(given.map { tensor.resolved($0, operation) })
    precondition(gone.count == given.count, "\(operation): \(given) names an axis twice")
    let lengths = tensor.shape
    shape = lengths.indices.filter { !gone.contains($0) }.map { lengths[$0] }
    keptShape = lengths.indices.map { gone.contains($0) ? 1 : lengths[$0] }
    let range = (gone.min() ?? 0)..<((gone.max() ?? -1) + 1)
    let together = range.allSatisfy { gone.contains($0) || lengths[$0] == 1 }
    for axis in lengths.indices {
      if gone.contains(axis) {
        reduced *= lengths[axis]
      } else if together && !gone.isEmpty && axis >= range.upperBound {
        inner *= lengths[axis]
      } else {
        outer *= lengths[axis]
      }
    }
    order =
      together
      ? nil
      : lengths.indices.filter { !gone.contains($0) } + lengths.indices.filter { gone.contains($0) }
    arrangedShape = order?.map { lengths[$0] } ?? lengths
  }

  /// The tensor as dense [outer, reduced, inner].
  func arranged(_ tensor: Tensor) -> Tensor {
    order.map { tensor.transposed(permutation: $0).dense() } ?? tensor.dense()
  }

  /// The reverse of `arranged`.
  func restored(_ tensor: Tensor) -> Tensor {
    let result = tensor.reshaped(to: arrangedShape)
    guard let order else { return result }
    var inverse = order
    for (place, axis) in order.enumerated() { inverse[axis] = place }
    return result.transposed(permutation: inverse)
  }
}

enum Reduction {
  /// Rows in one block of a sum.
  static let block = 128
  /// Elements in one piece of a sum along the last axis.
  static let piece = 1 << 16

  static func sum<S: TensorScalar>(
    _ source: Tensor, _ plan: ReductionPlan, _ type: S.Type
  ) -> Tensor {
    let result = Tensor(uninitialized: [plan.outer * plan.inner], source.elementType)
    let x = source.pointer(to: S.self)
    let y = result.mutablePointer(to: S.self)
    defer { withExtendedLifetime(source) {} }
    if plan.inner == 1 {
      forRows(plan.outer, width: Swift.min(plan.reduced, elementwiseChunk)) { start, rows in
        for row in start..<start + rows { y[row] = S(total(plan.reduced, x + row * plan.reduced)) }
      }
    } else {
      sumColumns(plan.outer, plan.reduced, plan.inner, x, y)
    }
    return result
  }

  /// Sum of one vector.
  static func total<S: TensorScalar>(_ n: Int, _ x: UnsafePointer<S>) -> Double {
    if n <= piece { return S.sum(n, x) }
    return pieces(n) { S.sum($1, x + $0) }
  }

  /// Sum of `part` over pieces of a fixed size, added in order.
  static func pieces(_ n: Int, _ part: (_ start: Int, _ count: Int) -> Double) -> Double {
    let count = (n + piece - 1) / piece
    let sums = Storage(byteCount: count * 8)
    let sum = sums.base.assumingMemoryBound(to: Double.self)
    defer { withExtendedLifetime(sums) {} }
    ThreadPool.shared.parallel(count) { index in
      sum[index] = part(index * piece, Swift.min(piece, n - index * piece))
    }
    return (0..<count).reduce(0) { $0 + sum[$1] }
  }

  /// y [outer, inner] = sums of x [outer, reduced, inner] over the middle axis.
  static func sumColumns<S: TensorScalar>(
    _ outer: Int, _ reduced: Int, _ inner: Int, _ x: UnsafePointer<S>,
    _ y: UnsafeMutablePointer<S>
  ) {
    let blocks = Swift.max(1, (reduced + block - 1) / block)
    let partial =
      blocks == 1 ? nil : Storage(byteCount: outer * blocks * inner * MemoryLayout<S>.size)
    let target = partial?.base.assumingMemoryBound(to: S.self) ?? y
    defer { withExtendedLifetime(partial) {} }
    let chunk = 1024
    let chunks = (inner + chunk - 1) / chunk
    forChunks(
      outer * blocks * chunks,
      of: Swift.max(
        1, elementwiseChunk / (Swift.min(block, reduced + 1) * Swift.min(chunk, inner + 1)))
    ) { start, count in
      for part in start..<start + count {
        let (index, column) = (part / chunks, part % chunks * chunk)
        let width = Swift.min(chunk, inner - column)
        let first = index % blocks * block
        let last = Swift.min(reduced, first + block)
        let sum = target + index * inner + column
        let rows = x + index / blocks * reduced * inner + column
        sum.update(repeating: 0, count: width)
        for row in first..<last { S.add(width, sum, rows + row * inner, sum) }
      }
    }
    if blocks > 1 { sumColumns(outer, blocks, inner, UnsafePointer(target), y) }
  }

  static func max<S: TensorScalar>(
    _ source: Tensor, _ plan: ReductionPlan, _ type: S.Type
  ) -> (values: Tensor, places: Tensor) {
    let values = Tensor(uninitialized: [plan.outer * plan.inner], source.elementType)
    let places = Tensor(uninitialized: [plan.outer * plan.inner], .int64)
    let x = source.pointer(to: S.self)
    let y = values.mutablePointer(to: S.self)
    let place = places.mutablePointer(to: Int64.self)
    defer { withExtendedLifetime(source) {} }
    let (reduced, inner) = (plan.reduced, plan.inner)
    forRows(plan.outer * inner, width: reduced) { start, count in
      for index in start..<start + count {
        let row = x + index / inner * reduced * inner + index % inner
        let (best, at) = largest(row, reduced, step: inner)
        y[index] = best
        place[index] = Int64(at)
      }
    }
    return (values, places)
  }

  /// The largest of some elements and its place, the first of equal ones. A NaN wins, so that it is not
  /// hidden.
  private static func largest<S: TensorScalar>(
    _ x: UnsafePointer<S>, _ count: Int, step: Int
  ) -> (S, Int) {
    if step == 1 {
      // Where it is comes from the piece that has it.
      let (best, piece) = largestPiece(x, count)
      if best < .infinity, let at = piece.first(where: { x[$0] == best }) { return (best, at) }
    }
    var (best, at) = (x[0], 0)
    for i in 1..<Swift.max(count, 1) where x[i * step] > best || x[i * step].isNaN {
      if best.isNaN { break }
      (best, at) = (x[i * step], i)
    }
    return (best, at)
  }

  /// The largest of neighbours, a NaN as infinity, and the first of the pieces that have it.
  private static func largestPiece<S: TensorScalar>(
    _ x: UnsafePointer<S>, _ count: Int
  ) -> (S, Range<Int>) {
    let length = 1 << 12
    let pieces = (0..<(count + length - 1) / length).map {
      $0 * length..<Swift.min(($0 + 1) * length, count)
    }
    var maxima = [S](repeating: -.infinity, count: pieces.count)
    maxima.withUnsafeMutableBufferPointer {
      guard let maxima = $0.baseAddress else { return }
      // What a product just made is still with the threads that have its runs.
      ThreadPool.shared.parallel(pieces.count, work: 8 * count, order: .runs) { index in
        let piece = pieces[index]
        maxima[index] = S.largest(piece.count, x + piece.lowerBound)
      }
    }
    let best = maxima.indices.reduce(0) { maxima[$1] > maxima[$0] ? $1 : $0 }
    return (maxima[best], pieces[best])
  }

  /// Zeros but for the gradients at the places of the maxima.
  static func placed<S: TensorScalar>(
    _ gradient: Tensor, _ places: Tensor, _ plan: ReductionPlan, _ type: S.Type
  ) -> Tensor {
    let gradient = gradient.dense()
    let result = Tensor(zeros: [plan.outer * plan.reduced * plan.inner], gradient.elementType)
    let g = gradient.pointer(to: S.self)
    let place = places.pointer(to: Int64.self)
    let y = result.mutablePointer(to: S.self)
    defer { withExtendedLifetime((gradient, places)) {} }
    for index in 0..<plan.outer * plan.inner {
      let at = (index / plan.inner * plan.reduced + Int(place[index])) * plan.inner
      y[at + index % plan.inner] = g[index]
    }
    return result
  }
}
