import HeedBlocks
import HeedFormats
import HeedTensor

/// The tensors of a file, all made at once to be tuned.
struct TunedTensors {
  /// As they are to be written.
  let tensors: [GGUFTensor]
  /// What was done.
  let tuning: ModelTuning

  /// Makes tensors and has them tuned.
  ///
  /// - Parameters:
  ///   - rounded: the tensors of the file.
  ///   - planned: the same before they are rounded.
  ///   - reader: what was converted.
  ///   - target: what the file says of it.
  ///   - table: the names and layouts of the file.
  ///   - tuner: who changes them.
  ///   - text: what they are tuned for.
  ///   - steps: told of each tensor and of the progress of the tuning.
  init(
    _ rounded: [GGUFTensor], _ planned: [GGUFTensor], of reader: PublishedModel,
    as target: ModelSpec,
    named table: WeightMap, by tuner: any RoundedModelTuning, for text: CalibrationText,
    steps: ConversionSteps
  ) throws(FormatError) {
    let shapes = TensorDictionary(
      Dictionary(
        rounded.map { ($0.name, Tensor(zeros: [1]).broadcast(to: $0.shape)) },
        uniquingKeysWith: { first, _ in first }))
    if let reason = tuner.refusal(weightCount: target.weightCount, of: text) {
      tensors = rounded
      tuning = .skipped(reason)
      return
    }
    // A file in another form than the layers' has names that no slot asks for.
    guard let binding = try? table.binding(of: target, to: shapes) else {
      tensors = rounded
      tuning = .skipped(.form)
      return
    }
    var model = try Self.model(rounded, planned, reader, target, binding, steps)
    tuning = try tuner.tune(&model, on: text) { (share) throws(FormatError) in
      try steps.tuned(share)
    }
    tensors = rounded.map { tensor in
      if let blocks = model.blocks[tensor.name] { return GGUFTensor(tensor.name, blocks) }
      guard let numbers = model.numbers[tensor.name] else { return tensor }
      return GGUFTensor(tensor.name, shape: tensor.shape, type: tensor.type) {
        () throws(FormatError) in numbers
      }
    }
  }

  private static func model(
    _ rounded: [GGUFTensor], _ planned: [GGUFTensor], _ reader: PublishedModel,
    _ target: ModelSpec, _ binding: WeightBinding, _ steps: ConversionSteps
  ) throws(FormatError) -> RoundedModel {
    let sources = Dictionary(
      planned.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var (numbers, blocks, unrounded) = (
      [String: Tensor](), [String: BlockTensor](), [String: Tensor]()
    )
    for (index, tensor) in rounded.enumerated() {
      let content = try tensor.numbers()
      switch tensor.type {
      case .elements(let type): numbers[tensor.name] = content.converted(to: type)
      case .blocks(let type):
        blocks[tensor.name] =
          content.elementType == .uint8
          ? BlockTensor(type, bytes: content) : BlockTensor(quantizing: content, as: type)
        guard let source = sources[tensor.name] else { break }
        let weights = try source.numbers()
        if weights.elementType.isFloatingPoint { unrounded[tensor.name] = weights }
      }
      try steps.wrote(index + 1)
    }
    let original = try reader.map.binding(of: reader.spec, to: reader.weights)
    let stored = try StoredParameters(original.names, of: reader.weights)
    return RoundedModel(
      original: LanguageModel(
        spec: reader.spec, binding: original, parameters: stored.tensors,
        blockParameters: stored.blocks),
      spec: target, binding: binding, numbers: numbers, blocks: blocks, unrounded: unrounded)
  }
}
