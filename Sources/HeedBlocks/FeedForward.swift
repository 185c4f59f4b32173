public import HeedTensor

/// A feed-forward layer as data.
public struct FeedForwardSpec: Sendable, Hashable {
  /// What stands between the two layers.
  public enum Form: Sendable, Hashable {
    /// The activation of the first layer.
    case plain
    /// The activation of a gate, times the first layer (Shazeer 2020, arXiv 2002.05202).
    case gated
    /// A gate of at most `limit`, times its sigmoid of `slope` times itself, times one more than
    /// the first layer within `limit` (gpt-oss). The activation does not count.
    case clampedGate(limit: Double, slope: Double)
  }

  /// F.
  public var hiddenWidth: Int
  /// The function between the two layers.
  public var activation: Activation
  /// What stands between the two layers.
  public var form: Form
  /// Whether the layers have biases.
  public var hasBias: Bool

  /// Whether there is a gate.
  public var isGated: Bool { form != .plain }

  /// A feed-forward layer of `hiddenWidth`.
  public init(hiddenWidth: Int, activation: Activation, isGated: Bool, hasBias: Bool) {
    self.init(
      hiddenWidth: hiddenWidth, activation: activation, form: isGated ? .gated : .plain,
      hasBias: hasBias)
  }

  /// A feed-forward layer of `hiddenWidth`.
  public init(hiddenWidth: Int, activation: Activation, form: Form, hasBias: Bool = false) {
    self.hiddenWidth = hiddenWidth
    self.activation = activation
    self.form = form
    self.hasBias = hasBias
  }

  func slots(layer: Int, width: Int) -> [WeightSlot] {
    slots(path: "feedForward", layer: layer, width: width)
  }

  /// The slots of the layer at `path`.
  func slots(path: String, layer: Int, width: Int) -> [WeightSlot] {
    (isGated ? ["gate", "up"] : ["up"]).flatMap {
      linearSlots(
        "\(path).\($0)", layer: layer, outputs: hiddenWidth, inputs: width, hasBias: hasBias)
    }
      + linearSlots(
        "\(path).down", layer: layer, outputs: width, inputs: hiddenWidth, hasBias: hasBias,
        endsBranch: true)
  }

  func operation(
    layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) -> any BranchOperation {
    FeedForward(self, path: "feedForward", layer: layer, weights, packing: packing)
  }
}

/// Two linear layers with a function between them; gated, the function's result is multiplied by a
/// second projection.
struct FeedForward: BranchOperation {
  let spec: FeedForwardSpec
  let gate: Linear?
  let up: Linear
  let down: Linear

  init(
    _ spec: FeedForwardSpec, path: String, layer: Int, _ weights: WeightLookup,
    packing: ProductPrecision?
  ) {
    func linear(_ name: String) -> Linear {
      Linear("\(path).\(name)", layer: layer, hasBias: spec.hasBias, weights, packing: packing)
    }
    self.spec = spec
    gate = spec.isGated ? linear("gate") : nil
    up = linear("up")
    down = linear("down")
  }

  func callAsFunction(
    _ x: Tensor, last: Int?, layer: Int, context: inout BlockContext
  ) -> Tensor {
    self(x, precision: context.precision)
  }

  func inputType(_ precision: ProductPrecision) -> ElementType {
    gate.map { $0.inputType(precision) == .float32 } ?? false
      ? .float32 : up.inputType(precision)
  }

  /// `[.., E]` to `[.., E]`.
  func callAsFunction(_ x: Tensor, precision: ProductPrecision) -> Tensor {
    guard let gate = gate?(x, precision: precision) else {
      return up.followed(by: down, activation: spec.activation, x, precision: precision)
    }
    let hidden = up(x, precision: precision)  // [.., F]
    let product =
      switch spec.form {
      case .plain, .gated: gate.activated(spec.activation, times: hidden)
      case .clampedGate(let limit, let slope):
        gate.clampedGate(times: hidden, limit: limit, slope: slope)
      }
    return down(product, precision: precision)  // [.., E]
  }
}

extension Tensor {
  fileprivate func clampedGate(times factor: Tensor, limit: Double, slope: Double) -> Tensor {
    let gate = clamped(to: -Double.infinity...limit)
    return gate * (gate * slope).sigmoid() * (factor.clamped(to: -limit...limit) + 1)
  }
}
