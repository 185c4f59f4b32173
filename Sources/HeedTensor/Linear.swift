import CHeedKernels

/// `activation(x) weight^T + bias`, the layer every model is made of.
///
/// With the activation as a part of the layer its gradient is taken while that of the product is in
/// the cache.
///
/// - Parameters:
///   - x: `[.., K]`.
///   - inputActivation: applied to x first.
///   - weight: `[N, K]`.
///   - bias: `[N]`.
///   - precision: of the products, forward and backward; sums are float32.
///   - resultType: bfloat16 for a result that only products in bfloat16 will read, whose gradient is then
///     of that type too; that of the operands when nil.
/// - Returns: `[.., N]`.
public func linear(
  _ x: Tensor, inputActivation: Activation = .identity, weight: Tensor, bias: Tensor? = nil,
  precision: ProductPrecision = .float32, resultType: ElementType? = nil
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
  let input = flat.activated(inputActivation)
  let product = Tensor.product(
    input, weight.detached().transposed(), precision,
    then: bias.map { [.addition(of: $0.detached())] } ?? [], resultType: resultType)
  let result = product.reshaped(to: x.shape.dropLast() + [n])
  guard let tape = Tape.recording(x, weight, bias) else { return result }
  let shape = x.shape
  let keptWeight = x.trace == nil ? nil : weight.detached()
  let keptInput = weight.trace == nil ? nil : input
  let slope: [ProductEpilogue] =
    inputActivation == .identity || x.trace == nil ? [] : [.slope(of: inputActivation, at: flat)]
  let needsBias = bias?.trace != nil
  let original = weight.detached()
  let backward: Tape.Backward = { gradient in
    let dy = gradient.reshaped(to: [rows, n])
    let parts = [
      keptWeight.map { Tensor.product(dy, $0, precision, then: slope).reshaped(to: shape) },
      keptInput.map { weightGradient(dy, $0, like: original, precision) },
    ]
    return bias == nil ? parts : parts + [needsBias ? dy.sumOfRows() : nil]
  }
  return tape.record(result, from: [x, weight] + (bias.map { [$0] } ?? []), backward: backward)
}
