import HeedFormats
import HeedTensor
import Synchronization

// A download that was cut and repaired, a training that diverged, a weight that is too large for half
// precision: such a model still has its shapes, loads, and writes nonsense. Refusing it would take away
// what is left of it, so the conversion goes on and says what it saw.

/// A tensor that was written with weights that are NaN or infinite.
public struct DamagedTensor: Sendable, Hashable {
  /// Its name in the file that was written.
  public let name: String
  /// How many of its weights are NaN or infinite.
  public let count: Int
}

/// Looks at the weights that pass by on their way into a file.
final class WeightWatch: Sendable {
  private let found = Mutex<[DamagedTensor]>([])

  /// What was seen, in the order of the file.
  var damaged: [DamagedTensor] { found.withLock { $0 } }

  private func note(_ name: String, _ count: Int) {
    if count > 0 { found.withLock { $0.append(DamagedTensor(name: name, count: count)) } }
  }

  /// The same tensor, looked at when its turn comes, in the type in which it is written: there a weight
  /// may become infinite that was not. Those that become blocks are looked at before.
  func watching(_ tensor: GGUFTensor) -> GGUFTensor {
    GGUFTensor(tensor.name, shape: tensor.shape, type: tensor.type) {
      () throws(FormatError) in
      let numbers = try tensor.numbers()
      switch tensor.type {
      case .elements(let elementType):
        let result = numbers.converted(to: elementType)
        self.note(tensor.name, result.nonFiniteCount)
        return result
      case .blocks(let type):
        self.note(
          tensor.name,
          numbers.elementType == .uint8
            ? BlockTensor(type, bytes: numbers).nonFiniteCount : numbers.nonFiniteCount)
        return numbers
      }
    }
  }

  /// The same for a tensor of a folder.
  func watching(_ tensor: SafetensorsTensor) -> SafetensorsTensor {
    SafetensorsTensor(tensor.name, shape: tensor.shape, type: tensor.type) {
      () throws(FormatError) in
      let result = try tensor.numbers().converted(to: tensor.type)
      self.note(tensor.name, result.nonFiniteCount)
      return result
    }
  }
}
