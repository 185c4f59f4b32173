/// Why a template gave no text.
///
/// `kind` is for programs, the rest is for people. New kinds may appear in a later version.
public struct TemplateError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What sort of mistake it is.
  public struct Kind: Sendable, Hashable, CustomStringConvertible {
    private enum Name: String { case syntax, template, runtime, limit }
    private let name: Name

    /// The template cannot be read.
    public static let syntax = Kind(name: .syntax)
    /// The template itself refused (`raise_exception`), or used something that is not defined.
    public static let template = Kind(name: .template)
    /// An operation does not fit its values.
    public static let runtime = Kind(name: .runtime)
    /// Too many steps, too much text, or too deep.
    public static let limit = Kind(name: .limit)

    /// The text for people.
    public var description: String { name.rawValue }
  }

  /// What sort of mistake it is.
  public let kind: Kind
  /// What is wrong.
  public let message: String
  /// The line of the template, from 1; nil when it is not known.
  public var line: Int?

  /// An error with its parts.
  public init(_ kind: Kind, _ message: String, line: Int? = nil) {
    self.kind = kind
    self.message = message
    self.line = line
  }

  /// The text for people.
  public var description: String {
    "chat template" + (line.map { ", line \($0)" } ?? "") + ": \(message)"
  }
}
