public import HeedTensor

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

  /// A slot of one layer, or of the model.
  public init(_ path: String, layer: Int? = nil, shape: [Int]) {
    self.path = path
    self.layer = layer
    self.shape = shape
  }
}

/// Gives each slot its tensor, already checked (names and shapes) by whoever made it.
public typealias WeightLookup = (_ path: String, _ layer: Int?) -> Tensor

extension NormSpec {
  /// Slots of a norm over `width` channels at `path`.
  package func slots(_ path: String, layer: Int?, width: Int) -> [WeightSlot] {
    let gain = WeightSlot(path + ".gain", layer: layer, shape: [width])
    switch self {
    case .layerNorm: return [gain, WeightSlot(path + ".bias", layer: layer, shape: [width])]
    case .rms: return [gain]
    }
  }
}

extension BlockSpec {
  /// All slots of block `layer` in a model of `width` channels.
  package func slots(layer: Int, width: Int) -> [WeightSlot] {
    branches.flatMap { branch -> [WeightSlot] in
      let path = branch.operation.path
      var slots = branch.operation.slots(layer: layer, width: width)
      for (name, norm) in branch.norms {
        slots += norm.slots("\(path).\(name)", layer: layer, width: width)
      }
      return slots
    }
  }
}

extension BranchSpec {
  /// The norms that are present, with the names of their slots.
  var norms: [(name: String, norm: NormSpec)] {
    [("inputNorm", inputNorm), ("outputNorm", outputNorm), ("afterNorm", afterNorm)]
      .compactMap { name, norm in norm.map { (name, $0) } }
  }
}

extension OperationSpec {
  /// The first part of the paths of its slots.
  package var path: String {
    switch self {
    case .selfAttention: "attention"
    case .feedForward: "feedForward"
    }
  }

  func slots(layer: Int, width: Int) -> [WeightSlot] {
    switch self {
    case .selfAttention(let spec): spec.slots(layer: layer, width: width)
    case .feedForward(let spec): spec.slots(layer: layer, width: width)
    }
  }
}

/// The slots of a linear layer.
func linearSlots(
  _ path: String, layer: Int?, outputs: Int, inputs: Int, hasBias: Bool
) -> [WeightSlot] {
  let weight = WeightSlot(path + ".weight", layer: layer, shape: [outputs, inputs])
  return hasBias ? [weight, WeightSlot(path + ".bias", layer: layer, shape: [outputs])] : [weight]
}
