import HeedAttention
import HeedBlocks

extension ModelSpec {
  /// The resolved model in about ten lines, for `heed describe`.
  public var summary: String {
    var lines = [
      "\(family): \(blocks.count) blocks, width \(width), vocabulary \(vocabularySize), "
        + "context \(contextLength)",
      "embedding    [\(vocabularySize), \(width)]"
        + (learnedPositionCount.map { " + learned positions [\($0), \(width)]" } ?? ""),
    ]
    // Neighbouring blocks that are alike share their lines.
    var layer = 0
    while layer < blocks.count {
      var end = layer + 1
      while end < blocks.count && blocks[end] == blocks[layer] { end += 1 }
      let arrangement = blocks[layer].arrangement == .parallel ? ", branches in parallel" : ""
      lines.append(
        (end - layer == 1 ? "block \(layer)" : "blocks \(layer) to \(end - 1)") + arrangement)
      lines += blocks[layer].branches.map { "  x <- \($0.summary)" }
      layer = end
    }
    if let finalNorm { lines.append("final        \(finalNorm.summary)") }
    lines.append("head         " + (isHeadTied ? "the embedding" : "[\(vocabularySize), \(width)]"))
    lines.append("parameters   \(slots.map { $0.shape.reduce(1, *) }.reduce(0, +))")
    return lines.joined(separator: "\n")
  }
}

extension BranchSpec {
  var summary: String {
    var inner = inputNorm.map { "\(operation.summary) of \($0.summary)" } ?? operation.summary
    if let outputNorm { inner = "\(outputNorm.summary) of \(inner)" }
    let sum = "x + \(inner)"
    return afterNorm.map { "\($0.summary) of (\(sum))" } ?? sum
  }
}

extension NormSpec {
  var summary: String {
    switch self {
    case .layerNorm(let epsilon): "layer norm \(epsilon)"
    case .rms(let epsilon, let offset):
      "RMS norm \(epsilon)" + (offset == 0 ? "" : ", gain + \(offset)")
    }
  }
}

extension OperationSpec {
  var summary: String {
    switch self {
    case .selfAttention(let spec):
      let heads =
        spec.keyValueHeadCount == spec.headCount
        ? "\(spec.headCount) heads" : "\(spec.headCount)/\(spec.keyValueHeadCount) heads"
      let bias = spec.hasInputBias ? ", biases" : ""
      let window = spec.window.map { ", window \($0)" } ?? ""
      let rotary = spec.rotary.map { ", \($0.summary)" } ?? ""
      return "attention(\(heads) of \(spec.headWidth)\(rotary)\(window)\(bias))"
    case .feedForward(let spec):
      let gate = spec.isGated ? "gated " : ""
      return "feed-forward(\(gate)\(spec.activation), \(spec.hiddenWidth)"
        + (spec.hasBias ? ", biases)" : ")")
    }
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
    return "rotary \(width) base \(base)\(name)"
  }
}
