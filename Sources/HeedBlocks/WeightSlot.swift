/// A place that a weight goes to: what the spec calls it, and the shape it must have.
///
/// Slots are paths without layer numbers ("attention.output.weight"); the same slot exists once in
/// each layer, or once in the model (`layer` nil).
public struct WeightSlot: Sendable, Hashable {
  /// The path, e.g. "attention.query.weight".
  public let path: String
  /// The block it belongs to.
  public let layer: Int?
  /// Its shape; linear weights are `[out, in]`.
  public let shape: [Int]
  /// What it is before any training.
  public let start: Start
  /// How training moves it.
  public let training: Training

  /// What a weight is before any training.
  public enum Start: Sendable, Hashable {
    /// Small and random.
    case random
    /// Random and smaller, because every residual branch ends with one.
    case branchEnd
    /// One value everywhere.
    case constant(Double)
  }

  /// How training moves a weight.
  public enum Training: Sendable, Hashable {
    /// Along its gradient.
    case byGradient
    /// By the loads of the experts of its block, of which it has one number each.
    case byLoad
  }

  /// A slot of one layer, or of the model.
  ///
  /// - Parameter start: when nil, a gain starts with 1, a bias with 0, and all others are random.
  public init(
    _ path: String, layer: Int? = nil, shape: [Int], start: Start? = nil,
    training: Training = .byGradient
  ) {
    self.path = path
    self.layer = layer
    self.shape = shape
    self.training = training
    let usual: Start =
      path.hasSuffix(".gain") ? .constant(1) : path.hasSuffix(".bias") ? .constant(0) : .random
    self.start = start ?? usual
  }
}

extension NormSpec {
  /// Slots of a norm over `width` channels at `path`.
  package func slots(_ path: String, layer: Int?, width: Int) -> [WeightSlot] {
    switch self {
    case .layerNorm:
      return ["gain", "bias"].map { WeightSlot("\(path).\($0)", layer: layer, shape: [width]) }
    case .rms(_, let offset):
      return [
        WeightSlot(path + ".gain", layer: layer, shape: [width], start: .constant(1 - offset))
      ]
    }
  }
}

extension BlockSpec {
  /// All slots of block `layer` in a model of `width` channels.
  package func slots(layer: Int, width: Int) -> [WeightSlot] {
    let branches = branches.flatMap { branch -> [WeightSlot] in
      let path = branch.operation.path
      var slots = branch.operation.slots(layer: layer, width: width)
      for (name, norm) in branch.norms {
        slots += norm.slots("\(path).\(name)", layer: layer, width: width)
      }
      if case .layerScale(let start) = branch.gate {
        slots.append(
          WeightSlot(
            "\(path).layerScale", layer: layer, shape: [width], start: .constant(start)))
      }
      return slots
    }
    guard case .parallel(let norm?) = arrangement else { return branches }
    return norm.slots("block.inputNorm", layer: layer, width: width) + branches
  }
}

extension BranchSpec {
  /// The norms that are present, with the names of their slots.
  var norms: [(name: String, norm: NormSpec)] {
    [("inputNorm", inputNorm), ("outputNorm", outputNorm), ("afterNorm", afterNorm)]
      .compactMap { name, norm in norm.map { (name, $0) } }
  }
}

/// The slots of a linear layer.
///
/// - Parameter endsBranch: whether its result is what a residual branch adds.
func linearSlots(
  _ path: String, layer: Int?, outputs: Int, inputs: Int, hasBias: Bool, endsBranch: Bool = false
) -> [WeightSlot] {
  let weight = WeightSlot(
    path + ".weight", layer: layer, shape: [outputs, inputs],
    start: endsBranch ? .branchEnd : .random)
  return hasBias ? [weight, WeightSlot(path + ".bias", layer: layer, shape: [outputs])] : [weight]
}
