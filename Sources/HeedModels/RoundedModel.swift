import HeedBlocks
public import HeedFormats
public import HeedTensor

// What is left to do when every block is rounded: what the file holds besides whole numbers can be moved so
// that the model as a whole says what it said before. That takes a training run, which this floor knows
// nothing of: whoever has one gives it to the conversion.

/// A model whose weights are rounded and not yet written, beside the model that it was made of.
public struct RoundedModel: Sendable {
  /// The model as it was.
  public let original: LanguageModel
  /// What the file says that the model is.
  public let spec: ModelSpec
  /// Which tensor of the file fills which slot.
  public let binding: WeightBinding
  /// The tensors of numbers, of the types of the file.
  public internal(set) var numbers: [String: Tensor]
  /// The tensors of blocks.
  public internal(set) var blocks: [String: BlockTensor]
  /// What the blocks were made of; nothing for those that the input had already.
  public let unrounded: [String: Tensor]

  /// How many weights it has.
  public var weightCount: Int { spec.weightCount }

  /// Puts other numbers in the place of some that are there.
  ///
  /// - Precondition: names, shapes and types are those of tensors of the model.
  public mutating func replace(numbers: [String: Tensor], blocks: [String: BlockTensor]) {
    for (name, tensor) in numbers {
      precondition(
        self.numbers[name]?.shape == tensor.shape
          && self.numbers[name]?.elementType == tensor.elementType,
        "replace: \(name) of \(tensor.shape) \(tensor.elementType)")
      self.numbers[name] = tensor
    }
    for (name, tensor) in blocks {
      precondition(
        self.blocks[name]?.shape == tensor.shape && self.blocks[name]?.type == tensor.type,
        "replace: \(name) of \(tensor.shape) \(tensor.type)")
      self.blocks[name] = tensor
    }
  }
}

extension ModelSpec {
  /// The weights of all slots.
  var weightCount: Int { slots.reduce(0) { $0 + $1.shape.reduce(1, *) } }
}

/// Someone who brings rounded models nearer to what they were.
public protocol RoundedModelTuning: Sendable {
  /// Why a model is left as it is, before anything is done for it; nil where it is not.
  func refusal(weightCount: Int, of text: CalibrationText) -> ModelTuning.Reason?

  /// Changes a model so that it predicts a text more like the original does.
  ///
  /// - Parameter progress: told how much is done, from 0 to 1; what it throws ends it.
  /// - Returns: what was done. A model that is no nearer than before is as it was.
  func tune(
    _ model: inout RoundedModel, on text: CalibrationText,
    progress: (Double) throws(FormatError) -> Void
  ) throws(FormatError) -> ModelTuning
}

/// What came of tuning a rounded model.
public enum ModelTuning: Sendable, Hashable {
  /// Its divergence from the original, in nats a token, on a part of the text that nothing was learnt from.
  case tuned(before: Double, after: Double)
  /// It is as it was rounded.
  case skipped(Reason)

  /// Why a model was not tuned.
  public enum Reason: String, Sendable {
    /// It has more weights than are trained in a fair time.
    case large
    /// The text is too short to learn from a part of it and to judge by another.
    case short
    /// Its predictions are no numbers.
    case notFinite = "not_finite"
    /// Its layers do not multiply by the tensors of the file as they lie there.
    case form
  }
}

extension ModelTuning: CustomStringConvertible {
  /// The text for people.
  public var description: String {
    switch self {
    case .tuned: "scales and norms tuned"
    case .skipped(.large): "scales and norms not tuned, for a model of this size"
    case .skipped(.short): "scales and norms not tuned: the text is too short"
    case .skipped(.notFinite): "scales and norms not tuned: predictions are no numbers"
    case .skipped(.form): "scales and norms not tuned: the file has weights in another form"
    }
  }
}
