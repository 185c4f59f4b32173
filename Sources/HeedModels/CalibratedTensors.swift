import HeedBlocks
import HeedFormats
import HeedTensor
import Synchronization

/// Tensors of a file whose blocks are rounded with what a text says of their inputs.
final class CalibratedTensors: Sendable {
  private typealias Member = (key: WeightBinding.Key, layout: WeightLayout)

  private let calibration: Calibration
  private let steps: ConversionSteps
  private let members: [String: [Member]]
  /// Tables that no layer multiplies by.
  private let lookedUp: Set<String>
  private let reasons = Mutex<[UncalibratedMatrices]>([])

  /// The matrices that were rounded without calibration.
  var uncalibrated: [UncalibratedMatrices] { reasons.withLock { $0 } }

  /// - Parameters:
  ///   - text: what is read.
  ///   - model: what reads it.
  ///   - target: the same model as the file will have it.
  ///   - table: the names and layouts of the file.
  ///   - tensors: those of the file.
  ///   - steps: told of each piece of the work.
  init(
    _ text: CalibrationText, of model: PublishedModel, as target: ModelSpec, named table: WeightMap,
    _ tensors: [GGUFTensor], steps: ConversionSteps
  ) throws(FormatError) {
    let shapes = Dictionary(
      tensors.filter { $0.blockType != nil }.map { ($0.name, $0.shape) },
      uniquingKeysWith: { first, _ in first })
    let head = Calibration.headPath(of: target)
    var members: [String: [Member]] = [:]
    var lookedUp: Set<String> = []
    for slot in target.slots {
      guard let place = table.source(of: slot, withPrefix: true) else { continue }
      if shapes[place.name] == nil {
        for part in LatentExpansion.readings(of: place.name, slot.path, shapes) {
          members[part.name, default: []].append(
            (WeightBinding.Key(path: part.path, layer: slot.layer), part.layout))
        }
      } else if slot.layer == nil, slot.path != head {
        lookedUp.insert(place.name)
      } else {
        members[place.name, default: []].append(
          (WeightBinding.Key(path: slot.path, layer: slot.layer), place.layout))
      }
    }
    var wanted: [WeightBinding.Key: Int] = [:]
    for tensor in tensors {
      for member in members[tensor.name] ?? [] {
        wanted[member.key] = tensor.blockType?.blockWidth
      }
    }
    self.members = members
    self.lookedUp = lookedUp
    self.steps = steps
    calibration = try Calibration(text, of: model, wanted: wanted, steps: steps)
  }

  /// The tensors in the order in which the text comes to them, those without calibration first.
  func ordered(_ tensors: [GGUFTensor]) -> [GGUFTensor] {
    func stage(_ tensor: GGUFTensor) -> Int {
      members[tensor.name]?.first.map { $0.key.layer ?? .max } ?? -1
    }
    let stages = tensors.map(stage)
    return tensors.indices.sorted { (stages[$0], $0) < (stages[$1], $1) }.map { tensors[$0] }
  }

  /// The same tensor, whose blocks are made with the moments of its inputs.
  func calibrated(_ tensor: GGUFTensor) -> GGUFTensor {
    guard let type = tensor.blockType else { return tensor }
    guard let members = members[tensor.name] else {
      if !lookedUp.contains(tensor.name) { note(.notRead, tensor.shape.last ?? 0) }
      return tensor
    }
    return GGUFTensor(tensor.name, shape: tensor.shape, type: tensor.type) {
      () throws(FormatError) in
      let numbers = try tensor.numbers()
      // Blocks of this type already lose nothing.
      guard numbers.elementType.isFloatingPoint else { return numbers }
      var parts: [PlacedWeight] = []
      for (key, layout) in members {
        let weight = layout.weight(in: numbers)
        let blocks =
          switch try self.calibration.rounding(of: key) {
          case .compensating(let compensation):
            try BlockTensor(
              quantizing: weight, as: type, compensating: compensation, step: self.steps.goOn)
          case .plain(let reason): self.plain(weight, type, reason)
          }
        parts.append(PlacedWeight(layout: layout, weight: blocks.bytes))
      }
      numbers.releasePages()
      return WeightLayout.fileTensor(of: parts)
    }
  }

  private func plain(
    _ weight: Tensor, _ type: BlockType, _ reason: UncalibratedMatrices.Reason
  ) -> BlockTensor {
    note(reason, weight.shape.last ?? 0)
    return BlockTensor(quantizing: weight, as: type)
  }

  private func note(_ reason: UncalibratedMatrices.Reason, _ width: Int) {
    reasons.withLock { reasons in
      if let place = reasons.firstIndex(where: { $0.reason == reason && $0.width == width }) {
        reasons[place].count += 1
      } else {
        reasons.append(UncalibratedMatrices(count: 1, width: width, reason: reason))
      }
    }
  }
}

extension GGUFTensor {
  /// The blocks that it will be made of; nil for numbers.
  fileprivate var blockType: BlockType? {
    if case .blocks(let type) = type { type } else { nil }
  }
}
