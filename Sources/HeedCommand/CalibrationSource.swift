import ArgumentParser
import HeedModels

/// What the blocks of a conversion are rounded for.
enum CalibrationSource: ExpressibleByArgument {
  /// What the text of a file makes the model read.
  case file(String)
  /// What a text that the model writes itself makes it read.
  case model
  /// Nothing: each block alone.
  case nothing
  /// Nothing, as there are no weights that become blocks.
  case needless

  init(argument: String) {
    self =
      switch argument {
      case "self": .model
      case "none": .nothing
      default: .file(argument)
      }
  }

  /// What it is where nobody has said: blocks of 8 and 6 bits lose so little that it is not worth the time.
  static func usual(for type: ConversionType) -> CalibrationSource {
    switch type {
    case .q4_0, .q4_1, .q4_k, .q5_0, .q5_1, .q5_k: .model
    case .f32, .f16, .bf16, .q8_0, .q6_k: .nothing
    }
  }

  /// The word of `--json`.
  var name: String {
    switch self {
    case .file: "text"
    case .model: "self"
    case .nothing, .needless: "none"
    }
  }
}

extension CalibrationSource: CustomStringConvertible {
  /// The words for people.
  var description: String {
    switch self {
    case .file(let path): "rounded for \(path)"
    case .model: "rounded for a text that it wrote"
    case .nothing: "each block rounded alone"
    case .needless: "blocks as they were"
    }
  }
}
