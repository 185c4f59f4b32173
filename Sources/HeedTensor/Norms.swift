import CHeedKernels

// Norms over the last axis, one pass over each row, with what the backward pass needs (mean and
// inverse deviation) kept for each row. Gradients of gain and bias are sums over rows: partial
// sums over groups of rows of a fixed size, added in order.
// Layer norm: Ba et al. 2016, arXiv 1607.06450. RMS norm: Zhang & Sennrich 2019, arXiv 1910.07467.

extension Tensor {
  /// (x - mean) / sqrt(variance + epsilon) * gain + bias over the last axis.
  ///
  /// - Parameters:
  ///   - gain: `[E]`; ones when nil.
  ///   - bias: `[E]`; zeros when nil.
  ///   - resultType: `bfloat16` for a result that only products in bfloat16 will read, which this type
  ///     rounds as they would; that of this tensor when nil.
  public func layerNorm(
    gain: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5,
    resultType: ElementType? = nil
  ) -> Tensor {
    requireMathematics("layerNorm")
    let norm = RowNorm(
      self, gain, bias, epsilon: epsilon, gainOffset: nil, resultType: resultType, "layerNorm")
    return norm.applied(to: self, gain, bias)
  }

  /// x / sqrt(mean(x^2) + epsilon) * (gain + gainOffset) over the last axis.
  ///
  /// - Parameters:
  ///   - gain: `[E]`; ones when nil, and the offset then does not count.
  ///   - gainOffset: 1 for weights stored as the distance from one (Gemma).
  ///   - resultType: as `layerNorm(gain:bias:epsilon:resultType:)` has it.
  public func rmsNorm(
    gain: Tensor? = nil, gainOffset: Double = 0, epsilon: Double = 1e-6,
    resultType: ElementType? = nil
  ) -> Tensor {
    requireMathematics("rmsNorm")
    let norm = RowNorm(
      self, gain, nil, epsilon: epsilon, gainOffset: gainOffset, resultType: resultType, "rmsNorm")
    return norm.applied(to: self, gain, nil)
  }

  /// x / max(|x|, epsilon), with the Euclidean length |x| along `axis`.
  public func normalized(alongAxis axis: Int = -1, epsilon: Double = 1e-12) -> Tensor {
    let lengths = squared().sum(alongAxes: [axis], keepingRank: true)
    return self / lengths.clamped(to: (epsilon * epsilon)...Double.infinity).squareRoot()
  }

  /// Layer norm over groups of channels (Wu & He 2018, arXiv 1803.08494).
  ///
  /// - Parameters:
  ///   - groupCount: divides the number of channels C.
  ///   - gain: `[C]`; ones when nil.
  ///   - bias: `[C]`; zeros when nil.
  /// - Returns: `[B, C, ..]`, the shape of this tensor.
  public func groupNorm(
    groupCount: Int, gain: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5
  ) -> Tensor {
    precondition(
      rank >= 2 && groupCount > 0 && shape[1] % groupCount == 0,
      "groupNorm: \(shape) in \(groupCount) groups")
    let normed = reshaped(to: [shape[0], groupCount, count / Swift.max(1, shape[0] * groupCount)])
      .layerNorm(epsilon: epsilon).reshaped(to: shape)
    return normed.scaledByChannel(gain, bias, "groupNorm")
  }

  /// (x - mean) / sqrt(variance + epsilon) * gain + bias, with the statistics of each channel
  /// given: batch norm as it is used after training (Ioffe & Szegedy 2015, arXiv 1502.03167).
  ///
  /// - Parameters:
  ///   - mean: `[C]` for this tensor `[B, C, ..]`; so are the others.
  public func batchNorm(
    mean: Tensor, variance: Tensor, gain: Tensor? = nil, bias: Tensor? = nil,
    epsilon: Double = 1e-5
  ) -> Tensor {
    let inverse = (variance + epsilon).reciprocalSquareRoot()
    let normed =
      (self - mean.asChannels(of: self, "batchNorm"))
      * inverse.asChannels(of: self, "batchNorm")
    return normed.scaledByChannel(gain, bias, "batchNorm")
  }

  private func scaledByChannel(_ gain: Tensor?, _ bias: Tensor?, _ operation: String) -> Tensor {
    var result = self
    if let gain { result = result * gain.asChannels(of: self, operation) }
    if let bias { result = result + bias.asChannels(of: self, operation) }
    return result
  }

  /// `[C]` as `[C, 1, ..]`, which fits `[B, C, ..]`.
  func asChannels(of tensor: Tensor, _ operation: String) -> Tensor {
    precondition(
      tensor.rank >= 2 && shape == [tensor.shape[1]],
      "\(operation): \(shape) is not one value for each channel of \(tensor.shape)")
    return reshaped(to: [shape[0]] + Array(repeating: 1, count: tensor.rank - 2))
  }
}

/// A layer norm (`gainOffset` nil) or an RMS norm of rows of E elements.
private struct RowNorm: Sendable {
  let shape: [Int]
  let width: Int
  let rows: Int
  let epsilon: Double
  let gainOffset: Double?
  let resultType: ElementType

