/// What a model reads so that its weights are rounded for it.
public struct CalibrationText: Sendable, Hashable {
  /// The text as tokens of the model.
  public var tokens: [Int]
  /// What errors call it, such as the path of its file.
  public var place: String

  /// A text of the given tokens.
  public init(_ tokens: [Int], place: String = "the text of the calibration") {
    self.tokens = tokens
    self.place = place
  }
}
