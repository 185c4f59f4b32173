// Convolution over one or two axes as a matrix product (Chellapilla et al. 2006): the windows of a
// block of output rows become the columns of a matrix, at most 4 MB of it at a time. Three products
// serve everything: forward, gradient of the input, gradient of the weight. The transposed
// convolution is the second one used forward, with the other two as its gradients.

/// Convolution of `[B, C, L]` or `[B, C, H, W]`.
///
/// - Parameters:
///   - weight: `[O, C / groupCount, K]` or `[O, C / groupCount, KH, KW]`.
///   - bias: `[O]`.
///   - sliding: one value for each axis, or one for all.
///   - groupCount: channels are cut into groups that do not see each other; C for a depthwise one.
/// - Returns: `[B, O, L']` or `[B, O, H', W']`.
public func convolution(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, sliding: [Sliding] = [Sliding()],
  groupCount: Int = 1, precision: ProductPrecision = .float32
) -> Tensor {
  precondition(
    (x.rank == 3 || x.rank == 4) && weight.rank == x.rank && groupCount > 0
      && x.shape[1] == weight.shape[1] * groupCount && weight.shape[0] % groupCount == 0
      && (sliding.count == 1 || sliding.count == x.rank - 2),
    "convolution: \(x.shape) does not fit the weight \(weight.shape) in \(groupCount) groups")
  let (planes, kernel) = (x.asPlanes(), weight.asPlanes())
  let core = ConvolutionCore(
    batch: planes.shape[0], channels: planes.shape[1], outputs: kernel.shape[0],
    groups: groupCount, precision: precision,
    plane: SlidingPlane(
      height: planes.shape[2], width: planes.shape[3], kernelHeight: kernel.shape[2],
      kernelWidth: kernel.shape[3], vertical: x.rank == 3 ? Sliding() : sliding[0],
      horizontal: sliding[sliding.count - 1]))
  let (a, w) = (planes.detached().dense(), kernel.detached().dense())
  var result = core.forward(a, w)
  if let tape = Tape.recording(planes, kernel) {
    let (needsInput, needsWeight) = (planes.trace != nil, kernel.trace != nil)
    result = tape.record(result, from: [planes, kernel]) { gradient in
      let dy = gradient.dense()
      return [
        needsInput ? core.inputGradient(dy, w) : nil,
        needsWeight ? core.weightGradient(a, dy) : nil,
      ]
    }
  }
  if x.rank == 3 { result = result.squeezed(axis: 2) }
  return bias.map { result + $0.asChannels(of: result, "convolution") } ?? result
}

/// Transposed convolution of `[B, C, L]` or `[B, C, H, W]`: each element spreads a window.
///
/// - Parameters:
///   - weight: `[C, O / groupCount, K]` or `[C, O / groupCount, KH, KW]`.
///   - bias: `[O]`.
///   - sliding: one value for each axis, or one for all; padding is taken away from the result.
///   - outputPadding: elements added behind each axis of the result.
/// - Returns: `[B, O, L']` or `[B, O, H', W']`, where
///   `L' = (L - 1) stride - padding + dilation (K - 1) + outputPadding + 1`.
public func transposedConvolution(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, sliding: [Sliding] = [Sliding()],
  outputPadding: Int = 0, groupCount: Int = 1, precision: ProductPrecision = .float32
) -> Tensor {
  precondition(
    (x.rank == 3 || x.rank == 4) && weight.rank == x.rank && groupCount > 0
      && x.shape[1] == weight.shape[0] && weight.shape[0] % groupCount == 0
      && (sliding.count == 1 || sliding.count == x.rank - 2),
    "transposedConvolution: \(x.shape) does not fit \(weight.shape) in \(groupCount) groups")
  func length(_ length: Int, _ size: Int, _ s: Sliding) -> Int {
    (length - 1) * s.stride - s.paddingBefore - s.paddingAfter + s.dilation * (size - 1)
      + outputPadding + 1
  }
  let (planes, kernel) = (x.asPlanes(), weight.asPlanes())
  let vertical = x.rank == 3 ? Sliding() : sliding[0]
  let horizontal = sliding[sliding.count - 1]
  let core = ConvolutionCore(
    batch: planes.shape[0], channels: kernel.shape[1] * groupCount, outputs: kernel.shape[0],
    groups: groupCount, precision: precision,
    plane: SlidingPlane(
      height: x.rank == 3 ? 1 : length(planes.shape[2], kernel.shape[2], vertical),
      width: length(planes.shape[3], kernel.shape[3], horizontal), kernelHeight: kernel.shape[2],
      kernelWidth: kernel.shape[3], vertical: vertical, horizontal: horizontal))
  precondition(
    core.plane.outputHeight == planes.shape[2] && core.plane.outputWidth == planes.shape[3],
    "transposedConvolution: output padding \(outputPadding) is not below the stride")
  let (a, w) = (planes.detached().dense(), kernel.detached().dense())
  var result = core.inputGradient(a, w)
  if let tape = Tape.recording(planes, kernel) {
    let (needsInput, needsWeight) = (planes.trace != nil, kernel.trace != nil)
    result = tape.record(result, from: [planes, kernel]) { gradient in
      let dy = gradient.dense()
      return [
        needsInput ? core.forward(dy, w) : nil, needsWeight ? core.weightGradient(dy, a) : nil,
      ]
    }
  }
  if x.rank == 3 { result = result.squeezed(axis: 2) }
  return bias.map { result + $0.asChannels(of: result, "transposedConvolution") } ?? result
}

