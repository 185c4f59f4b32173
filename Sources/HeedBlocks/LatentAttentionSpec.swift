public import HeedAttention
import HeedTensor

/// Latent attention as data; the letters are those of `LatentAttention`.
public struct LatentAttentionSpec: Sendable, Hashable {
  /// H.
  public var headCount: Int
  /// C.
  public var latentWidth: Int
  /// Width of the latent that queries come from; nil when they come from x itself.
  public var queryLatentWidth: Int?
  /// N.
  public var plainWidth: Int
  /// V.
  public var valueWidth: Int
  /// Positions of the last R channels of a head.
  public var rotary: Rotary
  /// Factor on the scores.
  public var scale: Float
  /// Of the norms of latents.
  public var epsilon: Double
  /// Whether the projections from and to E have biases.
  public var hasBias: Bool

  /// Latent attention of the given widths.
  ///
  /// - Parameters:
  ///   - rotary: of width R.
  ///   - scale: `1/sqrt(N + R)` when nil, times what YaRN asks for.
  public init(
    headCount: Int, latentWidth: Int, queryLatentWidth: Int? = nil, plainWidth: Int,
    valueWidth: Int, rotary: Rotary, scale: Double? = nil, epsilon: Double = 1e-6,
    hasBias: Bool = false
  ) {
    self.headCount = headCount
    self.latentWidth = latentWidth
    self.queryLatentWidth = queryLatentWidth
    self.plainWidth = plainWidth
    self.valueWidth = valueWidth
    self.rotary = rotary
    self.epsilon = epsilon
    self.hasBias = hasBias
    let plain = 1 / Double(plainWidth + rotary.width).squareRoot()
    self.scale = Float(scale ?? plain * LatentAttentionSpec.stretch(rotary.scaling))
  }

  /// YaRN sharpens the softmax of longer contexts; here by a factor on the scores, squared because
  /// it stands for one on queries and one on keys.
  private static func stretch(_ scaling: RotaryScaling) -> Double {
    guard case .yarn(let yarn) = scaling, let scale = yarn.mscaleAllDimensions, scale != 0 else {
      return 1
    }
    let factor = RotaryScaling.YaRN.scale(yarn.factor, scale)
    return factor * factor
  }

  /// Width of a row of the cache, C + R.
  var rowWidth: Int { latentWidth + rotary.width }

  /// Width of a head of the queries, N + R.
  var queryWidth: Int { plainWidth + rotary.width }

  /// The count of queries from which on the expanded form is the cheaper one.
  ///
  /// Expanding S rows takes S·(N + V)·C products for each head; absorbing makes each of the T·S
  /// scores and contexts 2C - N - V products wider. S falls out.
  public var expandedFrom: Int {
    let wider = 2 * latentWidth - plainWidth - valueWidth
    return wider <= 0 ? Int.max : (plainWidth + valueWidth) * latentWidth / wider + 1
  }

  func slots(layer: Int, width: Int) -> [WeightSlot] {
    func linear(_ name: String, _ outputs: Int, _ inputs: Int, hasBias: Bool = false)
      -> [WeightSlot]
    {
      linearSlots(
        "attention.\(name)", layer: layer, outputs: outputs, inputs: inputs, hasBias: hasBias,
        endsBranch: name == "output")
    }
    var slots: [WeightSlot] = []
    if let queryLatentWidth {
      slots += linear("queryUp", headCount * queryWidth, queryLatentWidth)
      slots += linear("queryDown", queryLatentWidth, width, hasBias: hasBias)
      slots.append(
        WeightSlot("attention.queryNorm.gain", layer: layer, shape: [queryLatentWidth]))
    } else {
      slots += linear("query", headCount * queryWidth, width)
    }
    slots += linear("latent", rowWidth, width, hasBias: hasBias)
    slots.append(WeightSlot("attention.latentNorm.gain", layer: layer, shape: [latentWidth]))
    slots += linear("expansion", headCount * (plainWidth + valueWidth), latentWidth)
    return slots + linear("output", width, headCount * valueWidth, hasBias: hasBias)
  }

  func operation(
    layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) -> any BranchOperation {
    LatentAttention(self, layer: layer, weights, packing: packing)
  }
}
