import HeedAttention
import HeedFormats
import HeedTensor

/// Relative and learned positions (`ops_position/relative`).
struct RelativeRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let kind = referenceCase.text("kind") ?? ""
    if kind == "learned" { return try learned(referenceCase) }
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    let (q, k, v) = (try step.input("q"), try step.input("k"), try step.input("v"))
    let probe = AttentionProbe()
    let output: Tensor
    switch kind {
    case "shaw":
      let tables = RelativeTables(keys: try step.input("aK"), values: step.optional("aV"))
      output = tables.attention(
        q, k, v, mask: referenceCase.flag("causal") ? .causal : .none, probe: probe)
    case "transformer_xl":
      output = transformerXLAttention(
        q, k, v, contentBias: try step.input("u"), positionBias: try step.input("v_bias"),
        weight: try step.input("W_r"), probe: probe)
    default: throw Unsupported("relative positions of the kind \(kind)")
    }
    var values = ["o": output]
    if let record = probe.records.first { values["weights"] = record.allWeights }
    return step.results(values, differentiated: "o")
  }

  private func learned(_ referenceCase: ReferenceCase) throws -> [String: Tensor] {
    let mask = integerRows(try referenceCase.input("attention_mask"))
    let padding = referenceCase.integer("padding_idx") ?? 0
    let rule: LearnedPositions
    switch referenceCase.text("rule") {
    case "arange": rule = .places
    case "mask_cumsum": rule = .tokens(padding: padding)
    case "roberta": rule = .tokensFrom(offset: padding)
    // Two rows of the table come before the first position; padding takes the last of them.
    case "opt": rule = .tokensFrom(offset: 1)
    case let name: throw Unsupported("learned positions by the rule \(name ?? "")")
    }
    let rows = mask.flatMap { rule.rows(isToken: $0.map { $0 != 0 }) }
    let shape = [mask.count, mask.first?.count ?? 0]
    let places = Tensor(rows.map { Int64($0) }, shape: shape)
    return [
      "position_ids": places,
      "embedding": try referenceCase.input("table").gathered(atIndices: places),
    ]
  }
}