  init(
    _ x: Tensor, _ gain: Tensor?, _ bias: Tensor?, epsilon: Double, gainOffset: Double?,
    resultType: ElementType?, _ operation: String
  ) {
    precondition(x.rank >= 1, "\(operation): a scalar has no rows")
    shape = x.shape
    width = x.shape[x.rank - 1]
    rows = x.count / Swift.max(1, width)
    self.epsilon = epsilon
    self.gainOffset = gainOffset
    self.resultType = resultType ?? x.elementType
    precondition(
      self.resultType == x.elementType
        || self.resultType == .bfloat16 && x.elementType == .float32,
      "\(operation): no \(self.resultType) of \(x.elementType)")
    for (name, vector) in [("gain", gain), ("bias", bias)] {
      guard let vector else { continue }
      precondition(
        vector.shape == [width] && vector.elementType == x.elementType,
        "\(operation): \(name) \(vector.shape) \(vector.elementType) for \(x.shape) \(x.elementType)"
      )
    }
  }

  func applied(to x: Tensor, _ gain: Tensor?, _ bias: Tensor?) -> Tensor {
    x.elementType == .float64
      ? apply(x, gain, bias, Double.self) : apply(x, gain, bias, Float.self)
  }

  private func apply<S: TensorScalar>(
    _ input: Tensor, _ inputGain: Tensor?, _ inputBias: Tensor?, _ type: S.Type
  ) -> Tensor {
    let x = input.detached().dense()
    let gain = inputGain?.detached().dense()
    let bias = inputBias?.detached().dense()
    let tape = Tape.recording(input, inputGain, inputBias)
    let result = Tensor(uninitialized: shape, resultType)
    let statistics =
      tape == nil ? nil : Tensor(uninitialized: [gainOffset == nil ? 2 : 1, rows], x.elementType)
    let source = x.pointer(to: S.self)
    let (g, b) = (gain?.pointer(to: S.self), bias?.pointer(to: S.self))
    let inverse = statistics?.mutablePointer(to: S.self)
    writeRows(to: result, S.self) { start, count, y in
      let x = source + start * width
      if let gainOffset {
        S.rmsNorm(
          count, width, x, gain: g, gainOffset: S(gainOffset), epsilon: S(epsilon), y,
          inverse: inverse.map { $0 + start })
      } else {
        S.layerNorm(
          count, width, x, gain: g, bias: b, epsilon: S(epsilon), y,
          mean: inverse.map { $0 + rows + start }, inverse: inverse.map { $0 + start })
      }
    }
    withExtendedLifetime((x, gain, bias)) {}
    guard let tape, let statistics else { return result }
    let needs = (gain: inputGain?.trace != nil, bias: inputBias?.trace != nil)
    let inputs = [input] + [inputGain, inputBias].compactMap { $0 }
    let hasBias = inputBias != nil
    return tape.record(result, from: inputs) { dy in
      let dy = dy.converted(to: x.elementType).dense()
      let (dx, dGain, dBias) = gradients(x, dy, gain, statistics, needs, S.self)
      return [dx] + (gain == nil ? [] : [dGain]) + (hasBias ? [dBias] : [])
    }
  }

  /// Calls `body` with groups of rows and where they go: the result, or memory that stays in the cache
  /// until it is rounded.
  private func writeRows<S: TensorScalar>(
    to result: Tensor, _ type: S.Type,
    _ body: (_ start: Int, _ rows: Int, _ target: UnsafeMutablePointer<S>) -> Void
  ) {
    guard result.elementType == .bfloat16 else {
      let target = result.mutablePointer(to: S.self)
      return forRows(rows, width: width) { body($0, $1, target + $0 * width) }
    }
    forRows(rows, width: width) { start, count in
      let floats = Storage(byteCount: count * width * MemoryLayout<S>.size)
      body(start, count, floats.base.assumingMemoryBound(to: S.self))
      Kernels.table.bf16_from_f32(
        count * width, floats.base.assumingMemoryBound(to: Float.self),
        result.halves + start * width)
      withExtendedLifetime(floats) {}
    }
  }

  /// Rows that share one partial sum of the gradients of gain and bias.
  private static var group: Int { 64 }

  private func gradients<S: TensorScalar>(
    _ x: Tensor, _ dy: Tensor, _ gain: Tensor?, _ statistics: Tensor,
    _ needs: (gain: Bool, bias: Bool), _ type: S.Type
  ) -> (Tensor, Tensor?, Tensor?) {
    let dx = Tensor(uninitialized: shape, x.elementType)
    let groups = (rows + Self.group - 1) / Self.group
    let dGain = needs.gain ? Tensor(zeros: [groups, width], x.elementType) : nil
    let dBias = needs.bias ? Tensor(zeros: [groups, width], x.elementType) : nil
    let (source, upstream, target) = (
      x.pointer(to: S.self), dy.pointer(to: S.self), dx.mutablePointer(to: S.self)
    )
    let g = gain?.pointer(to: S.self)
    let inverse = statistics.pointer(to: S.self)
    let (gainSums, biasSums) = (
      dGain?.mutablePointer(to: S.self), dBias?.mutablePointer(to: S.self)
    )
    forChunks(rows, of: Self.group) { start, count in
      let place = start * width
      let sums = start / Self.group * width
      if let gainOffset {
        S.rmsNormGradient(
          count, width, source + place, upstream + place, gain: g, gainOffset: S(gainOffset),
          inverse: inverse + start, target + place, gainGradient: gainSums.map { $0 + sums })
      } else {
        S.layerNormGradient(
          count, width, source + place, upstream + place, gain: g, mean: inverse + rows + start,
          inverse: inverse + start, target + place, gainGradient: gainSums.map { $0 + sums },
          biasGradient: biasSums.map { $0 + sums })
      }
    }
    withExtendedLifetime((x, dy, gain, statistics)) {}
    return (dx, dGain?.sum(alongAxes: [0]), dBias?.sum(alongAxes: [0]))
  }
}
