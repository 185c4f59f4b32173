import CHeedKernels

// A small weight, arranged once as the block products read it: panels of 32 outputs, block by block
// along k, scales beside the values (include/CHeedKernels.h draws the format). One row and many rows
// read the same panels in the same order, so a row has the same bits alone and among others. Decoding
// is as fast as memory delivers these bytes: nothing is unpacked on the way.
//
// The activations meet the weights as 8-bit numbers too: each row in blocks of 32 with a scale of its
// own, so that one outlier costs precision to 31 neighbours and not to the whole row. Products within
// a block are exact integers; sums over blocks are float32 in order.
//
// Rejected: products straight from the rows of the file (a row's blocks would have to be gathered from
// as many places as there are lanes, or summed across lanes once for each output); dequantising panels
// to bfloat16 when many rows come (other bits than one row, and slower than int8 products).

/// A weight `[N, K]` of blocks, packed for inference in 8, 6 or 4 bits a value and its scales.
public struct QuantizedMatrix: PanelWeight, Sendable {
  /// N.
  public package(set) var outputCount: Int
  /// K.
  public let inputCount: Int
  let format: heed_panel_format
  /// `[ceil(N / 32)][ceil(K / 32)]` blocks of panels, as bytes.
  package var panels: Tensor

  /// Packs `weight`; exact, except that the two-level scales of Q4_K and Q5_K are rounded to half
  /// precision, and the powers of two of MXFP4 limited to what half precision has.
  ///
  /// - Parameter weight: `[N, K]`.
  public init(_ weight: BlockTensor) {
    precondition(weight.shape.count == 2, "QuantizedMatrix: \(weight.shape) is not [N, K]")
    let bytes = weight.bytes.strides[1] == 1 ? weight.bytes : weight.bytes.copied()
    let stride = bytes.strides[0]
    let source = bytes.rawPointer
    let isReadable = bytes.isReadable
    self.init(
      weight.type, outputs: weight.shape[0], inputs: weight.shape[1],
      rows: { panel, rows, scratch in
        let first = panel * TiledProduct.panel
        return bytes.read(rows: first..<first + rows, into: scratch)
          ? (scratch, stride) : (source + first * stride, stride)
      },
      release: { if !isReadable { bytes.sliced(axis: 0, range: $0).releasePages() } })
    withExtendedLifetime(bytes) {}
  }

  /// Quantises and packs `weight`, panel by panel, so that it never exists twice in float32.
  ///
  /// - Parameters:
  ///   - weight: `[N, K]`, of any floating-point type, with any strides. A K that is no whole blocks
  ///     is filled up with zeros.
  ///   - type: one of blocks of 32 that is written (`q8_0`, `q5_1`, `q5_0`, `q4_1`, `q4_0`).
  public init(quantizing weight: Tensor, as type: BlockType) {
    precondition(
      weight.rank == 2 && weight.elementType.isFloatingPoint && type.isWritable
        && type.blockWidth == 32,
      "QuantizedMatrix: \(weight.shape) \(weight.elementType) cannot become \(type)")
    let width = weight.shape[1]
    let whole = (width + 31) / 32 * 32
    let rowBytes = type.rowByteCount(width: whole)
    let kind = type.kernelType
    let source = weight.detached()
    let rows: RowsOfPanel = { panel, rows, scratch in
      let first = panel * TiledProduct.panel
      let part = source.sliced(axis: 0, range: first..<first + rows).converted(to: .float32).dense()
      let floats = scratch.assumingMemoryBound(to: Float.self)
      let target = scratch + whole * 4
      for row in 0..<rows {
        floats.update(from: part.pointer(to: Float.self) + row * width, count: width)
        (floats + width).update(repeating: 0, count: whole - width)
        _ = heed_quantize(kind, whole / 32, floats, target + row * rowBytes)
      }
      withExtendedLifetime(part) {}
      return (target, rowBytes)
    }
    self.init(
      type, outputs: weight.shape[0], inputs: width, rows: rows,
      release: { source.sliced(axis: 0, range: $0).releasePages() })
  }

  /// Where the rows of blocks of a panel begin, and the bytes from one to the next; made in scratch
  /// memory (four bytes for each k, two for each weight of the panel) if need be.
  private typealias RowsOfPanel = (
    _ panel: Int, _ rows: Int, _ scratch: UnsafeMutableRawPointer
  ) -> (UnsafeMutableRawPointer, Int)

  /// Packs panels. `release` is told of rows that are packed, so that those of a large file are not
  /// all in memory beside their copies.
  private init(
    _ type: BlockType, outputs: Int, inputs: Int, rows: RowsOfPanel,
    release: (Range<Int>) -> Void
  ) {
    let width = TiledProduct.panel
    let whole = (inputs + 31) / 32 * 32
    let count = (outputs + width - 1) / width
    format = heed_panel_format_of(type.kernelType)
    let panelBytes = whole / 32 * heed_panel_bytes(format)
    let result = TensorPieces.weights.tensor([count, panelBytes], .uint8)
    let target = result.rawPointer
    let kind = type.kernelType
    let atOnce = Self.panelsAtOnce(of: panelBytes)
    for first in stride(from: 0, to: count, by: atOnce) {
      let last = min(count, first + atOnce)
      ThreadPool.shared.parallel(last - first) { part in
        let panel = first + part
        let scratch = Storage(byteCount: whole * 4 + width * whole * 2)
        let present = min(width, outputs - panel * width)
        let (source, step) = rows(panel, present, scratch.base)
        heed_pack_panel(kind, present, whole, source, step, target + panel * panelBytes)
        withExtendedLifetime(scratch) {}
      }
      release(first * width..<min(outputs, last * width))
    }
    outputCount = outputs
    inputCount = inputs
    panels = result
  }

  /// Bytes of the packed weight.
  public var byteCount: Int { panels.count }
}

extension Tensor {
  /// `x weight^T + bias` with a quantised weight, the activations quantised to 8 bits on the way.
  ///
  /// Each row has the same bits alone and among others, for any number of threads.
  ///
  /// - Parameters:
  ///   - weight: `[N, K]`.
  ///   - bias: `[N]`.
  ///   - activation: applied to the result while it is in the cache.
  /// - Returns: `[.., N]` for this tensor `[.., K]`. A row with a value that is not finite gives NaN.
  /// - Precondition: no tape follows this tensor.
  public func linear(
    _ weight: QuantizedMatrix, bias: Tensor? = nil, activation: Activation = .identity
  ) -> Tensor {
    precondition(
      rank >= 1 && shape[rank - 1] == weight.inputCount && elementType == .float32,
      "linear(_:bias:): \(shape) \(elementType) does not fit the quantised weight "
        + "[\(weight.outputCount), \(weight.inputCount)]")
    precondition(trace == nil, "linear(_:bias:): quantised weights have no gradients")
    precondition(
      bias == nil || bias?.shape == [weight.outputCount] && bias?.elementType == .float32,
      "linear(_:bias:): bias \(bias?.shape ?? []) for \(weight.outputCount) outputs")
    let x = dense()
    let bias = bias?.dense()
    let rows = shape.dropLast().reduce(1, *)
    let result = Tensor(uninitialized: shape.dropLast() + [weight.outputCount])
    BlockProduct(
      rows: rows, weight: weight, bias: bias?.pointer(to: Float.self), activation: activation,
      result: result.mutablePointer(to: Float.self)
    ).run(x.pointer(to: Float.self))
    withExtendedLifetime((x, bias, weight)) {}
    return result
  }
}
