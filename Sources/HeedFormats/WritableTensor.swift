public import HeedTensor

/// A tensor that is to be written to a file.
///
/// `Kind` is what the format can make of numbers, so that nothing is asked of a writer that it cannot do:
/// GGUF files have numbers and blocks, safetensors files numbers alone.
public struct WritableTensor<Kind: Sendable>: Sendable {
  /// Its name.
  public let name: String
  /// The length of each axis, outermost first.
  public let shape: [Int]
  /// What it will be made of.
  public let type: Kind
  /// Makes it, when its turn comes: a file larger than memory can be written.
  package let numbers: @Sendable () throws(FormatError) -> Tensor

  /// A tensor whose numbers `numbers` gives; they are converted to `type`.
  ///
  /// - Parameter shape: that of the numbers.
  public init(
    _ name: String, shape: [Int], type: Kind,
    numbers: @escaping @Sendable () throws(FormatError) -> Tensor
  ) {
    self.name = name
    self.shape = shape
    self.type = type
    self.numbers = numbers
  }
}
