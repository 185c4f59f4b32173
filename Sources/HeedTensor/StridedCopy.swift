// Copies between two strided arrangements of the same shape. What decides the speed is whether the
// last axis is contiguous on both sides (rows are then moved as memory) or only another one is (a
// transposition: then 16 x 16 squares are moved, so that every cache line is used whole).

enum StridedCopy {
  /// Copies `shape` elements of `size` bytes; strides count elements.
  static func run(
    _ shape: [Int], size: Int, from source: UnsafeRawPointer, strides sourceStrides: [Int],
    to target: UnsafeMutableRawPointer, strides targetStrides: [Int]
  ) {
    if shape.contains(0) { return }
    let loops = merged(shape, sourceStrides, targetStrides)
    switch size {
    case 8: run(loops, source.assumingMemoryBound(to: UInt64.self), target)
    case 4: run(loops, source.assumingMemoryBound(to: UInt32.self), target)
    case 2: run(loops, source.assumingMemoryBound(to: UInt16.self), target)
    default: run(loops, source.assumingMemoryBound(to: UInt8.self), target)
    }
  }

  private struct Loop {
    var length: Int
    var source: Int
    var target: Int
  }

  /// Neighbouring axes that both sides step through evenly become one.
  private static func merged(_ shape: [Int], _ source: [Int], _ target: [Int]) -> [Loop] {
    var loops: [Loop] = []
    for axis in shape.indices where shape[axis] != 1 {
      if let last = loops.last, last.source == source[axis] * shape[axis],
        last.target == target[axis] * shape[axis]
      {
        loops[loops.count - 1] = Loop(
          length: last.length * shape[axis], source: source[axis], target: target[axis])
      } else {
        loops.append(Loop(length: shape[axis], source: source[axis], target: target[axis]))
      }
    }
    return loops.isEmpty ? [Loop(length: 1, source: 1, target: 1)] : loops
  }

  private static func run<Word: BitwiseCopyable>(
    _ loops: [Loop], _ source: UnsafePointer<Word>, _ rawTarget: UnsafeMutableRawPointer
  ) {
    let target = rawTarget.assumingMemoryBound(to: Word.self)
    var outer = loops
    let inner = outer.removeLast()
    var across: Loop?
    if inner.source != 1, inner.target == 1, let place = outer.lastIndex(where: { $0.source == 1 })
    {
      across = outer.remove(at: place)
    }
    let count = outer.reduce(1) { $0 * $1.length }
    // One long row is cut; many short ones are grouped.
    if count == 1, across == nil, inner.length > elementwiseChunk {
      forChunks(inner.length, of: elementwiseChunk) { start, n in
        row(
          Loop(length: n, source: inner.source, target: inner.target),
          source + start * inner.source, target + start * inner.target)
      }
      return
    }
    // So is a transposition: bands of its rows, each of whole squares.
    let band = across.map { bandLength($0.length, width: inner.length) } ?? 1
    let bands = across.map { ($0.length + band - 1) / band } ?? 1
    let work = inner.length * (across == nil ? 1 : band)
    forRows(count * bands, width: work) { start, rows in
      for index in start..<start + rows {
        let part = index % bands
        var (rest, from, to) = (index / bands, 0, 0)
        for loop in outer.reversed() {
          let (quotient, place) = rest.quotientAndRemainder(dividingBy: loop.length)
          rest = quotient
          from += place * loop.source
          to += place * loop.target
        }
        if var across {
          from += part * band
          to += part * band * across.target
          across.length = Swift.min(band, across.length - part * band)
          square(across, inner, source + from, target + to)
        } else {
          row(inner, source + from, target + to)
        }
      }
    }
  }

  /// Rows of a transposition that one part moves: whole squares, about a chunk of elements.
  private static func bandLength(_ rows: Int, width: Int) -> Int {
    let squares = Swift.max(1, elementwiseChunk / Swift.max(1, width * side))
    return Swift.min(Swift.max(1, rows), squares * side)
  }

  /// Elements of a square that is moved at once: whole cache lines on both sides.
  private static let side = 16

  private static func row<Word: BitwiseCopyable>(
    _ loop: Loop, _ source: UnsafePointer<Word>, _ target: UnsafeMutablePointer<Word>
  ) {
    if loop.source == 1 && loop.target == 1 {
      target.update(from: source, count: loop.length)
    } else if loop.source == 0 && loop.target == 1 {
      target.update(repeating: source[0], count: loop.length)
    } else {
      for i in 0..<loop.length { target[i * loop.target] = source[i * loop.source] }
    }
  }

  private static func square<Word: BitwiseCopyable>(
    _ rows: Loop, _ columns: Loop, _ source: UnsafePointer<Word>,
    _ target: UnsafeMutablePointer<Word>
  ) {
    for row in stride(from: 0, to: rows.length, by: side) {
      let lastRow = Swift.min(rows.length, row + side)
      for column in stride(from: 0, to: columns.length, by: side) {
        let lastColumn = Swift.min(columns.length, column + side)
        for i in row..<lastRow {
          for j in column..<lastColumn {
            target[i * rows.target + j] = source[i + j * columns.source]
          }
        }
      }
    }
  }
}

extension Tensor {
  /// Copies the elements, in order, to the dense tensor `destination` of the same type and count.
  package func copyElements(to destination: Tensor) {
    StridedCopy.run(
      shape, size: elementType.byteCount, from: UnsafeRawPointer(rawPointer), strides: strides,
      to: destination.rawPointer, strides: Tensor.denseStrides(shape))
    withExtendedLifetime(self) {}
  }

  /// Copies the elements to the places of `self`'s shape inside `destination`, which begin at
  /// `start` along `axis`. For tensors that are being made.
  package func copyElements(to destination: Tensor, axis: Int, start: Int) {
    let size = elementType.byteCount
    StridedCopy.run(
      shape, size: size, from: UnsafeRawPointer(rawPointer), strides: strides,
      to: destination.rawPointer + start * destination.strides[axis] * size,
      strides: destination.strides)
    withExtendedLifetime(self) {}
  }
}
