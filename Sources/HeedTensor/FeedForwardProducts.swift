import CHeedKernels

extension Tensor {
  /// `activation(x up^T + upBias) down^T + downBias` in bfloat16 products: two linear layers whose hidden
  /// values are in memory as bfloat16 alone, which is what the products read.
  ///
  /// The result has the bits of two calls of `linear`, the second with the activation as its own, and so
  /// have the gradients of x and both weights up to the slope of the activation, which is taken where
  /// its argument is rounded. A training step of wide layers is short of memory's speed; this halves
  /// what it reads and writes between products, as mixed precision usually does (Micikevicius et al.
  /// 2017, arXiv 1710.03740).
  ///
  /// - Parameters:
  ///   - up: `[F, K]`, and `upBias` `[F]`.
  ///   - down: `[N, F]`, and `downBias` `[N]`.
  /// - Returns: `[.., N]` for this tensor `[.., K]`, all float32.
  package func feedForward(
    up: Tensor, upBias: Tensor?, activation: Activation, down: Tensor, downBias: Tensor?
  ) -> Tensor {
    precondition(
      rank >= 1 && up.rank == 2 && down.rank == 2 && shape[rank - 1] == up.shape[1]
        && down.shape[1] == up.shape[0],
      "feedForward: \(shape), \(up.shape) and \(down.shape) do not fit each other")
    let (width, hiddenWidth, outputWidth) = (up.shape[1], up.shape[0], down.shape[0])
    let rows = shape.dropLast().reduce(1, *)
    let tape = Tape.recording(self, up, upBias, down, downBias)
    let x = detached().reshaped(to: [rows, width])
    // What the slope of the activation needs.
    let arguments = tape.map { _ in Tensor(uninitialized: [rows, hiddenWidth], .bfloat16) }
    let hidden = Tensor.product(
      x, up.detached().transposed(), .bfloat16,
      then: (upBias.map { [.addition(of: $0.detached())] } ?? [])
        + (arguments.map { [.copy(to: $0)] } ?? []) + [.activation(activation)],
      resultType: .bfloat16)
    let result = Tensor.product(
      hidden, down.detached().transposed(), .bfloat16,
      then: downBias.map { [.addition(of: $0.detached())] } ?? []
    ).reshaped(to: shape.dropLast() + [outputWidth])
    guard let tape, let arguments else { return result }
    let (upWeight, downWeight) = (up.detached(), down.detached())
    let (needsInput, needsUp, needsDown) = (trace != nil, up.trace != nil, down.trace != nil)
    let (upHasBias, downHasBias) = (upBias != nil, downBias != nil)
    let shape = shape
    return tape.record(
      result, from: [self, up, down] + [upBias, downBias].compactMap { $0 }
    ) { gradient in
      let dy = gradient.reshaped(to: [rows, outputWidth])
      let downGradient = needsDown ? weightGradient(dy, hidden, like: downWeight) : nil
      let sums = upHasBias ? Tensor.blockSums(of: rows, columns: hiddenWidth) : nil
      let da = Tensor.product(
        dy, downWeight, .bfloat16,
        then: [.slope(of: activation, at: arguments)] + (sums.map { [.sums(to: $0)] } ?? []),
        resultType: .bfloat16)
      return [
        needsInput ? Tensor.product(da, upWeight, .bfloat16).reshaped(to: shape) : nil,
        needsUp ? weightGradient(da, x, like: upWeight) : nil, downGradient,
      ] + (sums.map { [$0.sum(alongAxes: [0])] } ?? [])
        + (downHasBias ? [dy.sum(alongAxes: [0])] : [])
    }
  }
}

/// dW = dy^T x, `[N, K]`, stored the way the weight is: its gradient then has the same layout.
func weightGradient(
  _ dy: Tensor, _ x: Tensor, like weight: Tensor, _ precision: ProductPrecision = .bfloat16
) -> Tensor {
  weight.strides[0] == 1 && weight.strides[1] > 1
    ? Tensor.product(x.transposed(), dy, precision).transposed()
    : Tensor.product(dy.transposed(), x, precision)
}
