public import HeedTensor

/// The one block: a fold over residual branches, `x <- after(x + out(op(in(x))))`.
public struct Block: Sendable {
  private let arrangement: BranchArrangement
  private let branches: [Branch]
  private let layer: Int

  private struct Branch: Sendable {
    let input: Norm?
    let operation: Operation
    let output: Norm?
    let after: Norm?
  }

  private enum Operation: Sendable {
    case selfAttention(SelfAttention)
    case feedForward(FeedForward)
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
      let operation: Operation =
        switch branch.operation {
        case .selfAttention(let spec):
          .selfAttention(SelfAttention(spec, layer: layer, weights, packing: packing))
        case .feedForward(let spec):
          .feedForward(FeedForward(spec, layer: layer, weights, packing: packing))
        }
      return Branch(
        input: norm("inputNorm", branch.inputNorm), operation: operation,
        output: norm("outputNorm", branch.outputNorm), after: norm("afterNorm", branch.afterNorm))
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
      return branches.enumerated().reduce(x) { sum, branch in
        sum + result(of: branch.element, index: branch.offset, x, &context)
      }
    }
  }

  /// out(op(in(x))), with dropout in training.
  private func result(
    of branch: Branch, index: Int, _ x: Tensor, _ context: inout BlockContext
  ) -> Tensor {
    let input = branch.input?(x) ?? x
    var result =
      switch branch.operation {
      case .selfAttention(let attention): attention(input, layer: layer, context: &context)
      case .feedForward(let feedForward): feedForward(input, precision: context.precision)
      }
    if let dropout = context.dropout, dropout.residualRate > 0 {
      result = result.dropout(
        rate: Double(dropout.residualRate), seed: dropout.seed,
        counter: dropout.counter(layer: layer, branch: index))
    }
    return branch.output?(result) ?? result
  }
}
