public import HeedTensor

/// What a conversion did that was not asked for.
public struct ConversionReport: Sendable, Hashable {
  /// The tensors that were written with weights that are NaN or infinite, in the order of the file.
  public let damaged: [DamagedTensor]
  /// The matrices that are of another type than asked for.
  public let fallbacks: [ConversionFallback]
  /// The matrices that were rounded without the calibration that was asked for.
  public let uncalibrated: [UncalibratedMatrices]
  /// What came of tuning the rounded model; nil where nobody was to do it.
  public let tuning: ModelTuning?

  init(
    damaged: [DamagedTensor], fallbacks: [ConversionFallback],
    uncalibrated: [UncalibratedMatrices] = [], tuning: ModelTuning? = nil
  ) {
    self.damaged = damaged
    self.fallbacks = fallbacks
    self.uncalibrated = uncalibrated
    self.tuning = tuning
  }
}

/// Matrices of one width that were rounded without a calibration that was asked for.
public struct UncalibratedMatrices: Sendable, Hashable, CustomStringConvertible {
  /// Why a matrix was not calibrated.
  public enum Reason: String, Sendable {
    /// Fewer inputs reached it than it has columns, as with experts that a text does not choose: what few
    /// inputs have in common is more than what all have.
    case fewInputs = "few_inputs"
    /// The moments of its inputs do not fit into memory beside those of others.
    case memory
    /// What it is multiplied by is no number.
    case notFinite = "not_finite"
    /// No layer multiplies by it as it is stored.
    case notRead = "not_read"
  }

  /// How many matrices.
  public internal(set) var count: Int
  /// The length of their rows.
  public let width: Int
  /// Why.
  public let reason: Reason

  /// The text for people.
  public var description: String {
    let matrices = count == 1 ? "1 matrix" : "\(count) matrices"
    let cause =
      switch reason {
      case .fewInputs: "fewer than \(width) tokens of the text reached each"
      case .memory: "the moments of their inputs are too large for memory"
      case .notFinite: "their inputs are no numbers"
      case .notRead: "no layer multiplies by them as they are stored"
      }
    return "\(matrices) of rows of \(width) without calibration: \(cause)"
  }
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
