public import HeedTensor

/// What a conversion did that was not asked for.
public struct ConversionReport: Sendable, Hashable {
  /// The tensors that were written with weights that are NaN or infinite, in the order of the file.
  public let damaged: [DamagedTensor]
  /// The matrices that are of another type than asked for.
  public let fallbacks: [ConversionFallback]
}

/// Matrices of one width that became another type than asked for, because their rows are no whole blocks
/// of it.
public struct ConversionFallback: Sendable, Hashable, CustomStringConvertible {
  /// How many matrices.
  public internal(set) var count: Int
  /// The length of their rows.
  public let width: Int
  /// The blocks that they were to be made of.
  public let wanted: BlockType
  /// The blocks that they are made of; nil for numbers in half precision.
  public let written: BlockType?

  /// The text for people.
  public var description: String {
    let matrices = count == 1 ? "1 matrix" : "\(count) matrices"
    return
      "\(matrices) of rows of \(width) became \(written?.rawValue ?? "f16"): \(wanted.rawValue) "
      + "needs multiples of \(wanted.blockWidth)"
  }

  func with(count: Int) -> ConversionFallback {
    ConversionFallback(count: count, width: width, wanted: wanted, written: written)
  }
}