extension Tensor {
  /// `[B, C, L]` as `[B, C, 1, L]`.
  func asPlanes() -> Tensor { rank == 3 ? expanded(axis: 2) : self }
}

/// The three products of a convolution from `[B, C, H, W]` to `[B, O, H', W']`.
struct ConvolutionCore: Sendable {
  let batch: Int
  let channels: Int
  let outputs: Int
  let groups: Int
  let precision: ProductPrecision
  let plane: SlidingPlane

  private var groupChannels: Int { channels / groups }
  private var groupOutputs: Int { outputs / groups }
  /// Rows of the matrix of windows.
  private var depth: Int { groupChannels * plane.kernelCount }
  private var inputCount: Int { plane.height * plane.width }
  private var outputCount: Int { plane.outputHeight * plane.outputWidth }
  /// A window of one element that touches every place once: the planes are the matrix.
  private var isPointwise: Bool {
    plane.kernelCount == 1 && plane.vertical == Sliding() && plane.horizontal == Sliding()
  }

  /// Blocks of output rows whose matrix has at most 2^20 elements.
  private var rowBlocks: [Range<Int>] {
    let rows =
      isPointwise ? plane.outputHeight : max(1, (1 << 20) / max(1, depth * plane.outputWidth))
    return stride(from: 0, to: plane.outputHeight, by: max(1, rows)).map {
      $0..<min(plane.outputHeight, $0 + rows)
    }
  }

  /// [O / G, depth] of one group.
  private func matrix(_ weight: Tensor, _ group: Int) -> Tensor {
    weight.reshaped(to: [groups, groupOutputs, depth]).entry(group, axis: 0)
  }

  /// [rows, columns] of one group of one item; `rows` are channels.
  private func part(_ tensor: Tensor, _ item: Int, _ group: Int, _ rows: Int, _ range: Range<Int>)
    -> Tensor
  {
    tensor.reshaped(to: [batch, groups, rows, -1]).entry(item, axis: 0).entry(group, axis: 0)
      .sliced(axis: 1, range: range)
  }

  private func forBlocks(
    _ body: (_ item: Int, _ group: Int, _ rows: Range<Int>, _ places: Range<Int>) -> Void
  ) {
    guard outputCount > 0 else { return }
    let blocks = rowBlocks
    for item in 0..<batch {
      for group in 0..<groups {
        for rows in blocks {
          body(
            item, group, rows,
            rows.lowerBound * plane.outputWidth..<rows.upperBound * plane.outputWidth)
        }
      }
    }
  }

  func forward(_ x: Tensor, _ weight: Tensor) -> Tensor {
    let result = Tensor(uninitialized: [batch, groups, groupOutputs, outputCount], x.elementType)
    forBlocks { item, group, rows, places in
      let product = Tensor.product(
        matrix(weight, group), windows(x, item, group, rows), precision)  // [O / G, places]
      let target = result.entry(item, axis: 0).entry(group, axis: 0)
      product.copyElements(to: target, axis: 1, start: places.lowerBound)
    }
    return result.reshaped(to: [batch, outputs, plane.outputHeight, plane.outputWidth])
  }

