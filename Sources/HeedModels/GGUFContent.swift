import HeedFormats
import HeedTensor

/// What an architecture needs of a GGUF file, one that is there or one that is about to be written.
protocol GGUFContent {
  /// The file, for messages.
  var path: String { get }
  /// The metadata of a key.
  subscript(key: String) -> GGUFValue? { get }
  /// The shape of a tensor; nil when there is none of this name.
  func knownShape(_ name: String) -> [Int]?
  /// A tensor.
  func tensor(named name: String) throws(FormatError) -> Tensor
}

extension GGUFFile: GGUFContent {
  func knownShape(_ name: String) -> [Int]? { entry(named: name)?.shape }
}

/// A file that is about to be written.
struct PlannedGGUF: GGUFContent {
  let path: String
  let metadata: [(key: String, value: GGUFValue)]
  let tensors: [GGUFTensor]

  subscript(key: String) -> GGUFValue? { metadata.first { $0.key == key }?.value }

  func knownShape(_ name: String) -> [Int]? { tensors.first { $0.name == name }?.shape }

  func tensor(named name: String) throws(FormatError) -> Tensor {
    guard let planned = tensors.first(where: { $0.name == name }) else {
      throw FormatError(.missing, what: "no tensor \"\(name)\"", place: path)
    }
    return try planned.numbers()
  }
}
