// Experts: many feed-forward layers of which each token uses a few (Shazeer et al. 2017, arXiv
// 1701.06538). The rows of one expert are gathered and go through it in one product; an expert that
// nobody chose costs nothing. What a token gets back is added expert by expert in ascending order,
// so its sum does not depend on who else is in the batch.
//
// Rejected: computing all experts and multiplying by zeros (as many times the work as there are
// experts for each chosen one), and scatter-adding each expert's rows into the result (one pass over
// the whole result for each expert).

import HeedTensor

/// A layer of experts as data.
public struct ExpertsSpec: Sendable, Hashable {
  /// How many experts there are.
  public var expertCount: Int
  /// What each of them is.
  public var expert: FeedForwardSpec
  /// How tokens choose.
  public var router: RouterSpec
  /// An expert that every token uses; nil when there is none.
  public var shared: SharedExpertSpec?

  /// `expertCount` experts, chosen by a router.
  public init(
    expertCount: Int, expert: FeedForwardSpec, router: RouterSpec, shared: SharedExpertSpec? = nil
  ) {
    self.expertCount = expertCount
    self.expert = expert
    self.router = router
    self.shared = shared
  }

  func slots(layer: Int, width: Int) -> [WeightSlot] {
    var slots = router.slots(layer: layer, width: width, expertCount: expertCount)
    for index in 0..<expertCount {
      slots += expert.slots(path: "experts.\(index)", layer: layer, width: width)
    }
    if let shared {
      slots += shared.feedForward.slots(path: "experts.shared", layer: layer, width: width)
      if shared.isGated {
        slots += linearSlots(
          "experts.sharedGate", layer: layer, outputs: 1, inputs: width, hasBias: false)
      }
    }
    return slots
  }

  func operation(
    layer: Int, _ weights: WeightLookup, packing: ProductPrecision?
  ) -> any BranchOperation {
    Experts(self, layer: layer, weights, packing: packing)
  }
}

/// The expert of every token.
public struct SharedExpertSpec: Sendable, Hashable {
  /// What it is.
  public var feedForward: FeedForwardSpec
  /// Whether the token decides, by a sigmoid of its own, how much of it is added.
  public var isGated: Bool

  /// A shared expert.
  public init(_ feedForward: FeedForwardSpec, isGated: Bool) {
    self.feedForward = feedForward
    self.isGated = isGated
  }
}

/// A layer of experts with its weights.
struct Experts: BranchOperation {
  private let router: Router
  private let experts: [FeedForward]
  private let shared: FeedForward?
  private let sharedGate: Linear?

  init(_ spec: ExpertsSpec, layer: Int, _ weights: WeightLookup, packing: ProductPrecision?) {
    func feedForward(_ spec: FeedForwardSpec, _ path: String) -> FeedForward {
      FeedForward(spec, path: path, layer: layer, weights, packing: packing)
    }
    router = Router(spec.router, layer: layer, weights, packing: packing.map { _ in .float32 })
    experts = (0..<spec.expertCount).map { feedForward(spec.expert, "experts.\($0)") }
    shared = spec.shared.map { feedForward($0.feedForward, "experts.shared") }
    sharedGate =
      spec.shared?.isGated == true
      ? Linear("experts.sharedGate", layer: layer, hasBias: false, weights, packing: packing)
      : nil
  }

  func callAsFunction(
    _ x: Tensor, last: Int?, layer: Int, context: inout BlockContext
  ) -> Tensor {
    let precision = context.precision
    let E = x.shape[x.rank - 1]
    let rows = x.reshaped(to: [x.count / max(1, E), E])  // [rows, E]
    if rows.count == 0 { return x }
    var result = routed(rows, precision) { context.loads?.add($0, layer: layer) }
    if let shared {
      var part = shared(rows, precision: precision)
      if let sharedGate { part = part * sharedGate(rows, precision: precision).sigmoid() }
      result = result + part
    }
    return result.reshaped(to: x.shape)
  }

  /// The sum of the chosen experts of each row; `[rows, E]`.
  ///
  /// - Parameter note: told how many rows each expert gets.
  private func routed(
    _ x: Tensor, _ precision: ProductPrecision, note: ([Int]) -> Void
  ) -> Tensor {
    let routes = router(x)
    var members = [[Int]](repeating: [], count: experts.count)
    for (row, chosen) in routes.experts.enumerated() {
      for expert in chosen { members[expert].append(row) }
    }
    note(members.map(\.count))
    var parts: [Tensor] = []
    var starts = [Int](repeating: 0, count: experts.count)
    var count = 0
    for (expert, rows) in members.enumerated() where !rows.isEmpty {
      starts[expert] = count
      count += rows.count
      parts.append(experts[expert](x.gathered(atIndices: rows), precision: precision))
    }
    let computed = parts.count == 1 ? parts[0] : Tensor(concatenating: parts, alongAxis: 0)
    // Where, among all computed rows, the one of each row's i-th expert lies.
    var places = [[Int]](repeating: [], count: router.spec.chosenCount)
    for chosen in routes.experts {
      for (i, expert) in chosen.enumerated() {
        places[i].append(starts[expert])
        starts[expert] += 1
      }
    }
    let weights = routes.weights.split(
      count: router.spec.chosenCount, alongAxis: 1)  // [rows, 1] each
    let terms = zip(places, weights).map { computed.gathered(atIndices: $0) * $1 }
    return terms.dropFirst().reduce(terms[0], +)
  }
}
