// Whole models: a folder as it is published, and runs over it. Weights of the attention come from the
// probe, so every model case also checks that looking does not change what is seen.

import HeedAttention
import HeedFormats
import HeedModels
import HeedTensor

/// Language models (`kind: model`) of every family that the registry knows.
struct ModelRunner: CaseRunner {
  var registry: FamilyRegistry = .standard

  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    let config = try JSONValue(
      contentsOf: file.folder + "/config.json", options: JSONOptions(allowsNonFiniteNumbers: true))
    let type = config["model_type"]?.string ?? "unknown"
    guard registry.families.contains(where: { $0.modelTypes.contains(type) }) else {
      throw Unsupported("models of type \(type)")
    }
    let model = try LanguageModel(folder: file.folder, registry: registry)
    if referenceCase.wants("sequences") {
      if let beams = try BeamRun(model, referenceCase) { return try beams.results() }
      return try GreedyRun(model, referenceCase).results()
    }
    return try forward(model, referenceCase)
  }

  private func forward(
    _ model: LanguageModel, _ referenceCase: ReferenceCase
  ) throws -> [String: Tensor] {
    let ids = integerRows(try referenceCase.input("input_ids"))
    let mask = referenceCase.inputs["attention_mask"]?.converted(to: .float32)
    let probe = AttentionProbe()
    var options = LanguageModel.Options()
    options.visibleKeys = mask.map { integerRows($0).map { $0.map { $0 != 0 } } }
    options.positions = referenceCase.inputs["position_ids"].map { integerRows($0).flatMap { $0 } }
    options.probe = probe
    options.keepsHiddenStates = true
    var cache: [KeyValueCache] = []
    let output = model.forward(ids, cache: &cache, options: options)
    var results: [String: Tensor] = [:]
    for (layer, states) in output.hiddenStates.enumerated() {
      results["hidden_states.\(layer)"] = states
    }
    var logits = output.logits
    if let labels = referenceCase.inputs["labels"] {
      results["loss"] = nextTokenLoss(logits, labels: labels)
    }
    // Padded places do not count and are zero in the reference.
    if let mask {
      logits = logits * mask.reshaped(to: mask.shape + [1])
    }
    results["logits"] = logits
    for (layer, record) in probe.records.enumerated()
    where referenceCase.wants("attentions.\(layer)") {
      results["attentions.\(layer)"] = record.allWeights
    }
    return results
  }
}

/// The rows of a matrix of whole numbers.
func integerRows(_ tensor: Tensor) -> [[Int]] {
  let flat = tensor.converted(to: .int64).elements(as: Int64.self).map(Int.init)
  let width = tensor.shape[1]
  return (0..<tensor.shape[0]).map { Array(flat[$0 * width..<($0 + 1) * width]) }
}

/// Cross entropy of each token given those before it.
func nextTokenLoss(_ logits: Tensor, labels: Tensor) -> Tensor {
  let T = labels.shape[1]
  return crossEntropy(
    logits.sliced(axis: 1, range: 0..<T - 1), targets: labels.sliced(axis: 1, range: 1..<T))
}

extension AttentionRecord {
  /// Every weight; `[B, H, T, S]`.
  var allWeights: Tensor {
    let heads = (0..<shape[0]).flatMap { batch in
      (0..<shape[1]).map { weights(batch: batch, head: $0) }
    }
    return Tensor(stacking: heads).reshaped(to: shape)
  }
}
