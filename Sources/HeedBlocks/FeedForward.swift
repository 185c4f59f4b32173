import HeedTensor

extension FeedForwardSpec {
  func slots(layer: Int, width: Int) -> [WeightSlot] {
    let inputs = isGated ? ["feedForward.gate", "feedForward.up"] : ["feedForward.up"]
    return inputs.flatMap {
      linearSlots($0, layer: layer, outputs: hiddenWidth, inputs: width, hasBias: hasBias)
    }
      + linearSlots(
        "feedForward.down", layer: layer, outputs: width, inputs: hiddenWidth, hasBias: hasBias)
  }
}

/// Two linear layers with a function between them; gated, the function's result is multiplied by a
/// second projection.
struct FeedForward: Sendable {
  let spec: FeedForwardSpec
  private let gate: Linear?
  private let up: Linear
  private let down: Linear

  init(
    _ spec: FeedForwardSpec, layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) {
    func linear(_ name: String) -> Linear {
      Linear(
        "feedForward.\(name)", layer: layer, hasBias: spec.hasBias, weights, packing: packing)
    }
    self.spec = spec
    gate = spec.isGated ? linear("gate") : nil
    up = linear("up")
    down = linear("down")
  }

  /// `[B, T, E]` to `[B, T, E]`.
  func callAsFunction(_ x: Tensor, precision: ProductPrecision) -> Tensor {
    var hidden = up(x, precision: precision)  // [B, T, F]
    if let gate {
      hidden = gate(x, precision: precision).activated(spec.activation) * hidden
    } else {
      hidden = hidden.activated(spec.activation)
    }
    return down(hidden, precision: precision)  // [B, T, E]
  }
}
