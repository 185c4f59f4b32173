// What the weights of a model are multiplied by while it reads a text, for rounding them with it. The text
// goes through one block after the other, all of its windows through each: so there is one block of float32
// weights in memory at a time and the moments of that block alone, whatever the model's size. Weights are
// asked for in the order of the blocks, and each block runs when the first of its weights is.
//
// Which input belongs to which weight is what the layers themselves say (`InputWatch`): there is no table
// of it, and none for a family.

import HeedAttention
import HeedBlocks
import HeedFormats
import HeedTensor
import Synchronization

/// A text on its way through a model.
final class Calibration: Sendable {
  /// Most tokens of a text that are used: windows that are spread over all of it.
  static let mostTokens = 1 << 15
  /// The longest window.
  private static let longestWindow = 2048

  private struct State {
    /// Blocks that the text has gone through.
    var layer = 0
    /// What the last of them gave, for each window `[1, T, E]`.
    var hidden: [Tensor]
    /// What the weights of the last block read, or the head when the text is through.
    var inputs: ObservedInputs?
    var isThrough = false
  }

  private let model: PublishedModel
  private let binding: WeightBinding
  private let wanted: [WeightBinding.Key: Int]
  private let mostBytes: Int
  private let steps: ConversionSteps
  private let state: Mutex<State>

  /// A text of a model.
  ///
  /// - Parameters:
  ///   - wanted: the slots that will be asked for, and how wide the blocks are that each becomes.
  ///   - steps: told of each window that has gone through a block.
  ///   - mostBytes: of the moments of one block.
  /// - Throws: `FormatError`, also when the text is too short or is not of this model's tokens.
  init(
    _ text: CalibrationText, of model: PublishedModel, wanted: [WeightBinding.Key: Int],
    steps: ConversionSteps, mostBytes: Int = 4 << 30
  ) throws(FormatError) {
    let (spec, ids) = (model.spec, text.tokens)
    guard ids.count >= spec.width else {
      throw FormatError(
        .missing, what: "a text of \(ids.count) tokens is too short to calibrate with",
        place: text.place,
        expected: "at least \(spec.width) tokens, as many as the model is wide")
    }
    guard ids.allSatisfy({ (0..<spec.vocabularySize).contains($0) }) else {
      throw FormatError(
        .inconsistent, what: "the text has tokens that the model has not",
        place: text.place, expected: "ids below \(spec.vocabularySize)")
    }
    self.model = model
    self.wanted = wanted
    self.mostBytes = mostBytes
    self.steps = steps
    binding = try model.map.binding(of: spec, to: model.weights)
    let embedding = TokenEmbedding(spec, try Self.weights(of: nil, model, binding))
    let windows = Self.windows(
      of: ids, length: min(spec.contextLength, Self.longestWindow))
    state = Mutex(
      State(hidden: windows.map { embedding([$0], positions: Array($0.indices)) }))
  }

  /// Windows of `length` tokens: all there are, or some that are spread over the text.
  private static func windows(of ids: [Int], length: Int) -> [[Int]] {
    guard ids.count > mostTokens else {
      return stride(from: 0, to: ids.count, by: length).map {
        Array(ids[$0..<min($0 + length, ids.count)])
      }
    }
    let count = max(2, mostTokens / length)
    return (0..<count).map { number in
      let start = number * (ids.count - length) / (count - 1)
      return Array(ids[start..<start + length])
    }
  }

  /// The weights of a block, or of what is around the blocks.
  private static func weights(
    of layer: Int?, _ model: PublishedModel, _ binding: WeightBinding, watch: InputWatch? = nil
  ) throws(FormatError) -> WeightLookup {
    let names = Set(binding.sources.filter { $0.key.layer == layer }.values.map(\.name))
    let stored = try StoredParameters(names.sorted(), of: model.weights)
    return WeightLookup(weights: { stored.weight($0, $1, binding) }, watch: watch)
  }

  /// How the weight of a slot is to be rounded.
  ///
  /// - Precondition: slots of earlier blocks are not asked for behind those of later ones.
  func rounding(of slot: WeightBinding.Key) throws(FormatError) -> Rounding {
    try state.withLock { (state) throws(FormatError) in
      let last = slot.layer ?? model.spec.blocks.count - 1
      while state.layer <= last { try runBlock(&state) }
      if slot.layer == nil, !state.isThrough { try readHead(&state) }
      precondition(
        state.layer == last + 1 && state.isThrough == (slot.layer == nil),
        "Calibration: \(slot.path) of block \(last) behind block \(state.layer - 1)")
      guard let inputs = state.inputs else { return .plain(.notRead) }
      return try inputs.rounding(of: slot.path, step: steps.goOn)
    }
  }

  /// Takes the text through the next block.
  private func runBlock(_ state: inout State) throws(FormatError) {
    let layer = state.layer
    let inputs = ObservedInputs(of: blockWidths(in: layer), mostBytes: mostBytes)
    state.inputs = inputs
    let weights = try Self.weights(of: layer, model, binding) { path, _, input in
      inputs.add(input, to: path)
    }
    let block = Block(model.spec.blocks[layer], layer: layer, weights)
    for window in state.hidden.indices {
      let x = state.hidden[window]
      var context = BlockContext(mask: .causal, positions: Array(0..<x.shape[1]))
      state.hidden[window] = block(x, context: &context)
      inputs.endWindow()
      try steps.read(Double(window + 1) / Double(state.hidden.count))
    }
    state.layer += 1
  }

  /// The slots of a block that will be asked for.
  private func blockWidths(in layer: Int?) -> [String: Int] {
    let slots = wanted.filter { $0.key.layer == layer }.map { ($0.key.path, $0.value) }
    return Dictionary(slots, uniquingKeysWith: { first, _ in first })
  }

  /// What the head reads: the text behind the last norm.
  private func readHead(_ state: inout State) throws(FormatError) {
    let weights = try Self.weights(of: nil, model, binding)
    let norm = model.spec.finalNorm.map { Norm($0, path: "finalNorm", layer: nil, weights) }
    let path = Self.headPath(of: model.spec)
    let inputs = ObservedInputs(of: blockWidths(in: nil), mostBytes: mostBytes)
    for x in state.hidden {
      inputs.add(norm?(x) ?? x, to: path)
      inputs.endWindow()
      try steps.goOn()
    }
    state.hidden = []
    state.inputs = inputs
    state.isThrough = true
  }

  /// The slot of the weight that the last hidden state is multiplied by.
  static func headPath(of spec: ModelSpec) -> String {
    spec.isHeadTied ? "embedding.weight" : "head.weight"
  }
}
