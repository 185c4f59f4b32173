import HeedAttention
import HeedBlocks

extension ModelSpec {
  /// The resolved model in about ten lines, for `heed describe`.
  public var summary: String {
    var embedding = "embedding    [\(vocabularySize), \(width)]"
    if let embeddingScale { embedding += " x \(embeddingScale.shortText)" }
    if let learnedPositionCount {
      embedding += " + learned positions [\(learnedPositionCount), \(width)]"
      if learnedPositionStart > 0 { embedding += " from row \(learnedPositionStart)" }
    }
    if let embeddingNorm { embedding += ", \(embeddingNorm.summary)" }
    var lines = [
      "\(family): \(blocks.count) blocks, width \(width), vocabulary \(vocabularySize), "
        + "context \(contextLength)", embedding,
    ]
    lines += BlockSpec.summary(of: blocks)
    if let finalNorm { lines.append("final        \(finalNorm.summary)") }
    var head = "head         " + (isHeadTied ? "the embedding" : "[\(vocabularySize), \(width)]")
    if hasHeadBias { head += ", bias" }
    if let logitSoftCap { head += ", soft cap \(logitSoftCap.shortText)" }
    lines.append(head)
    lines.append("parameters   \(slots.map { $0.shape.reduce(1, *) }.reduce(0, +))")
    return lines.joined(separator: "\n")
  }
}

extension BlockSpec {
  /// One paragraph for each kind of block, with the layers that are of this kind.
  fileprivate static func summary(of blocks: [BlockSpec]) -> [String] {
    var kinds: [(block: BlockSpec, layers: [Int])] = []
    for (layer, block) in blocks.enumerated() {
      if let kind = kinds.firstIndex(where: { $0.block == block }) {
        kinds[kind].layers.append(layer)
      } else {
        kinds.append((block, [layer]))
      }
    }
    return kinds.flatMap { block, layers in
      let title = (layers.count == 1 ? "block " : "blocks ") + layers.summary
      return [title + block.arrangementSummary] + block.branches.map { "  x <- \($0.summary)" }
    }
  }

  private var arrangementSummary: String {
    switch arrangement {
    case .sequential: ""
    case .parallel(nil): ", branches in parallel"
    case .parallel(let norm?): ", branches in parallel, of \(norm.summary)"
    }
  }
}

extension [Int] {
  /// "0 to 5", "0, 2, 4", or "0, 2, ... 40".
  fileprivate var summary: String {
    guard let first, let last, count > 1 else { return map(String.init).joined() }
    if last - first == count - 1 { return "\(first) to \(last)" }
    return count <= 6
      ? map(String.init).joined(separator: ", ") : "\(first), \(self[1]), \(self[2]), ... \(last)"
  }
}

extension Double {
  /// At most three decimals, none where there is nothing behind the point.
  fileprivate var shortText: String {
    let rounded = (self * 1000).rounded() / 1000
    return Int(exactly: rounded).map(String.init) ?? "\(rounded)"
  }
}

extension BranchSpec {
  var summary: String {
    var inner = inputNorm.map { "\(operation.summary) of \($0.summary)" } ?? operation.summary
    if let outputNorm { inner = "\(outputNorm.summary) of \(inner)" }
    if gate != nil { inner = "scale * \(inner)" }
    let sum = "x + \(inner)"
    return afterNorm.map { "\($0.summary) of (\(sum))" } ?? sum
  }
}

extension NormSpec {
  var summary: String {
    switch self {
    case .layerNorm(let epsilon): "layer norm \(epsilon)"
    case .rms(let epsilon, let offset):
      "RMS norm \(epsilon)" + (offset == 0 ? "" : ", gain + \(offset.shortText)")
    }
  }
}

extension OperationSpec {
  var summary: String {
    switch self {
    case .selfAttention(let spec): "attention(\(spec.summary))"
    case .latentAttention(let spec): "latent attention(\(spec.summary))"
    case .differentialAttention(let spec): "differential attention(\(spec.summary))"
    case .feedForward(let spec): "feed-forward(\(spec.summary))"
    case .experts(let spec): spec.summary
    }
  }
}

extension SelfAttentionSpec {
  fileprivate var summary: String {
    var parts = [headsText(headCount, keyValueHeadCount, width: headWidth)]
    if let rotary { parts.append(rotary.summary) }
    if alibiSlopes != nil { parts.append("ALiBi") }
    if let window { parts.append("window \(window)") }
    if let queryKeyNorm { parts.append("queries and keys through \(queryKeyNorm.summary)") }
    if let scale, abs(scale * Float(headWidth).squareRoot() - 1) > 1e-5 {
      parts.append("scale \(Double(scale).shortText)")
    }
    if let softCap { parts.append("soft cap \(Double(softCap).shortText)") }
    if hasSinks { parts.append("sinks") }
    switch (hasInputBias, hasOutputBias) {
    case (true, true): parts.append("biases")
    case (true, false): parts.append("input biases")
    case (false, true): parts.append("output bias")
    case (false, false): break
    }
    return parts.joined(separator: ", ")
  }
}

extension LatentAttentionSpec {
  fileprivate var summary: String {
    "\(headCount) heads of \(plainWidth) + \(rotary.width), values of \(valueWidth), "
      + "latent \(latentWidth)" + (queryLatentWidth.map { ", query latent \($0)" } ?? "")
      + ", \(rotary.summary)" + (hasBias ? ", biases" : "")
  }
}

extension DifferentialAttentionSpec {
  fileprivate var summary: String {
    "\(headsText(headCount, keyValueHeadCount, width: headWidth)) in pairs, \(rotary.summary)"
      + (hasBias ? ", biases" : "")
  }
}

private func headsText(_ heads: Int, _ groups: Int, width: Int) -> String {
  (groups == heads ? "\(heads)" : "\(heads)/\(groups)") + " heads of \(width)"
}

extension FeedForwardSpec {
  fileprivate var summary: String {
    let function =
      switch form {
      case .plain: "\(activation)"
      case .gated: "gated \(activation)"
      case .clampedGate(let limit, let slope):
        "gated sigmoid x \(slope.shortText) within \(limit.shortText)"
      }
    return "\(function), \(hiddenWidth)" + (hasBias ? ", biases" : "")
  }
}

extension ExpertsSpec {
  fileprivate var summary: String {
    let extra = shared.map { shared in
      " + " + (shared.isGated ? "gated " : "") + "shared(\(shared.feedForward.summary))"
    }
    return "experts(\(router.chosenCount) of \(expertCount) by \(router.summary), "
      + "each \(expert.summary))" + (extra ?? "")
  }
}

extension RouterSpec {
  fileprivate var summary: String {
    var text = "\(score)"
    if hasBias { text += " with bias" }
    if hasCorrection { text += " with correction" }
    if let groups { text += " in \(groups.chosenCount) of \(groups.count) groups" }
    if sumsToOne { text += " summing to one" }
    return scale == 1 ? text : "\(text) x \(scale.shortText)"
  }
}

extension Rotary {
  var summary: String {
    let name =
      switch scaling {
      case .none: ""
      case .linear(let factor): ", linear x\(factor)"
      case .dynamic(let factor, _): ", dynamic x\(factor)"
      case .yarn(let yarn): ", YaRN x\(yarn.factor)"
      case .llama3(let factor, _, _, _): ", llama3 x\(factor)"
      case .longRope: ", LongRoPE"
      }
    return "rotary \(width)\(pairing == .neighbours ? " by neighbours" : "") base \(base)\(name)"
  }
}
