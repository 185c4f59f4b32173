public import HeedTensor

/// Something in a file, or in what a person gave, is not as it has to be.
///
/// `code` is for programs, the rest is for people. New codes may appear in a later version.
public struct FormatError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of mistake it is.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    private enum Kind: String {
      case unreadable, malformed, inconsistent, unsupported, missing, limit, interrupted
    }
    private let kind: Kind

    /// The file cannot be opened, read or written.
    public static let unreadable = Code(kind: .unreadable)
    /// The bytes are not of the format.
    public static let malformed = Code(kind: .malformed)
    /// Well formed, but the parts contradict each other.
    public static let inconsistent = Code(kind: .inconsistent)
    /// Valid, but Heed does not know it.
    public static let unsupported = Code(kind: .unsupported)
    /// Something that has to be there is absent.
    public static let missing = Code(kind: .missing)
    /// Larger or deeper than is accepted.
    public static let limit = Code(kind: .limit)
    /// Whoever asked for it does not want it any more.
    public static let interrupted = Code(kind: .interrupted)

    /// The text for people.
    public var description: String { kind.rawValue }
  }

  /// What kind of mistake it is.
  public var code: Code
  /// What is wrong.
  public var what: String
  /// Where: a file, and a byte, a key or a tensor in it.
  public var place: String
  /// What was expected instead.
  public var expected: String?
  /// What a person may do about it.
  public var hint: String?

  /// An error with its parts.
  public init(
    _ code: Code, what: String, place: String, expected: String? = nil, hint: String? = nil
  ) {
    self.code = code
    self.what = what
    self.place = place
    self.expected = expected
    self.hint = hint
  }

  /// A file that could not be opened or written.
  public init(_ error: FileError, hint: String? = nil) {
    self.init(
      .unreadable, what: "cannot \(error.operation) the file: \(error.reason)",
      place: error.path.isEmpty ? "\"\"" : error.path, hint: hint)
  }

  /// The text for people.
  public var description: String {
    var text = "\(place): \(what)"
    if let expected { text += "; expected \(expected)" }
    if let hint { text += " (\(hint))" }
    return text
  }
}

extension [String] {
  /// Names in a message: the first 20, and how many more there are.
  package var listed: String {
    let shown = prefix(20).joined(separator: ", ")
    return count > 20 ? "\(shown) and \(count - 20) more" : shown
  }
}
