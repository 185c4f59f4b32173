import HeedModels
import HeedTensor

/// What a rounded model has that can be moved, as the parameters of a training run.
///
/// They are changes in units of their own, from zero: so one rate of learning fits all of them.
struct TunedWeights {
  /// What a parameter changes in the tensor whose name follows.
  enum Part: String {
    /// The scale of each block, in shares of itself.
    case scales
    /// Its least value, in steps of the block.
    case leasts
    /// Its whole numbers, as the numbers that they are the nearest to.
    case steps
    /// Numbers such as gains and biases, in units of their root mean square.
    case numbers

    /// The parameter for a tensor.
    func parameter(of name: String) -> String { rawValue + " " + name }

    /// The parameters of this part.
    func contains(_ parameter: String) -> Bool { parameter.hasPrefix(rawValue + " ") }
  }

  /// How far steps may begin from the whole number that each was rounded to: those that were rounded to
  /// another than the nearest, for what their columns' neighbours lost, stay rounded to it.
  private static let mostFromWhole: Float = 0.45

  private let model: RoundedModel
  private let parts: [String: BlockParts]
  /// The numbers that may be moved, and their units.
  private let units: [String: Double]
  /// No change; whole numbers stay as they are.
  let start: [String: Tensor]

  init(_ model: RoundedModel) {
    let bound = Set(model.binding.names)
    var (parts, units, start) = ([String: BlockParts](), [String: Double](), [String: Tensor]())
    for name in model.unrounded.keys {
      guard bound.contains(name), let blocks = model.blocks[name] else { continue }
      let part = BlockParts(blocks)
      parts[name] = part
      start[Part.scales.parameter(of: name)] = Tensor(zeros: part.scales.shape)
      if part.leasts != nil {
        start[Part.leasts.parameter(of: name)] = Tensor(zeros: part.scales.shape)
      }
    }
    for (name, numbers) in model.numbers
    where bound.contains(name) && numbers.elementType == .float32 {
      let square = numbers.squared().mean().item(as: Float.self)
      units[name] = square > 0 ? Double(square).squareRoot() : 1
      start[Part.numbers.parameter(of: name)] = Tensor(zeros: numbers.shape)
    }
    (self.model, self.parts, self.units, self.start) = (model, parts, units, start)
  }

  /// The parameters that move whole numbers too, where a block has one scale.
  var steps: [String: Tensor] {
    parts.reduce(into: [:]) { steps, part in
      guard part.value.type.stepRange != nil, let unrounded = model.unrounded[part.key] else {
        return
      }
      steps[Part.steps.parameter(of: part.key)] = Self.steps(of: unrounded, beside: part.value)
    }
  }

  /// The unrounded weights in steps of their blocks, within reach of the whole numbers chosen for them.
  private static func steps(of unrounded: Tensor, beside part: BlockParts) -> Tensor {
    let weights = unrounded.converted(to: .float32).reshaped(to: part.steps.shape)
    let shifted = part.leasts.map { weights - $0 } ?? weights
    let (wanted, scales) = (shifted.elements(as: Float.self), part.scales.elements(as: Float.self))
    let chosen = part.steps.elements(as: Float.self)
    let width = part.steps.shape[1]
    let steps = chosen.indices.map { place in
      let (whole, scale) = (chosen[place], scales[place / width])
      let step = wanted[place] / scale
      return step.isFinite
        ? min(whole + mostFromWhole, max(whole - mostFromWhole, step)) : whole
    }
    return Tensor(steps, shape: part.steps.shape)
  }

  /// The parts of a tensor of blocks with the changes of `parameters`.
  private func changed(_ name: String, _ part: BlockParts, by parameters: [String: Tensor])
    -> BlockParts
  {
    var changed = part
    if let change = parameters[Part.scales.parameter(of: name)] {
      changed.scales = part.scales * (change + 1)
    }
    if let change = parameters[Part.leasts.parameter(of: name)], let leasts = part.leasts {
      changed.leasts = leasts + part.scales * change
    }
    if let steps = parameters[Part.steps.parameter(of: name)], let range = part.type.stepRange {
      changed.steps = steps.rounded(to: range)
    }
    return changed
  }

  private func changed(_ name: String, _ unit: Double, by parameters: [String: Tensor]) -> Tensor? {
    guard let numbers = model.numbers[name] else { return nil }
    return parameters[Part.numbers.parameter(of: name)].map { numbers + $0 * unit } ?? numbers
  }

  /// The model with changes that a tape may watch.
  ///
  /// - Parameter isWritten: whether scales are rounded as they are in a file.
  func model(_ parameters: [String: Tensor], isWritten: Bool = false) -> LanguageModel {
    var weights = model.numbers
    for (name, blocks) in model.blocks where parts[name] == nil {
      weights[name] = blocks.dequantized()
    }
    for (name, part) in parts {
      let changed = changed(name, part, by: parameters)
      weights[name] = (isWritten ? changed.written : changed).values
    }
    for (name, unit) in units { weights[name] = changed(name, unit, by: parameters) }
    return LanguageModel(
      spec: model.spec, binding: model.binding, parameters: weights, packed: false)
  }

  /// The rounded model with changes.
  func rounded(_ parameters: [String: Tensor]) -> RoundedModel {
    var result = model
    result.replace(
      numbers: units.reduce(into: [:]) { $0[$1.key] = changed($1.key, $1.value, by: parameters) },
      blocks: parts.reduce(into: [:]) {
        $0[$1.key] = changed($1.key, $1.value, by: parameters).blocks
      })
    return result
  }
}
