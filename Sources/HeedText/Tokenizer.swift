/// Text to ids and back.
public protocol Tokenizer: Sendable {
  /// How many ids there are.
  var vocabularySize: Int { get }

  /// The ids of `text`.
  ///
  /// - Throws: `TokenizerError` when the vocabulary has no id for a part of it.
  func encode(_ text: String) throws -> [Int]

  /// The text of `ids`; ids that are none give U+FFFD.
  func decode(_ ids: [Int]) -> String
}

/// What a tokenizer cannot do.
public struct TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong, where, and what would help.
  public let description: String

  /// An error that says `description`.
  public init(_ description: String) { self.description = description }
}
