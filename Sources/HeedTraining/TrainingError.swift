/// Training cannot go on.
public struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of obstacle it is. New kinds may appear in a later version.
  public struct Code: Sendable, Hashable {
    private enum Kind { case diverged, foreignCheckpoint, occupied, busy, unusable }
    private let kind: Kind

    /// A loss or a gradient is NaN or infinite.
    public static let diverged = Code(kind: .diverged)
    /// A checkpoint belongs to another recipe or to other settings.
    public static let foreignCheckpoint = Code(kind: .foreignCheckpoint)
    /// The folder has an earlier run, which is not to be lost.
    public static let occupied = Code(kind: .occupied)
    /// Somebody else trains in the folder now.
    public static let busy = Code(kind: .busy)
    /// A file or a setting cannot be used.
    public static let unusable = Code(kind: .unusable)
  }

  /// What kind of obstacle it is.
  public var code: Code
  /// What is wrong.
  public var what: String
  /// The step in which it happened, counted from 1; nil outside steps.
  public var step: Int?
  /// Where the state before it can be found.
  public var lastCheckpoint: String?
  /// What a person may do about it.
  public var hint: String?

  /// An error with its parts.
  public init(
    _ code: Code, what: String, step: Int? = nil, lastCheckpoint: String? = nil,
    hint: String? = nil
  ) {
    self.code = code
    self.what = what
    self.step = step
    self.lastCheckpoint = lastCheckpoint
    self.hint = hint
  }

  /// What, where, and what may help, in one line.
  public var description: String {
    var text = step.map { "step \($0): \(what)" } ?? what
    if let lastCheckpoint { text += "; the last good checkpoint is \(lastCheckpoint)" }
    if let hint { text += " (\(hint))" }
    return text
  }
}
