// Which experts a token goes to, and with which weights. The choice is made of numbers outside of any
// tape (it has no gradient); the weights of the chosen come from the scores, so that the router
// learns through them.

import HeedTensor

/// How tokens choose experts, as data.
public struct RouterSpec: Sendable, Hashable {
  /// What a router makes of the logits of all experts.
  public enum Score: Sendable, Hashable {
    /// Shares of one (Shazeer et al. 2017, arXiv 1701.06538).
    case softmax
    /// Each by itself (DeepSeek-V3, arXiv 2412.19437).
    case sigmoid
  }

  /// Experts in groups of neighbours, of which only some may be chosen from.
  public struct Groups: Sendable, Hashable {
    /// Groups of equal size.
    public var count: Int
    /// How many of them a token may choose from.
    public var chosenCount: Int
    /// How many of its best scores stand for a group: 1 (DeepSeek-V2) or 2 (DeepSeek-V3).
    public var bestCount: Int

    /// The `chosenCount` best of `count` groups.
    public init(count: Int, chosenCount: Int, bestCount: Int) {
      self.count = count
      self.chosenCount = chosenCount
      self.bestCount = bestCount
    }
  }

  /// What is made of the logits.
  public var score: Score
  /// Experts for each token.
  public var chosenCount: Int
  /// Limits the choice to some groups of experts.
  public var groups: Groups?
  /// Whether the weights of the chosen experts are divided by their sum.
  public var sumsToOne: Bool
  /// Factor on the weights.
  public var scale: Double
  /// Whether the logits have a bias.
  public var hasBias: Bool
  /// Whether a correction is added to the scores for the choice alone; it balances the load and is
  /// trained by counting, not by gradients (arXiv 2408.15664).
  public var hasCorrection: Bool

  /// The `chosenCount` experts of the largest scores.
  public init(
    score: Score, chosenCount: Int, groups: Groups? = nil, sumsToOne: Bool = false,
    scale: Double = 1, hasBias: Bool = false, hasCorrection: Bool = false
  ) {
    self.score = score
    self.chosenCount = chosenCount
    self.groups = groups
    self.sumsToOne = sumsToOne
    self.scale = scale
    self.hasBias = hasBias
    self.hasCorrection = hasCorrection
  }

  func slots(layer: Int, width: Int, expertCount: Int) -> [WeightSlot] {
    let logits = linearSlots(
      "experts.router", layer: layer, outputs: expertCount, inputs: width, hasBias: hasBias)
    guard hasCorrection else { return logits }
    return logits + [
      WeightSlot(
        "experts.router.correction", layer: layer, shape: [expertCount], start: .constant(0),
        training: .byLoad)
    ]
  }
}

/// A router with its weights.
struct Router: Sendable {
  let spec: RouterSpec
  private let logits: Linear
  private let correction: [Float]?

  /// The experts of each row in ascending order, and their weights `[rows, chosen]`.
  struct Routes {
    let experts: [[Int]]
    let weights: Tensor
  }

  init(_ spec: RouterSpec, layer: Int, _ weights: WeightLookup, packing: ProductPrecision?) {
    self.spec = spec
    logits = Linear(
      "experts.router", layer: layer, hasBias: spec.hasBias, weights, packing: packing)
    correction =
      spec.hasCorrection
      ? weights("experts.router.correction", layer).detached().converted(to: .float32).elements()
      : nil
  }

  /// Chooses for each row of `x` `[rows, E]`. Always with products in float32: a choice that flips
  /// changes more than any rounding.
  func callAsFunction(_ x: Tensor) -> Routes {
    let logits = self.logits(x)  // [rows, n]
    let scores =
      switch spec.score {
      case .softmax: logits.softmax()
      case .sigmoid: logits.sigmoid()
      }
    let expertCount = scores.shape[1]
    let values: [Float] = scores.detached().converted(to: .float32).elements()
    let experts = stride(from: 0, to: values.count, by: expertCount).map {
      choice(Array(values[$0..<$0 + expertCount])).sorted()
    }
    let places = experts.enumerated().flatMap { row, chosen in
      chosen.map { row * expertCount + $0 }
    }
    var weights = scores.reshaped(to: [values.count]).gathered(atIndices: places)
      .reshaped(to: [experts.count, spec.chosenCount])
    if spec.sumsToOne {
      weights = weights / (weights.sum(alongAxes: [1], keepingRank: true) + 1e-20)
    }
    return Routes(experts: experts, weights: spec.scale == 1 ? weights : weights * spec.scale)
  }

  /// The experts of one token, best first; the earlier one of equals.
  private func choice(_ scores: [Float]) -> [Int] {
    let corrected = correction.map { zip(scores, $0).map(+) } ?? scores
    guard let groups = spec.groups else {
      return Router.best(spec.chosenCount, of: Array(corrected.enumerated()))
    }
    let size = corrected.count / groups.count
    let places = (0..<groups.count).map { $0 * size..<($0 + 1) * size }
    let ranks = places.map { place in
      corrected[place].sorted(by: >).prefix(groups.bestCount).reduce(0, +)
    }
    let open = Router.best(groups.chosenCount, of: Array(ranks.enumerated())).sorted()
    let candidates = open.flatMap { group in places[group].map { ($0, corrected[$0]) } }
    return Router.best(spec.chosenCount, of: candidates)
  }

  private static func best(
    _ count: Int, of candidates: [(offset: Int, element: Float)]
  ) -> [Int] {
    // A score that is not a number comes last, so that there is an order at all.
    func rank(_ score: Float) -> Float { score.isNaN ? -.infinity : score }
    return candidates.sorted { left, right in
      let (a, b) = (rank(left.element), rank(right.element))
      return a == b ? left.offset < right.offset : a > b
    }
    .prefix(count).map(\.offset)
  }
}
