/// How a window moves along one axis of a convolution or a pooling.
public struct Sliding: Sendable, Hashable {
  /// Elements from one place of the window to the next.
  public var stride: Int
  /// Zeros in front of the axis.
  public var paddingBefore: Int
  /// Zeros behind it.
  public var paddingAfter: Int
  /// Elements from one element of the window to the next.
  public var dilation: Int

  /// A window that moves by `stride`, with `padding` zeros at both ends.
  public init(stride: Int = 1, padding: Int = 0, dilation: Int = 1) {
    self.init(
      stride: stride, paddingBefore: padding, paddingAfter: padding, dilation: dilation)
  }

  /// A window with different padding at the two ends: `paddingBefore` alone makes it causal.
  public init(stride: Int = 1, paddingBefore: Int, paddingAfter: Int, dilation: Int = 1) {
    precondition(
      stride > 0 && dilation > 0 && paddingBefore >= 0 && paddingAfter >= 0,
      "Sliding: stride \(stride), dilation \(dilation), padding \(paddingBefore) \(paddingAfter)")
    self.stride = stride
    self.paddingBefore = paddingBefore
    self.paddingAfter = paddingAfter
    self.dilation = dilation
  }

  /// Places of a window of `size` elements on an axis of `length`.
  public func count(length: Int, size: Int) -> Int {
    let room = length + paddingBefore + paddingAfter - dilation * (size - 1) - 1
    return room < 0 ? 0 : room / stride + 1
  }

  /// The places whose element `element` of the window lies inside an axis of `length`.
  func inside(element: Int, length: Int, count: Int) -> Range<Int> {
    let first = paddingBefore - element * dilation
    let low = first <= 0 ? 0 : (first + stride - 1) / stride
    let last = length - 1 + first
    let high = last < 0 ? 0 : min(count, last / stride + 1)
    return min(low, high)..<high
  }
}

/// Windows over planes `[H, W]`, what convolution and pooling have in common.
struct SlidingPlane: Sendable {
  var height: Int
  var width: Int
  var kernelHeight: Int
  var kernelWidth: Int
  var vertical: Sliding
  var horizontal: Sliding
  let outputHeight: Int
  let outputWidth: Int

  init(
    height: Int, width: Int, kernelHeight: Int, kernelWidth: Int, vertical: Sliding,
    horizontal: Sliding
  ) {
    self.height = height
    self.width = width
    self.kernelHeight = kernelHeight
    self.kernelWidth = kernelWidth
    self.vertical = vertical
    self.horizontal = horizontal
    outputHeight = vertical.count(length: height, size: kernelHeight)
    outputWidth = horizontal.count(length: width, size: kernelWidth)
  }

  var kernelCount: Int { kernelHeight * kernelWidth }

  /// Calls `body` for each run of places along x that one element of the window finds inside the
  /// plane: the output row and its columns, and the index of the first input element.
  func forRuns(
    element: Int, rows: Range<Int>,
    _ body: (_ row: Int, _ columns: Range<Int>, _ place: Int) -> Void
  ) {
    let (ky, kx) = element.quotientAndRemainder(dividingBy: kernelWidth)
    let columns = horizontal.inside(element: kx, length: width, count: outputWidth)
    let inside = vertical.inside(element: ky, length: height, count: outputHeight)
      .clamped(to: rows)
    for row in inside where !columns.isEmpty {
      let y = row * vertical.stride + ky * vertical.dilation - vertical.paddingBefore
      let x =
        columns.lowerBound * horizontal.stride + kx * horizontal.dilation
        - horizontal.paddingBefore
      body(row, columns, y * width + x)
    }
  }
}
