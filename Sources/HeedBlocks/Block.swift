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
  ///
  /// - Parameter last: how many of the last tokens anyone reads behind the block, at least one; nil for
  ///   all. The others then give keys and values only, which takes a sixth of a block of GPT-2 or less.
  /// - Returns: `[B, last, E]`, with the bits of the last rows of all.
  public func callAsFunction(
    _ x: Tensor, last: Int? = nil, context: inout BlockContext
  ) -> Tensor {
    switch arrangement {
    case .sequential:
      // The last branch that reads other tokens is the last that needs them.
      let reading = branches.lastIndex { $0.operation.readsOtherTokens }
      var x = reading == nil ? x.latest(last, alongAxis: 1) : x
      for (index, branch) in branches.enumerated() {
        let asked = index == reading ? last : nil
        let result = result(of: branch, index: index, x, last: asked, &context)
        x = x.latest(asked, alongAxis: 1) + result
        x = branch.after?(x) ?? x
      }
      return x
    case .parallel:
      let reads = branches.map { $0.operation.inputType(context.precision) }
      let input =
        sharedNorm?(x, resultType: reads.contains(.float32) ? .float32 : .bfloat16) ?? x
      let sum = branches.enumerated().reduce(x.latest(last, alongAxis: 1)) { sum, branch in
        sum + result(of: branch.element, index: branch.offset, input, last: last, &context)
      }
      // There is one sum: the norms that stand after it are applied to it in order.
      return branches.reduce(sum) { $1.after?($0) ?? $0 }
    }
  }

  /// The block for tokens that are being generated, of E = `width`; nil where it has only that on tensors.
  package func tokens(width: Int, keeping owners: inout MemoryOwners) -> TokenBlock? {
    var isComplete = true
    func tokens(_ norm: Norm?) -> TokenNorm? {
      let result = norm.flatMap { TokenNorm($0, keeping: &owners) }
      if norm != nil, result == nil { isComplete = false }
      return result
    }
    let parts = branches.compactMap { branch in
      branch.operation.tokens(keeping: &owners).map {
        TokenBlock.Branch(
          input: tokens(branch.input), operation: $0, output: tokens(branch.output),
          gate: branch.gate.map {
            owners.address(of: $0.detached().converted(to: .float32).dense())
              .assumingMemoryBound(to: Float.self)
          }, after: tokens(branch.after))
      }
    }
    var isParallel = false
    if case .parallel = arrangement { isParallel = true }
    let shared = tokens(sharedNorm)
    guard !parts.isEmpty, parts.count == branches.count, isComplete else { return nil }
    return TokenBlock(
      layer: layer, width: width, isParallel: isParallel, sharedNorm: shared, branches: parts,
      keeping: &owners)
  }

  /// gate * out(op(in(x))), with dropout in training; of the `last` tokens.
  private func result(
    of branch: Branch, index: Int, _ x: Tensor, last: Int?, _ context: inout BlockContext
  ) -> Tensor {
    let type = branch.operation.inputType(context.precision)
    let x = branch.operation.readsOtherTokens ? x : x.latest(last, alongAxis: 1)
    var result = branch.operation(
      branch.input?(x, resultType: type) ?? x, last: last, layer: layer, context: &context)
    if let dropout = context.dropout, dropout.residualRate > 0 {
      result = result.dropout(
        rate: Double(dropout.residualRate), seed: dropout.seed,
        counter: dropout.counter(layer: layer, branch: index))
    }
    result = branch.output?(result) ?? result
    return branch.gate.map { result * $0 } ?? result
  }
}

extension Tensor {
  /// The last `count` entries of an axis, a view; all of them when nil.
  func latest(_ count: Int?, alongAxis axis: Int) -> Tensor {
    guard let count, count < shape[axis] else { return self }
    return sliced(axis: axis, range: shape[axis] - count..<shape[axis])
  }
}
