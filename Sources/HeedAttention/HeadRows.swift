import CHeedKernels
import HeedTensor

/// The rows of `[B, H, T, D]`, head after head, as tiles read them.
///
/// A projection writes the heads of a token side by side, `[B, T, H, D]` in memory: its rows are read
/// where they lie, at even steps, and packed from there, so that nobody copies the heads apart. Rows of
/// bfloat16 are packed as they are. Only heads that share keys have to follow one another, because a
/// tile goes from one to the next: where they do not, there is a copy.
struct HeadRows: Sendable {
  private let tensor: Tensor
  /// Heads whose rows follow one another.
  private let groupSize: Int
  private let isHalf: Bool
  /// Elements from one row to the next.
  let stride: Int

  var width: Int { tensor.shape[3] }

  /// - Parameter groupSize: query heads of one key/value head, whose rows are one list.
  init(_ tensor: Tensor, groupSize: Int, precision: ProductPrecision) {
    func isEven(_ tensor: Tensor) -> Bool {
      (tensor.shape[3] | tensor.offset) % 2 == 0
        && tensor.strides.dropLast().allSatisfy { $0 % 2 == 0 }
    }
    func hasRows(_ tensor: Tensor) -> Bool {
      let (shape, strides) = (tensor.shape, tensor.strides)
      return (strides[3] == 1 || shape[3] == 1)
        && (groupSize == 1 || shape[2] == 1 || strides[1] == shape[2] * strides[2])
    }
    var rows = tensor
    // Pairs of bfloat16 are words of memory.
    if tensor.elementType != .bfloat16 || precision != .bfloat16 || !isEven(tensor) {
      rows = tensor.converted(to: .float32)
    }
    if !hasRows(rows) { rows = rows.dense() }
    self.tensor = rows
    self.groupSize = groupSize
    isHalf = rows.elementType == .bfloat16
    stride = rows.strides[rows.shape[2] == 1 ? 1 : 2]
  }

  /// The place of row `row` of key/value head `index` (of B * G) in the tensor.
  @inline(__always)
  private func place(_ index: Int, _ row: Int) -> Int {
    let groups = tensor.shape[1] / groupSize
    return index / groups * tensor.strides[0] + index % groups * groupSize * tensor.strides[1]
      + row * stride
  }

  /// Row `row` of key/value head `index` as floats.
  ///
  /// - Precondition: the tensor was float32, or products are.
  @inline(__always)
  func floats(_ index: Int, _ row: Int) -> UnsafePointer<Float> {
    tensor.pointer(to: Float.self) + place(index, row)
  }

  @inline(__always)
  private func halves(_ index: Int, _ row: Int) -> UnsafePointer<UInt16> {
    UnsafePointer(tensor.halves) + place(index, row)
  }

  /// Rows from `row` on as the words that products read, floats or bf16 whose neighbours are pairs, and the
  /// words from one to the next; nil where they have to be packed.
  @inline(__always)
  func words(
    _ products: TileProducts, _ index: Int, _ row: Int
  ) -> (UnsafeRawPointer, stride: Int)? {
    if isHalf { return (UnsafeRawPointer(halves(index, row)), stride / 2) }
    return products.isPaired ? nil : (UnsafeRawPointer(floats(index, row)), stride)
  }

  /// Rows from `row` on where they are bfloat16, and the elements from one to the next.
  @inline(__always)
  func elements(_ index: Int, _ row: Int) -> (UnsafePointer<UInt16>, stride: Int)? {
    isHalf ? (halves(index, row), stride) : nil
  }

  /// Asks for the first rows of key/value head `index`, where they lie one after the other.
  @inline(__always)
  func ask(_ index: Int) {
    guard stride == width else { return }
    let size = tensor.elementType.byteCount
    heed_ask(
      UnsafeRawPointer(tensor.rawPointer) + place(index, 0) * size,
      min(16 << 10, tensor.shape[2] * width * size))
  }

  /// `count` rows from `row` on as a left operand.
  @inline(__always)
  func packLeft(
    _ products: TileProducts, _ index: Int, _ row: Int, _ count: Int,
    to target: UnsafeMutablePointer<Float>
  ) {
    guard isHalf else {
      return products.packLeft(count, width, floats(index, row), stride, target)
    }
    products.left.pack(
      rows: count, depth: width, halves: halves(index, row), rowStride: stride, columnStride: 1,
      to: UnsafeMutableRawPointer(target))
  }

  /// `count` rows from `row` on, at most 32, transposed to a panel: `[word][32]`.
  @inline(__always)
  func packPanel(
    _ products: TileProducts, _ index: Int, _ row: Int, _ count: Int,
    to target: UnsafeMutablePointer<Float>
  ) {
    let size = AttentionPlan.panelKeys
    guard isHalf else {
      return products.packTransposed(count, width, floats(index, row), stride, target, size)
    }
    products.kernels.pack_transposed_u32(
      count, width / 2, UnsafeRawPointer(halves(index, row)).assumingMemoryBound(to: UInt32.self),
      stride / 2, UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self), size)
  }

  /// `count` rows from `row` on as second operand of a product along the rows: pairs of them, or the
  /// floats one row after the other.
  @inline(__always)
  func packRows(
    _ products: TileProducts, _ index: Int, _ row: Int, _ count: Int,
    to target: UnsafeMutablePointer<Float>
  ) {
    if isHalf {
      products.kernels.pack_pairs_u16(
        count, width, halves(index, row), stride,
        UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self), width)
    } else if products.isPaired {
      products.packPairs(count, width, floats(index, row), stride, target, width)
    } else {
      let source = floats(index, row)
      for row in 0..<count {
        (target + row * width).update(from: source + row * stride, count: width)
      }
    }
  }
}
