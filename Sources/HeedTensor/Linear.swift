import CHeedKernels

/// `x weight^T + bias`, the layer every model is made of.
///
/// - Parameters:
///   - x: `[.., K]`.
///   - weight: `[N, K]`.
///   - bias: `[N]`.
///   - precision: of the products, forward and backward; sums are float32.
/// - Returns: `[.., N]`.
public func linear(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, precision: ProductPrecision = .float32
) -> Tensor {
  precondition(
    x.rank >= 1 && weight.rank == 2 && x.shape[x.rank - 1] == weight.shape[1],
    "linear: \(x.shape) does not fit the weight \(weight.shape)")
  precondition(
    bias == nil || bias?.shape == [weight.shape[0]],
    "linear: bias \(bias?.shape ?? []) does not fit the weight \(weight.shape)")
  let (n, k) = (weight.shape[0], weight.shape[1])
  let rows = x.shape.dropLast().reduce(1, *)
  let flat = x.detached().reshaped(to: [rows, k])
  var product = Tensor.product(flat, weight.detached().transposed(), precision)
  if let bias { product.addRows(bias.detached()) }
  let result = product.reshaped(to: x.shape.dropLast() + [n])
  guard let tape = Tape.recording(x, weight, bias) else { return result }
  let shape = x.shape
  let keptWeight = x.trace == nil ? nil : weight.detached()
  let keptInput = weight.trace == nil ? nil : flat
  let needsBias = bias?.trace != nil
  let backward: Tape.Backward = { gradient in
    let dy = gradient.reshaped(to: [rows, n])
    let parts = [
      keptWeight.map { Tensor.product(dy, $0, precision).reshaped(to: shape) },
      keptInput.map { Tensor.product(dy.transposed(), $0, precision) },
    ]
    return bias == nil ? parts : parts + [needsBias ? dy.sum(alongAxes: [0]) : nil]
  }
  return tape.record(result, from: [x, weight] + (bias.map { [$0] } ?? []), backward: backward)
}

extension Tensor {
  /// Adds a vector to each row of a tensor that nobody else has seen yet.
  mutating func addRows(_ vector: Tensor) {
    let vector = vector.dense()
    let n = vector.count
    let rows = count / Swift.max(1, n)
    precondition(
      vector.elementType == elementType,
      "linear: \(elementType) with a bias of \(vector.elementType)")
    func add<S: TensorScalar>(_ type: S.Type) {
      let (y, b) = (mutablePointer(to: S.self), vector.pointer(to: S.self))
      forRows(rows, width: n) { start, count in
        for row in start..<start + count { S.add(n, y + row * n, b, y + row * n) }
      }
    }
    if elementType == .float64 { add(Double.self) } else { add(Float.self) }
    withExtendedLifetime(vector) {}
  }
}
