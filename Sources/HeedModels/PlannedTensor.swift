import HeedBlocks
import HeedFormats
import HeedTensor

/// A tensor of a file that is to be written, made when its turn comes.
struct PlannedTensor: Sendable {
  let name: String
  let shape: [Int]
  let make: @Sendable () throws(FormatError) -> Tensor
}

extension PublishedModel {
  /// The weights as the names and layouts of another table have them, in the order of the slots.
  ///
  /// - Parameters:
  ///   - table: has a row for every slot.
  ///   - target: the same model, whose norms may count their gains from another number.
  func tensors(
    named table: WeightMap, of target: ModelSpec
  ) throws(FormatError) -> [PlannedTensor] {
    let binding = try map.binding(of: spec, to: weights)
    let source = weights
    let shift = spec.gainOffset - target.gainOffset
    var order: [String] = []
    var slots: [String: [WeightSlot]] = [:]
    for slot in spec.slots {
      guard let place = table.source(of: slot, withPrefix: true) else {
        throw FormatError(
          .unsupported, what: "there is no name for \(slot.path)", place: source.place)
      }
      if slots[place.name] == nil { order.append(place.name) }
      slots[place.name, default: []].append(slot)
    }
    var result: [PlannedTensor] = []
    for name in order {
      guard let members = slots[name], let first = members.first,
        let place = table.source(of: first, withPrefix: true)
      else { continue }
      result.append(
        PlannedTensor(name: name, shape: place.layout.fileShape(of: first.shape)) {
          () throws(FormatError) in
          var parts: [PlacedWeight] = []
          for slot in members {
            guard let from = binding.source(slot.path, slot.layer),
              let to = table.source(of: slot, withPrefix: true)
            else {
              throw FormatError(.missing, what: "no weight for \(slot.path)", place: source.place)
            }
            var weight = from.layout.weight(in: try source.floatingPointTensor(named: from.name))
            if shift != 0, slot.path.hasSuffix(".gain") {
              weight = weight.converted(to: .float32) + shift
            }
            parts.append(PlacedWeight(layout: to.layout, weight: weight))
          }
          return WeightLayout.fileTensor(of: parts)
        })
    }
    return result
  }
}

extension ModelSpec {
  /// What the gains of norms count from, which is the same for all norms of a model.
  fileprivate var gainOffset: Double {
    if case .rms(_, let offset)? = finalNorm { offset } else { 0 }
  }
}