  func inputGradient(_ dy: Tensor, _ weight: Tensor) -> Tensor {
    let result = Tensor(
      zeros: [batch, channels, plane.height, plane.width], dy.elementType)
    forBlocks { item, group, rows, places in
      let gradient = part(dy, item, group, groupOutputs, places)
      let windows = Tensor.product(
        matrix(weight, group).transposed(), gradient, precision)  // [depth, places]
      if dy.elementType == .float64 {
        addWindows(windows, to: result, item, group, rows, Double.self)
      } else {
        addWindows(windows, to: result, item, group, rows, Float.self)
      }
    }
    return result
  }

  func weightGradient(_ x: Tensor, _ dy: Tensor) -> Tensor {
    var sums = [Tensor?](repeating: nil, count: groups)
    forBlocks { item, group, rows, places in
      let product = Tensor.product(
        part(dy, item, group, groupOutputs, places), windows(x, item, group, rows).transposed(),
        precision)  // [O / G, depth]
      if var sum = sums[group].take() {
        sum.accumulate(product)
        sums[group] = sum
      } else {
        sums[group] = product
      }
    }
    let zero = Tensor(zeros: [groupOutputs, depth], x.elementType)
    return Tensor(concatenating: sums.map { $0 ?? zero }, alongAxis: 0)
      .reshaped(to: [outputs, groupChannels, plane.kernelHeight, plane.kernelWidth])
  }

  /// The windows of some output rows: [depth, places], zeros where they reach outside.
  private func windows(_ x: Tensor, _ item: Int, _ group: Int, _ rows: Range<Int>) -> Tensor {
    if isPointwise { return part(x, item, group, groupChannels, 0..<inputCount) }
    return x.elementType == .float64
      ? windows(x, item, group, rows, Double.self) : windows(x, item, group, rows, Float.self)
  }

  private func windows<S: TensorScalar>(
    _ x: Tensor, _ item: Int, _ group: Int, _ rows: Range<Int>, _ type: S.Type
  ) -> Tensor {
    let count = rows.count * plane.outputWidth
    let result = Tensor(zeros: [depth, count], x.elementType)
    let source = x.pointer(to: S.self) + (item * channels + group * groupChannels) * inputCount
    let target = result.mutablePointer(to: S.self)
    let step = plane.horizontal.stride
    forRows(depth, width: count) { start, lines in
      for line in start..<start + lines {
        let (channel, element) = line.quotientAndRemainder(dividingBy: plane.kernelCount)
        plane.forRuns(element: element, rows: rows) { row, columns, place in
          let from = source + channel * inputCount + place
          let to =
            target + line * count + (row - rows.lowerBound) * plane.outputWidth + columns.lowerBound
          if step == 1 {
            to.update(from: from, count: columns.count)
          } else {
            for i in 0..<columns.count { to[i] = from[i * step] }
          }
        }
      }
    }
    withExtendedLifetime(x) {}
    return result
  }

  /// The reverse of `windows`: adds each element to where it came from. A channel is one part, so
  /// that the order of the sums is fixed.
  private func addWindows<S: TensorScalar>(
    _ windows: Tensor, to result: Tensor, _ item: Int, _ group: Int, _ rows: Range<Int>,
    _ type: S.Type
  ) {
    let count = rows.count * plane.outputWidth
    let source = windows.pointer(to: S.self)
    let target =
      result.mutablePointer(to: S.self) + (item * channels + group * groupChannels) * inputCount
    let step = plane.horizontal.stride
    forRows(groupChannels, width: plane.kernelCount * count) { start, lines in
      for channel in start..<start + lines {
        for element in 0..<plane.kernelCount {
          let line = source + (channel * plane.kernelCount + element) * count
          plane.forRuns(element: element, rows: rows) { row, columns, place in
            let to = target + channel * inputCount + place
            let from = line + (row - rows.lowerBound) * plane.outputWidth + columns.lowerBound
            if step == 1 {
              S.add(columns.count, to, from, to)
            } else {
              for i in 0..<columns.count { to[i * step] += from[i] }
            }
          }
        }
      }
    }
    withExtendedLifetime(windows) {}
  }
}
