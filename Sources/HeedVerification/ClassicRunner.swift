import HeedBlocks
import HeedTensor

/// Additive attention (`ops_classic/bahdanau`).
struct BahdanauRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    let score = AlignmentScore.additive(
      query: try step.input("W"), key: try step.input("U"), vector: try step.input("v"),
      bias: step.optional("b"))
    let keys = try step.input("keys")
    let scores = score(try step.input("query"), keys)
    let (weights, context) = weightedContext(
      scores: scores, values: step.optional("values") ?? keys,
      visible: step.optional("mask")?.expanded(axis: 1))
    return step.results(
      ["scores": scores, "weights": weights, "context": context], differentiated: "context")
  }
}

/// Multiplicative attention, global and local (`ops_classic/luong`).
struct LuongRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    let (queries, keys) = (try step.input("query"), try step.input("keys"))
    let scores = try score(referenceCase, step, queries)(queries, keys)
    let mask = step.optional("mask")
    var values = ["scores": scores]
    var visible = mask?.expanded(axis: 1).broadcast(to: scores.shape)
    var factor: Tensor?
    if let local = try local(referenceCase, step) {
      let S = keys.shape[1]
      let places = local.places(queries, lengths: lengths(mask, queries.shape[0], S))
      let window = local.window(
        around: places, reach: referenceCase.integer("window") ?? 0, keyCount: S)
      visible = both(visible, window.visible)
      factor = window.factor
      values["p"] = places
    }
    let (weights, context) = weightedContext(
      scores: scores, values: keys, visible: visible, factor: factor)
    let joined = context.concatenated(with: queries, alongAxis: 2)
    values["weights"] = weights
    values["context"] = context
    values["attentional"] = linear(joined, weight: try step.input("W_c")).tanh()
    return step.results(values, differentiated: "attentional")
  }

  private func score(
    _ referenceCase: ReferenceCase, _ step: DifferentiatedStep, _ queries: Tensor
  ) throws -> AlignmentScore {
    switch referenceCase.text("score") {
    case "dot": return .dot
    case "scaled_dot": return .scaledDot
    case "general": return .general(weight: try step.input("W"))
    case "concat":
      return .concat(
        weight: try step.input("W"), vector: try step.input("v"), queryWidth: queries.shape[2])
    case let name: throw Unsupported("the score \(name ?? "")")
    }
  }

  private func local(
    _ referenceCase: ReferenceCase, _ step: DifferentiatedStep
  ) throws -> LocalAlignment? {
    switch referenceCase.text("local") {
    case nil: return nil
    case "monotonic": return .monotonic
    case "predictive":
      return .predictive(weight: try step.input("W_p"), vector: try step.input("v_p"))
    case let name: throw Unsupported("local attention of the kind \(name ?? "")")
    }
  }

  private func lengths(_ mask: Tensor?, _ B: Int, _ S: Int) -> [Int] {
    guard let mask else { return Array(repeating: S, count: B) }
    return integerRows(mask).map { $0.reduce(0, +) }
  }

  private func both(_ left: Tensor?, _ right: Tensor) -> Tensor {
    guard let left else { return right }
    let truths = zip(left.elements(as: Bool.self), right.elements(as: Bool.self)).map { $0 && $1 }
    return Tensor(truths, shape: right.shape)
  }
}
