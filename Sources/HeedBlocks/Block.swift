public import HeedTensor

/// The one block: a fold over residual branches, `x <- after(x + gate * out(op(in(x))))`.
public struct Block: Sendable {
  private let arrangement: BranchArrangement
  private let branches: [Branch]
  /// What all branches of a parallel block read through.
  private let sharedNorm: Norm?
  private let layer: Int

  private struct Branch: Sendable {
    let input: Norm?
    let operation: any BranchOperation
    let output: Norm?
    /// `[E]`
    let gate: Tensor?
    let after: Norm?
  }

  /// Block `layer` of `spec` with its weights.
  ///
  /// - Parameter packing: the precision to pack weights in, for inference; nil for training.
  public init(
    _ spec: BlockSpec, layer: Int, _ weights: WeightLookup, packing: ProductPrecision? = nil
  ) {
    self.layer = layer
    arrangement = spec.arrangement
    branches = spec.branches.map { branch in
      let path = branch.operation.path
      func norm(_ name: String, _ spec: NormSpec?) -> Norm? {
        spec.map { Norm($0, path: "\(path).\(name)", layer: layer, weights) }
      }
      return Branch(
        input: norm("inputNorm", branch.inputNorm),
        operation: branch.operation.operation(layer: layer, weights, packing: packing),
        output: norm("outputNorm", branch.outputNorm),
        gate: branch.gate.map { _ in weights("\(path).layerScale", layer) },
        after: norm("afterNorm", branch.afterNorm))
    }
    if case .parallel(let norm?) = spec.arrangement {
      sharedNorm = Norm(norm, path: "block.inputNorm", layer: layer, weights)
    } else {
      sharedNorm = nil
    }
  }

  /// `[B, T, E]` to `[B, T, E]`.
  public func callAsFunction(_ x: Tensor, context: inout BlockContext) -> Tensor {
    switch arrangement {
    case .sequential:
      return branches.enumerated().reduce(x) { x, branch in
        let sum = x + result(of: branch.element, index: branch.offset, x, &context)
        return branch.element.after?(sum) ?? sum
      }
    case .parallel:
      let reads = branches.map { $0.operation.inputType(context.precision) }
      let input =
        sharedNorm?(x, resultType: reads.contains(.float32) ? .float32 : .bfloat16) ?? x
      let sum = branches.enumerated().reduce(x) { sum, branch in
        sum + result(of: branch.element, index: branch.offset, input, &context)
      }
      // There is one sum: the norms that stand after it are applied to it in order.
      return branches.reduce(sum) { $1.after?($0) ?? $0 }
    }
  }

  /// gate * out(op(in(x))), with dropout in training.
  private func result(
    of branch: Branch, index: Int, _ x: Tensor, _ context: inout BlockContext
  ) -> Tensor {
    let type = branch.operation.inputType(context.precision)
    var result = branch.operation(
      branch.input?(x, resultType: type) ?? x, layer: layer, context: &context)
    if let dropout = context.dropout, dropout.residualRate > 0 {
      result = result.dropout(
        rate: Double(dropout.residualRate), seed: dropout.seed,
        counter: dropout.counter(layer: layer, branch: index))
    }
    result = branch.output?(result) ?? result
    return branch.gate.map { result * $0 } ?? result
  }
}
