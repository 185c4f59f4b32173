// Programs on scores, as flex attention has them: each expression of the reference becomes a mask, a
// part of `attention`, or a `ScoreChange`.

import HeedAttention
import HeedTensor

/// Changes of scores and masks given as programs (`ops_variants/flex_attention`).
struct FlexAttentionRunner: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let step = try DifferentiatedStep(referenceCase, upstream: "do")
    let (q, k, v) = (try step.input("q"), try step.input("k"), try step.input("v"))
    var rule: ScoreRule?
    var alibi: Tensor?
    var softCap: Float?
    switch referenceCase.text("score") {
    case nil: break
    case "causal_inf": rule = ScoreRule(HiddenFuture())
    case "relative": rule = ScoreRule(Relative(slope: Float(referenceCase.number("slope") ?? 0)))
    case "alibi": alibi = step.optional("slopes")
    case "softcap": softCap = referenceCase.number("cap").map { Float($0) }
    case "table":
      let table = try step.input("table")
      rule = ScoreRule(TableBias(columns: table.shape[1]), tables: [table])
    case "head_scale":
      rule = ScoreRule(HeadScale(divisor: Float(referenceCase.number("div") ?? 1)))
    case let score: throw Unsupported("the score change \(score ?? "")")
    }
    let probe = AttentionProbe()
    let output = attention(
      q, k, v, scale: referenceCase.number("scale").map { Float($0) },
      mask: try mask(referenceCase), alibi: alibi, softCap: softCap, rule: rule,
      probe: probe)
    var values = ["o": output]
    if let record = probe.records.first {
      values["lse"] = record.logSumExp
      // What was seen has a weight; no score of these cases is small enough to vanish.
      let weights = record.allWeights
      let seen = weights.elements(as: Float.self).map { $0 > 0 }
      values["mask"] = Tensor(seen, shape: weights.shape)
    }
    return step.results(values, differentiated: "o")
  }

  private func mask(_ referenceCase: ReferenceCase) throws -> Mask {
    switch referenceCase.text("mask") {
    case nil: return .none
    case "causal": return .causal(.start)
    case "window":
      return .causal & .window(left: (referenceCase.integer("window") ?? 1) - 1, right: 0)
    case "document":
      let documents = integerRows(try referenceCase.input("document_ids"))
      return .causal & .documents(queries: documents, keys: documents)
    case "prefix":
      return .prefix(try referenceCase.input("prefix").integers("prefix")) | .causal
    case "padding":
      let lengths = try referenceCase.input("lengths").integers("lengths")
      return .keyLengths(lengths) & .queryLengths(lengths)
    case "head_dependent":
      return .predicate { _, head, query, key in abs(query - key) <= head }
    case let mask: throw Unsupported("the mask \(mask ?? "")")
    }
  }
}

private struct HiddenFuture: ScoreChange {
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    place.query.selecting(S(-.infinity), whereLessThan: place.key, otherwise: score)
  }
}

private struct Relative: ScoreChange {
  let slope: Float
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    score + (place.query - place.key) * S(slope)
  }
}

private struct HeadScale: ScoreChange {
  let divisor: Float
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    score * S(Float(place.head + 1) / divisor) + S(0.5 * Float(place.batch))
  }
}

/// `table[h, clamp(t - s + n / 2)]`, added.
private struct TableBias: ScoreChange {
  let columns: Int
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    let column = place.query - place.key + S(Float(columns / 2))
    return score + place.value(ofTable: 0, row: place.head, column: column)
  }
}
