public import HeedTensor

/// Tensors by name: a file, several files, or a dictionary.
public protocol TensorSource: Sendable {
  /// The names of all tensors, in the order of the source.
  var tensorNames: [String] { get }

  /// Where the tensors come from, for messages.
  var place: String { get }

  /// One tensor.
  ///
  /// - Throws: `FormatError` when there is none of this name or it cannot be read.
  func tensor(named name: String) throws(FormatError) -> Tensor

  /// The shape of one tensor, without reading it.
  func shape(named name: String) throws(FormatError) -> [Int]

  /// One tensor as blocks of small weights; nil where it is made of numbers.
  func blocks(named name: String) throws(FormatError) -> BlockTensor?
}

extension TensorSource {
  /// The shape of one tensor.
  public func shape(named name: String) throws(FormatError) -> [Int] {
    try tensor(named: name).shape
  }

  /// Nil: made of numbers.
  public func blocks(named name: String) throws(FormatError) -> BlockTensor? { nil }
}

/// Tensors in memory as a source.
public struct TensorDictionary: TensorSource {
  /// The tensors.
  public var tensors: [String: Tensor]

  /// A source of the given tensors.
  public init(_ tensors: [String: Tensor]) { self.tensors = tensors }

  /// The names of all tensors, in the order of the source.
  public var tensorNames: [String] { tensors.keys.sorted() }

  /// Where the tensors come from, for messages.
  public var place: String { "memory" }

  /// One tensor; throws when there is none of this name.
  public func tensor(named name: String) throws(FormatError) -> Tensor {
    guard let tensor = tensors[name] else {
      throw FormatError(.missing, what: "no tensor \"\(name)\"", place: place)
    }
    return tensor
  }
}
